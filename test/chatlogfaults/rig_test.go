package chatlogfaults

import (
	"database/sql"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

const (
	keyID  = "PARLEYFAULTSKEY00001"
	secret = "parley-faults-secret-0001"
	rooms  = 4
)

// rig is `parley serve` with rooms in it, logged ones and one that is not, and
// what their viewers got, over as many lives of the server as a test gives it.
type rig struct {
	*ledger
	t        *testing.T
	data     string
	flags    []string
	long     bool // messages have all the text they may have
	cmd      *exec.Cmd
	endpoint string
	logged   map[string]string // the ARNs of logged rooms by their ids
	plain    string            // the other room's ARN
	named    map[string]string // destinations by their logging configurations' ARNs
}

// What stands for destinations in what is printed.
const (
	aBucket   = "bucket"
	aLogGroup = "log group"
	aStream   = "stream"
)

func nameOf(d ivschat.DestinationConfiguration) string {
	switch {
	case d.S3 != nil:
		return aBucket
	case d.CloudWatchLogs != nil:
		return aLogGroup
	}
	return aStream
}

func toBucket() ivschat.DestinationConfiguration {
	return ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: "chat-logs"}}
}

func toLogGroup() ivschat.DestinationConfiguration {
	return ivschat.DestinationConfiguration{CloudWatchLogs: &ivschat.CloudWatchLogsDestinationConfiguration{LogGroupName: "chat-logs"}}
}

func toStream() ivschat.DestinationConfiguration {
	return ivschat.DestinationConfiguration{Firehose: &ivschat.FirehoseDestinationConfiguration{DeliveryStreamName: "chat-logs"}}
}

// newRig starts a server on the data directory, with rooms that are logged to the
// destinations.
func newRig(t *testing.T, data string, to []ivschat.DestinationConfiguration, flags ...string) *rig {
	t.Helper()
	r := &rig{ledger: newLedger(), t: t, data: data, flags: flags, logged: map[string]string{}, named: map[string]string{}}
	r.start()
	var logging []string
	for _, d := range to {
		lc, err := r.client().CreateLoggingConfiguration(t.Context(), &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: &d})
		if err != nil {
			t.Fatal(err)
		}
		logging = append(logging, lc.Arn)
		r.named[lc.Arn] = nameOf(d)
	}
	for range rooms {
		id, arn := r.room(logging)
		r.logged[id] = arn
	}
	_, r.plain = r.room(nil)
	return r
}

func (r *rig) room(logging []string) (id, arn string) {
	r.t.Helper()
	room, err := r.client().CreateRoom(r.t.Context(), &ivschat.CreateRoomInput{
		LoggingConfigurationIdentifiers: logging, MaximumMessageRatePerSecond: new(int32(100)),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return room.ID, room.Arn
}

// start has the server serve the data directory.
func (r *rig) start() {
	r.t.Helper()
	ready := filepath.Join(r.t.TempDir(), "ready.json")
	flags := append([]string{"serve", "--data", r.data, "--listen", "127.0.0.1:0", "--quotas", "none", "--banner", "none",
		"--log-level", "warn", "--ready-file", ready, "--chatlog-object-interval", "100ms", "--chatlog-event-interval", "50ms"}, r.flags...)
	cmd := exec.Command(os.Getenv(binary), flags...)
	cmd.Env = append(os.Environ(), "PARLEY_ACCESS_KEY_ID="+keyID, "PARLEY_SECRET_ACCESS_KEY="+secret,
		"FAULTS_KEY="+keyID, "FAULTS_SECRET="+secret)
	log, err := os.Create(filepath.Join(filepath.Dir(ready), "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // whatever it was: nothing of it may keep a disk busy
		if text, err := os.ReadFile(log.Name()); r.t.Failed() && err == nil {
			r.t.Logf("the server's log ends:\n%s", text[max(0, len(text)-4000):])
		}
	})
	r.cmd = cmd
	wait(r.t, "the server to start", func() bool {
		var said struct {
			Endpoint string `json:"api"`
		}
		data, err := os.ReadFile(ready)
		if err != nil || json.Unmarshal(data, &said) != nil {
			return false
		}
		r.endpoint = said.Endpoint
		return true
	})
}

// end stops the server with a signal and waits. SIGTERM has it ship what waits.
func (r *rig) end(how syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(how); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil && how != syscall.SIGKILL {
		r.t.Errorf("the server ended badly: %v", err)
	}
}

func (r *rig) client() *ivschat.Client {
	return ivschat.NewFromConfig(aws.Config{
		Region: "us-west-2", BaseEndpoint: &r.endpoint, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
	})
}

// outbox returns, of a server that has ended, how many records wait and which
// entries are dead letters, by destination. The database must be whole.
func (r *rig) outbox() (waiting int64, dead map[string]map[string]bool) {
	r.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(r.data, "parley.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	var whole string
	if err := db.QueryRowContext(r.t.Context(), "PRAGMA integrity_check").Scan(&whole); err != nil || whole != "ok" {
		r.t.Errorf("the database is not whole: %s, %v", whole, err)
	}
	s, err := store.Open(r.t.Context(), filepath.Join(r.data, "parley.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	if waiting, _, err = s.OutboxSize(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	letters, err := s.DeadLetters(r.t.Context(), 1_000_000)
	if err != nil {
		r.t.Fatal(err)
	}
	dead = map[string]map[string]bool{aBucket: {}, aLogGroup: {}, aStream: {}}
	for _, letter := range letters {
		dead[r.named[letter.LoggingConfiguration]][letter.Record.EntryID] = true
	}
	return waiting, dead
}

// hold compares what the destinations of a server that has ended hold with what
// viewers got. Nothing may be lost, nothing may wait, and nothing may be a dead
// letter but what a log group called too old.
func (r *rig) hold(what string, destinations map[string]*records, old int) {
	r.t.Helper()
	waiting, dead := r.outbox()
	if waiting > 0 {
		r.t.Errorf("%s: %d records wait for destinations that take them", what, waiting)
	}
	for _, name := range slices.Sorted(maps.Keys(destinations)) {
		r.ledger.hold(r.t, what+", "+name, destinations[name], dead[name])
	}
	if n := len(dead[aBucket]) + len(dead[aStream]); n > 0 || len(dead[aLogGroup]) != old {
		r.t.Errorf("%s: %d dead letters of bucket and stream, %d of the log group, which called %d too old", what, n, len(dead[aLogGroup]), old)
	}
}

// lacks tells how many delivered entries have not come to a destination yet.
func (r *rig) lacks(logged *records) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for room, got := range r.got {
		n += compare(got, logged.of(room, got)).lost
	}
	return n
}
