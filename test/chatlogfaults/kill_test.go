package chatlogfaults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

const (
	keyID  = "PARLEYFAULTSKEY00001"
	secret = "parley-faults-secret-0001"
	rooms  = 4
)

// process is `parley serve` on a data directory.
type process struct {
	cmd      *exec.Cmd
	endpoint string
}

func serve(t *testing.T, binary, data string) *process {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready.json")
	cmd := exec.Command(binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--quotas", "none", "--banner", "none",
		"--log-level", "error", "--ready-file", ready, "--chatlog-object-interval", "100ms", "--chatlog-event-interval", "50ms")
	cmd.Env = append(os.Environ(), "PARLEY_ACCESS_KEY_ID="+keyID, "PARLEY_SECRET_ACCESS_KEY="+secret)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 4000 {
		var said struct {
			Endpoint string `json:"api"`
		}
		if data, err := os.ReadFile(ready); err == nil && json.Unmarshal(data, &said) == nil {
			return &process{cmd, said.Endpoint}
		}
		<-tick.C
	}
	t.Fatal("the server did not start")
	return nil
}

func (p *process) client() *ivschat.Client {
	return ivschat.NewFromConfig(aws.Config{
		Region: "us-west-2", BaseEndpoint: &p.endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
	})
}

// end stops the process with a signal and waits.
func (p *process) end(t *testing.T, how syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(how); err != nil {
		t.Fatal(err)
	}
	p.cmd.Wait() // killed: that it ended badly is no news
}

// seen is what the viewers of all rooms got.
type seen struct {
	mu   sync.Mutex
	sent int
	ids  map[string][]string // by room id, in the order of delivery
}

func (s *seen) got(room, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[room] = append(s.ids[room], id)
}

func (s *seen) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ids := range s.ids {
		n += len(ids)
	}
	return n
}

// chat has a viewer and a sender in the room until the context ends.
func (s *seen) chat(ctx context.Context, t *testing.T, p *process, arn, id string) {
	join := func(user string) *messaging.Room {
		room, err := messaging.NewRoom(messaging.Config{
			RegionOrURL: "ws" + p.endpoint[len("http"):],
			TokenProvider: messaging.TokensFrom(p.client(), &ivschat.CreateChatTokenInput{
				RoomIdentifier: arn, UserID: user, Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
			}),
		})
		if err != nil {
			t.Error(err)
			return nil
		}
		if err := room.Connect(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		return room
	}
	viewer, sender := join("viewer"), join("sender")
	if viewer == nil || sender == nil {
		return
	}
	var viewing sync.WaitGroup
	viewing.Go(func() {
		for notice := range viewer.Events(ctx) {
			if m, ok := notice.(*messaging.Message); ok {
				s.got(id, m.ID)
			}
		}
	})
	for ctx.Err() == nil {
		s.mu.Lock()
		s.sent++
		s.mu.Unlock()
		// Whether it arrives is not known when the server dies meanwhile.
		if _, err := sender.SendMessage(ctx, messaging.SendMessageRequest{Content: "what was seen must be logged"}); err != nil {
			select { // the room's rate, or the end
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	viewing.Wait()
	viewer.Close()
	sender.Close()
}

// Whenever the server is killed: what any viewer got is in both destinations in
// the end, in the room's order, none of it broken. CHATLOG_KILLS is how often; 10.
func TestKilledServersLoseNothing(t *testing.T) {
	kills := 10
	if text := os.Getenv("CHATLOG_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(t.TempDir(), "parley")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/parley").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data := t.TempDir()
	arns := map[string]string{} // by room id
	saw := &seen{ids: map[string][]string{}}
	for range kills {
		p := serve(t, binary, data)
		if len(arns) == 0 {
			makeRooms(t, p.client(), arns)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var chatting sync.WaitGroup
		before := saw.count()
		for id, arn := range arns {
			chatting.Go(func() { saw.chat(ctx, t, p, arn, id) })
		}
		wait(t, "a delivery", func() bool { return saw.count() > before })
		<-time.After(rand.N(400 * time.Millisecond)) // the moment of death
		p.end(t, syscall.SIGKILL)
		cancel()
		chatting.Wait()
	}
	serve(t, binary, data).end(t, syscall.SIGTERM) // ships what waits

	for what, logged := range map[string]map[string][]string{"bucket": objects(t, data), "log group": events(t, data)} {
		var all result
		records := 0
		for room, ids := range saw.ids {
			r := compare(ids, logged[room])
			records += len(logged[room])
			all = result{all.doubled + r.doubled, all.lost + r.lost, all.reordered + r.reordered}
		}
		fmt.Printf("%d kills, %s: sent %d, delivered %d, logged %d, doubled %d, lost %d, out of order %d\n",
			kills, what, saw.sent, saw.count(), records, all.doubled, all.lost, all.reordered)
		if all.lost > 0 || all.reordered > 0 {
			t.Errorf("%s: %d records lost, %d out of order", what, all.lost, all.reordered)
		}
	}
}

func makeRooms(t *testing.T, c *ivschat.Client, arns map[string]string) {
	t.Helper()
	var logging []string
	for _, d := range []ivschat.DestinationConfiguration{
		{S3: &ivschat.S3DestinationConfiguration{BucketName: "chat-logs"}},
		{CloudWatchLogs: &ivschat.CloudWatchLogsDestinationConfiguration{LogGroupName: "chat-logs"}},
	} {
		lc, err := c.CreateLoggingConfiguration(t.Context(), &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: &d})
		if err != nil {
			t.Fatal(err)
		}
		logging = append(logging, lc.Arn)
	}
	for range rooms {
		room, err := c.CreateRoom(t.Context(), &ivschat.CreateRoomInput{
			LoggingConfigurationIdentifiers: logging, MaximumMessageRatePerSecond: new(int32(100)),
		})
		if err != nil {
			t.Fatal(err)
		}
		arns[room.ID] = room.Arn
	}
}

func wait(t *testing.T, what string, until func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 30_000 {
		if until() {
			return
		}
		<-tick.C
	}
	t.Fatalf("waited in vain for %s", what)
}
