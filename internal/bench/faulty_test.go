package bench_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/parleychat/parley/internal/bench"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// faulty is a chat service of one room that can be made to err. deliver says
// what the member of that number gets of the message of that number: the bytes
// written to its connection.
type faulty struct {
	ivschat.API
	deliver func(member, message int, frame []byte) []byte

	mu      sync.Mutex // guards what follows, and the order of writes
	members []net.Conn
	sent    int
}

func (*faulty) CreateRoom(context.Context, *ivschat.CreateRoomInput) (*ivschat.Room, error) {
	return &ivschat.Room{Arn: "arn"}, nil
}

func (*faulty) DeleteRoom(context.Context, *ivschat.DeleteRoomInput) (*ivschat.DeleteRoomOutput, error) {
	return &ivschat.DeleteRoomOutput{}, nil
}

func (*faulty) CreateChatToken(_ context.Context, in *ivschat.CreateChatTokenInput) (*ivschat.CreateChatTokenOutput, error) {
	return &ivschat.CreateChatTokenOutput{Token: in.UserID, TokenExpirationTime: time.Now().Add(time.Hour)}, nil
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	up := ws.HTTPUpgrader{Protocol: func(string) bool { return true }}
	nc, _, _, err := up.Upgrade(r, w)
	if err != nil {
		return
	}
	defer nc.Close()
	f.mu.Lock()
	f.members = append(f.members, nc)
	f.mu.Unlock()
	for {
		text, op, err := wsutil.ReadClientData(nc)
		if err != nil {
			return
		}
		if op == ws.OpText {
			f.publish(text)
		}
	}
}

func (f *faulty) publish(text []byte) {
	request, err := messaging.ParseRequest(text)
	if err != nil {
		return
	}
	m := messaging.Message{ID: "abcdefghijkl", RequestID: request.RequestID, Content: request.Content, SendTime: time.Now()}
	frame := ws.MustCompileFrame(ws.NewTextFrame(m.Append(nil)))
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, nc := range f.members {
		// Who is gone gets nothing.
		_, _ = nc.Write(f.deliver(i, f.sent, frame))
	}
	f.sent++
}

func TestFaultsAreFound(t *testing.T) {
	const members = 4
	var held []byte
	for _, tt := range []struct {
		name    string
		deliver func(member, message int, frame []byte) []byte
		check   func(m *bench.Messages) bool
	}{
		{"none, but odd frames", func(member, _ int, frame []byte) []byte {
			if member%2 == 0 {
				return frame
			}
			r := bytes.NewReader(frame)
			if _, err := ws.ReadHeader(r); err != nil {
				t.Error(err)
			}
			text := frame[len(frame)-r.Len():]
			// In parts, with a ping between them.
			out := ws.MustCompileFrame(ws.NewFrame(ws.OpText, false, text[:70]))
			out = append(out, ws.CompiledPing...)
			return append(out, ws.MustCompileFrame(ws.NewFrame(ws.OpContinuation, true, text[70:]))...)
		}, func(m *bench.Messages) bool {
			return m.Lost+m.Doubled+m.Reordered+m.Foreign == 0 && m.Delivered == members*m.Sent
		}},
		{"one lost", func(member, message int, frame []byte) []byte {
			if member == 3 && message == 4 {
				return nil
			}
			return frame
		}, func(m *bench.Messages) bool { return m.Lost == 1 && m.Doubled == 0 && m.Expected == members*m.Sent }},
		{"one lost for all", func(_, message int, frame []byte) []byte {
			if message == 4 {
				return nil
			}
			return frame
		}, func(m *bench.Messages) bool { return m.Lost == members && m.Unanswered == 1 && m.Doubled == 0 }},
		{"one twice", func(member, message int, frame []byte) []byte {
			if member == 2 && message == 4 {
				return append(frame[:len(frame):len(frame)], frame...)
			}
			return frame
		}, func(m *bench.Messages) bool { return m.Lost == 0 && m.Doubled == 1 && m.Delivered == members*m.Sent }},
		{"two swapped for one", func(member, message int, frame []byte) []byte {
			switch {
			case member == 3 && message == 4:
				held = frame
				return nil
			case member == 3 && message == 5:
				return append(frame[:len(frame):len(frame)], held...)
			}
			return frame
		}, func(m *bench.Messages) bool { return m.Lost == 0 && m.Doubled == 0 && m.Reordered >= 1 }},
		{"somebody else's", func(member, _ int, frame []byte) []byte {
			other := messaging.Message{ID: "aaaaaaaaaaaa", Content: "hello", SendTime: time.Now()}
			return append(ws.MustCompileFrame(ws.NewTextFrame(other.Append(nil))), frame...)
		}, func(m *bench.Messages) bool { return m.Foreign == members*m.Sent && m.Lost == 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &faulty{deliver: tt.deliver}
			srv := httptest.NewServer(f)
			defer srv.Close()
			tg := &bench.Target{API: f, Endpoint: srv.URL, URLs: []string{"ws" + strings.TrimPrefix(srv.URL, "http")}, ServerPID: []int{-1}}
			r, err := bench.Fanout(t.Context(), tg, bench.ChatOptions{
				Members: members, Senders: 2, Rate: 16, Arrivals: bench.Even, For: time.Second,
			}, quiet)
			if err != nil {
				t.Fatal(err)
			}
			if m := r.Messages; m.Sent < 15 || !tt.check(m) {
				t.Errorf("messages %+v", m)
			}
			fine := strings.HasPrefix(tt.name, "none") || strings.HasPrefix(tt.name, "somebody")
			if fine != (len(r.Problems) == 0) {
				t.Errorf("problems %q", r.Problems)
			}
		})
	}
}

// A viewer that never reads is closed by the service; the others lose nothing.
func TestStalledViewersAreCounted(t *testing.T) {
	bothWays(t, func(t *testing.T, tg *bench.Target, client *ivschat.Client) {
		kicked := false
		room, err := client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Name: new("mine")})
		if err != nil {
			t.Fatal(err)
		}
		r, err := bench.Fanout(t.Context(), tg, bench.ChatOptions{
			Members: 3, Rate: 5, For: 3 * time.Second, Stalled: 1, RoomARN: room.Arn,
		}, func(s bench.Status) {
			if s.Delivered == 0 || kicked {
				return
			}
			kicked = true
			in := &ivschat.DisconnectUserInput{RoomIdentifier: room.Arn, UserID: "bench-3"}
			if _, err := client.DisconnectUser(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
		clean(t, r, err)
		if r.Messages.Delivered != 3*r.Messages.Sent || r.Connections.Stalled != 1 {
			t.Errorf("messages %+v, connections %+v", r.Messages, r.Connections)
		}
		// The portable way does not look at a connection it does not read.
		if n := r.Connections.StalledEnds["close 1000"]; n != 1 && !tg.Portable {
			t.Errorf("stalled ends %v", r.Connections.StalledEnds)
		}
	})
}
