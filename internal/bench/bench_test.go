package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parleychat/parley/internal/bench"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/ivschattest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// target is a server of the test's own, reached the raw way or the portable.
func target(t *testing.T, portable bool) (*bench.Target, *ivschat.Client) {
	t.Helper()
	srv := ivschattest.New(t)
	client := srv.Client()
	t.Cleanup(client.CloseIdleConnections)
	return &bench.Target{API: client, Endpoint: srv.URL, URLs: []string{srv.WebSocketURL}, Portable: portable, Prefix: "bench-test"}, client
}

func quiet(bench.Status) {}

// bothWays runs a test on raw sockets, where there are any, and without.
func bothWays(t *testing.T, test func(*testing.T, *bench.Target, *ivschat.Client)) {
	for _, portable := range []bool{false, true} {
		t.Run(fmt.Sprintf("portable=%t", portable), func(t *testing.T) {
			tg, client := target(t, portable)
			test(t, tg, client)
			// Whatever a run makes, it takes away.
			rooms, err := client.ListRooms(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rooms.Rooms {
				if strings.HasPrefix(r.Name, "bench-test") {
					t.Errorf("room %s is still there", r.Name)
				}
			}
		})
	}
}

func clean(t *testing.T, r *bench.Report, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) > 0 {
		t.Fatalf("problems: %q", r.Problems)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
}

// every checks that a latency was measured so often.
func every(t *testing.T, r *bench.Report, name string, count int) {
	t.Helper()
	l := r.Latency[name]
	if l.Count != int64(count) || l.Min <= 0 || l.P50 < l.Min || l.P99 < l.P50 || l.Max < l.P99 {
		t.Errorf("%s: %+v, want %d of them in order", name, l, count)
	}
}

func TestFanout(t *testing.T) {
	bothWays(t, func(t *testing.T, tg *bench.Target, _ *ivschat.Client) {
		phases := map[string]bool{}
		r, err := bench.Fanout(t.Context(), tg, bench.ChatOptions{
			Rooms: 3, Members: 15, Rate: 20, For: time.Second, Seed: 7, Payload: 200,
		}, func(s bench.Status) { phases[s.Phase] = true })
		clean(t, r, err)
		m := r.Messages
		if m.Sent != m.Planned || m.Sent == 0 || m.Accepted != m.Sent || m.Delivered != 15*m.Sent || m.Expected != m.Delivered {
			t.Errorf("messages %+v", m)
		}
		if r.Connections.Opened != 45 || r.Connections.Wanted != 45 || r.Window.Reads == 0 || r.Window.FramesPerRead < 1 {
			t.Errorf("connections %+v, window %+v", r.Connections, r.Window)
		}
		every(t, r, "connect", 45)
		every(t, r, "deliver", m.Delivered)
		every(t, r, "ack", m.Sent)
		if !phases["connect"] || !phases["run"] || !phases["drain"] {
			t.Errorf("phases %v", phases)
		}
		var log bytes.Buffer
		if err := r.WriteHistograms(&log); err != nil || strings.Count(log.String(), "Tag=") != len(r.Latency) {
			t.Errorf("histograms %v:\n%s", err, &log)
		}
	})
}

// The same seed asks for the same.
func TestFanoutEvenAndWarmUp(t *testing.T) {
	tg, _ := target(t, false)
	r, err := bench.Fanout(t.Context(), tg, bench.ChatOptions{
		Members: 4, Rate: 40, For: 500 * time.Millisecond, WarmUp: 500 * time.Millisecond, Arrivals: bench.Even, Senders: 4,
	}, quiet)
	clean(t, r, err)
	if r.Messages.Planned != 40 || r.Latency["ack"].Count != 20 {
		t.Errorf("messages %+v, ack %+v; want 40 and half of them measured", r.Messages, r.Latency["ack"])
	}
}

func TestSendIntoAGivenRoom(t *testing.T) {
	tg, client := target(t, false)
	room, err := client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Name: new("mine")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := bench.Send(t.Context(), tg, bench.ChatOptions{Members: 3, Rate: 9, For: time.Second, RoomARN: room.Arn}, quiet)
	clean(t, r, err)
	if r.Messages.Delivered != 3*r.Messages.Sent {
		t.Errorf("messages %+v", r.Messages)
	}
	if _, err := client.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: room.Arn}); err != nil {
		t.Errorf("the given room: %v", err)
	}
}

// A room that takes less than is sent answers ERROR 429: refused, not lost.
func TestRefusedIsNotLost(t *testing.T) {
	tg, client := target(t, false)
	rate := int32(1)
	room, err := client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: &rate})
	if err != nil {
		t.Fatal(err)
	}
	r, err := bench.Fanout(t.Context(), tg, bench.ChatOptions{
		Members: 5, Rate: 20, Arrivals: bench.Even, For: time.Second, RoomARN: room.Arn,
	}, quiet)
	clean(t, r, err)
	m := r.Messages
	if m.Throttled == 0 || m.Throttled != m.Refused["429"] || m.Accepted+m.Throttled != m.Sent || m.Delivered != 5*m.Accepted {
		t.Errorf("messages %+v", m)
	}
	every(t, r, "ack", m.Sent)
}

func TestMixed(t *testing.T) {
	bothWays(t, func(t *testing.T, tg *bench.Target, _ *ivschat.Client) {
		r, err := bench.Mixed(t.Context(), tg, bench.ChatOptions{
			Sizes: []int{12, 6, 3}, Rate: 10, For: 2 * time.Second, Churn: 60, Stalled: 3,
		}, quiet)
		clean(t, r, err)
		if r.Connections.Left == 0 || r.Connections.Opened <= 24 || r.Connections.Stalled != 3 {
			t.Errorf("connections %+v", r.Connections)
		}
		if r.Connections.Opened != r.Connections.Wanted {
			t.Errorf("opened %d of %d", r.Connections.Opened, r.Connections.Wanted)
		}
		if r.Messages.Delivered == 0 || r.Messages.Accepted != r.Messages.Sent {
			t.Errorf("messages %+v", r.Messages)
		}
	})
}

func TestConnect(t *testing.T) {
	bothWays(t, func(t *testing.T, tg *bench.Target, _ *ivschat.Client) {
		tg.Locals = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		r, err := bench.Connect(t.Context(), tg, bench.CrowdOptions{Conns: 20, Rooms: 2, Rounds: 3, Dialing: 20}, quiet)
		clean(t, r, err)
		if r.Connections.Opened != 60 || r.Window.Units != 60 || r.Connections.Left != 60 {
			t.Errorf("connections %+v, window %+v", r.Connections, r.Window)
		}
		every(t, r, "connect", 60)
	})
}

func TestIdle(t *testing.T) {
	bothWays(t, func(t *testing.T, tg *bench.Target, _ *ivschat.Client) {
		r, err := bench.Idle(t.Context(), tg, bench.CrowdOptions{
			Conns: 20, Rooms: 1, Rounds: 1, Dialing: 5, Rate: 200, Hold: 100 * time.Millisecond,
		}, quiet)
		clean(t, r, err)
		if r.Connections.Opened != 20 || r.Window.Seconds < 0.1 {
			t.Errorf("connections %+v, window %+v", r.Connections, r.Window)
		}
	})
}

func TestAPI(t *testing.T) {
	for _, operation := range bench.APIOperations() {
		tg, _ := target(t, false)
		r, err := bench.API(t.Context(), tg, bench.APIOptions{Operation: operation, Workers: 2, For: 200 * time.Millisecond}, quiet)
		clean(t, r, err)
		if r.Operations.Done == 0 || r.Window.Units == 0 || r.Operations.Operation != operation {
			t.Errorf("operations %+v, window %+v", r.Operations, r.Window)
		}
		if l := r.Latency["operation"]; l.Count == 0 || l.Min <= 0 {
			t.Errorf("%s: %+v", operation, l)
		}
	}
}

// An interrupted run ends, tidies up and reports what it has.
func TestInterrupted(t *testing.T) {
	tg, client := target(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := bench.Fanout(ctx, tg, bench.ChatOptions{Members: 5, Rate: 20, For: time.Hour}, func(s bench.Status) {
		if s.Delivered > 0 {
			cancel()
		}
	})
	clean(t, r, err)
	if !r.Interrupted || r.Messages.Delivered == 0 || r.Messages.Delivered != 5*r.Messages.Sent {
		t.Errorf("interrupted %t, messages %+v", r.Interrupted, r.Messages)
	}
	if rooms, err := client.ListRooms(t.Context(), nil); err != nil || len(rooms.Rooms) > 1 { // the lobby may be there
		t.Errorf("rooms %+v, %v", rooms, err)
	}
}

// A room that ends under its members is a run that failed.
func TestConnectionsThatTheServiceEnds(t *testing.T) {
	bothWays(t, func(t *testing.T, tg *bench.Target, client *ivschat.Client) {
		room, err := client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Name: new("mine")})
		if err != nil {
			t.Fatal(err)
		}
		kicked := false
		r, err := bench.Fanout(t.Context(), tg, bench.ChatOptions{Members: 4, Rate: 5, For: 3 * time.Second, RoomARN: room.Arn},
			func(s bench.Status) {
				if s.Delivered == 0 || kicked {
					return
				}
				kicked = true
				_, err := client.DisconnectUser(t.Context(), &ivschat.DisconnectUserInput{RoomIdentifier: room.Arn, UserID: "bench-3"})
				if err != nil {
					t.Error(err)
				}
			})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"close 1000": 1}, r.Connections.ClosedEarly); diff != "" {
			t.Errorf("closed early: -want +got\n%s", diff)
		}
		if r.Messages.Lost == 0 || len(r.Problems) < 2 {
			t.Errorf("messages %+v, problems %q", r.Messages, r.Problems)
		}
	})
}

func TestHandshakesThatAreRefused(t *testing.T) {
	bothWays(t, func(t *testing.T, tg *bench.Target, _ *ivschat.Client) {
		tg.API, tg.Workers = used{tg.API, new(string)}, 1
		r, err := bench.Connect(t.Context(), tg, bench.CrowdOptions{Conns: 3, Rooms: 1, Rounds: 1, Dialing: 3}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"refused: 403 Forbidden": 2}
		if diff := cmp.Diff(want, r.Connections.Failed); diff != "" || len(r.Problems) != 1 {
			t.Errorf("problems %q, failed: -want +got\n%s", r.Problems, diff)
		}
	})
}

// used gives the same chat token to all.
type used struct {
	ivschat.API
	token *string
}

func (u used) CreateChatToken(ctx context.Context, in *ivschat.CreateChatTokenInput) (*ivschat.CreateChatTokenOutput, error) {
	out, err := u.API.CreateChatToken(ctx, in)
	if err != nil {
		return nil, err
	}
	if *u.token == "" {
		*u.token = out.Token
	}
	out.Token = *u.token
	return out, nil
}

func TestRefusedUpFront(t *testing.T) {
	here := func() *bench.Target {
		return &bench.Target{Endpoint: "http://127.0.0.1:1", URLs: []string{"ws://127.0.0.1:1"}}
	}
	good := bench.ChatOptions{Members: 10, Rate: 10, For: time.Second}
	for _, tt := range []struct {
		name   string
		change func(*bench.Target, *bench.ChatOptions)
		want   string
	}{
		{"elsewhere", func(tg *bench.Target, _ *bench.ChatOptions) { tg.Endpoint = "https://ivschat.us-west-2.amazonaws.com" }, "--i-own-this-host"},
		{"messaging elsewhere", func(tg *bench.Target, _ *bench.ChatOptions) { tg.URLs = []string{"ws://192.0.2.1"} }, "--i-own-this-host"},
		{"a name that looks local", func(tg *bench.Target, _ *bench.ChatOptions) { tg.Endpoint = "http://localhost.example.com" }, "--i-own-this-host"},
		{"too fast for a room", func(_ *bench.Target, o *bench.ChatOptions) { o.Rate = 101 }, "at most 100"},
		{"too fast for its senders", func(_ *bench.Target, o *bench.ChatOptions) { o.Rate, o.Senders = 50, 4 }, "at least 5 senders"},
		{"too few members", func(_ *bench.Target, o *bench.ChatOptions) { o.Members = 1 }, "members"},
		{"too small", func(_ *bench.Target, o *bench.ChatOptions) { o.Payload = 10 }, "payload"},
		{"too large", func(_ *bench.Target, o *bench.ChatOptions) { o.Payload = 501 }, "payload"},
		{"no time", func(_ *bench.Target, o *bench.ChatOptions) { o.For = 0 }, "time"},
		{"unknown arrivals", func(_ *bench.Target, o *bench.ChatOptions) { o.Arrivals = "odd" }, "poisson"},
		{"more than files", func(_ *bench.Target, o *bench.ChatOptions) { o.Stalled = 1 << 30 }, "do not fit"},
		{"one room for several", func(_ *bench.Target, o *bench.ChatOptions) { o.RoomARN, o.Rooms = "arn", 2 }, "stand for several"},
	} {
		tg, o := here(), good
		tt.change(tg, &o)
		r, err := bench.Fanout(t.Context(), tg, o, quiet)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v; want %q in it", tt.name, r, err, tt.want)
		}
	}
	if owned := here(); runtime.GOOS == "linux" {
		owned.URLs = []string{"ws://[::1]:1"}
		if err := owned.Check(1 << 17); err == nil || !strings.Contains(err.Error(), "do not fit") {
			t.Errorf("131,072 connections from one address: %v", err)
		}
	}
	owned := here()
	owned.Endpoint, owned.OwnHost = "https://192.0.2.1", true
	if err := owned.Check(1); err != nil {
		t.Errorf("an own host: %v", err)
	}
	if r, err := bench.API(t.Context(), here(), bench.APIOptions{Operation: "DeleteRoom", Workers: 1, For: 1}, quiet); err == nil {
		t.Errorf("DeleteRoom: %v", r)
	}
}

// A service that fails to make rooms stops the run with its own words.
func TestSetUpFails(t *testing.T) {
	tg, _ := target(t, false)
	tg.API = broken{tg.API}
	if r, err := bench.Fanout(t.Context(), tg, bench.ChatOptions{Members: 3, Rate: 1, For: time.Second}, quiet); !errors.Is(err, errBroken) {
		t.Errorf("got %v, %v", r, err)
	}
}

type broken struct{ ivschat.API }

var errBroken = errors.New("broken")

func (broken) CreateRoom(context.Context, *ivschat.CreateRoomInput) (*ivschat.Room, error) {
	return nil, errBroken
}
