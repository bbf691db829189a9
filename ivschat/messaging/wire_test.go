package messaging_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/ivschat/messaging"
)

const okFrame = `{"Type":"MESSAGE","Id":"last","Content":"last"}`

func textFrame(text string) ws.Frame { return ws.NewTextFrame([]byte(text)) }

// What a service may send, and what a room makes of it.
func TestFramesThatAreFine(t *testing.T) {
	long := strings.Repeat("é", 50_000)
	part := func(op ws.OpCode, fin bool, text string) ws.Frame { return ws.NewFrame(op, fin, []byte(text)) }
	for name, test := range map[string]struct {
		frames []ws.Frame
		want   []string
		stats  messaging.Stats // Received without the last
	}{
		"a long message": {
			frames: []ws.Frame{textFrame(`{"Type":"MESSAGE","Id":"1","Content":"` + long + `"}`)},
			want:   []string{long}, stats: messaging.Stats{Received: 1},
		},
		"as long as the buffer": {
			frames: []ws.Frame{textFrame(`{"Type":"MESSAGE","Id":"1","Content":"` + strings.Repeat("x", 1024-40) + `"}`)},
			want:   []string{strings.Repeat("x", 1024-40)}, stats: messaging.Stats{Received: 1},
		},
		"fragments, a ping among them": {
			frames: []ws.Frame{
				part(ws.OpText, false, `{"Type":"MESSAGE","Id":"1",`), part(ws.OpContinuation, false, ""), ws.NewPingFrame(nil), ws.NewPongFrame([]byte("x")),
				part(ws.OpContinuation, false, "\"Content\":\"\xc3"), part(ws.OpContinuation, true, "\xa9\"}"),
				textFrame(`{"Type":"MESSAGE","Id":"2","Content":"after"}`),
			},
			want: []string{"é", "after"}, stats: messaging.Stats{Received: 2},
		},
		"what later versions may send": {
			frames: []ws.Frame{
				textFrame(`{"Type":"PRESENCE","Id":"1"}`), textFrame(`{"Type":"MESSAGE","Id":"1","New":{"a":[null]},"Content":"x"}`),
			},
			want: []string{"x"}, stats: messaging.Stats{Received: 1, Unknown: 1},
		},
		"what makes no sense": {
			frames: []ws.Frame{
				textFrame(``), textFrame(`{`), textFrame(`[]`), textFrame(`null`), textFrame(`{"Type":"MESSAGE","Content":"no id"}`),
				textFrame(`{"Type":"EVENT","Id":"1"}`), textFrame(`{"Type":"ERROR","Id":"1"}`),
			},
			stats: messaging.Stats{Undecodable: 7},
		},
		"system events that lack what makes them so": {
			frames: []ws.Frame{
				textFrame(`{"Type":"EVENT","Id":"1","EventName":"aws:DELETE_MESSAGE","Attributes":{"Reason":"x"}}`),
				textFrame(`{"Type":"EVENT","Id":"2","EventName":"aws:DISCONNECT_USER","Attributes":null}`),
				textFrame(`{"Type":"EVENT","Id":"3","EventName":"aws:DELETE_MESSAGE","Attributes":{"MessageID":"old"}}`),
				textFrame(`{"Type":"EVENT","Id":"4","EventName":"aws:DELETE_MESSAGE","Attributes":{"MessageId":"new"}}`),
			},
			want: []string{"event aws:DELETE_MESSAGE", "event aws:DISCONNECT_USER", "deleted old", "deleted new"}, stats: messaging.Stats{Received: 4},
		},
		"an error for nobody": {
			frames: []ws.Frame{textFrame(`{"Type":"ERROR","Id":"1","RequestId":"","ErrorCode":500,"ErrorMessage":"x"}`)},
			stats:  messaging.Stats{Received: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStub(t)
				r, l := s.connected(nil)
				go l.serve() // reads the pongs
				l.write(test.frames...)
				l.write(textFrame(okFrame))
				var got []string
				for last := false; !last; {
					for n := range r.Events(t.Context()) {
						switch n := n.(type) {
						case *messaging.Message:
							last = n.Content == "last"
							got = append(got, n.Content)
						case *messaging.Event:
							got = append(got, "event "+n.Name)
						case *messaging.MessageDeleted:
							got = append(got, "deleted "+n.MessageID)
						default:
							t.Fatalf("%T came", n)
						}
						break
					}
				}
				if diff := cmp.Diff(append(test.want, "last"), got); diff != "" {
					t.Error(diff)
				}
				test.stats.Connections = 1
				test.stats.Received++
				if diff := cmp.Diff(test.stats, r.Stats()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A connection whose bytes break the rules is closed with the code of the rule
// and made anew.
func TestFramesThatAreNot(t *testing.T) {
	masked := textFrame("{}")
	masked.Header.Masked = true
	reserved := textFrame("{}")
	reserved.Header.Rsv = 4
	huge := ws.Frame{Header: ws.Header{Fin: true, OpCode: ws.OpText, Length: 1<<20 + 1}}
	half := func(op ws.OpCode) ws.Frame { return ws.NewFrame(op, false, bytes.Repeat([]byte("x"), 600<<10)) }
	for name, test := range map[string]struct {
		frames []ws.Frame
		code   ws.StatusCode
	}{
		"masked":                   {[]ws.Frame{masked}, 1002},
		"a reserved bit":           {[]ws.Frame{reserved}, 1002},
		"a reserved opcode":        {[]ws.Frame{ws.NewFrame(5, true, nil)}, 1002},
		"continuation of nothing":  {[]ws.Frame{ws.NewFrame(ws.OpContinuation, true, nil)}, 1002},
		"a message within another": {[]ws.Frame{ws.NewFrame(ws.OpText, false, nil), textFrame("{}")}, 1002},
		"a ping in fragments":      {[]ws.Frame{ws.NewFrame(ws.OpPing, false, nil)}, 1002},
		"a long ping":              {[]ws.Frame{ws.NewPingFrame(make([]byte, 126))}, 1002},
		"a Close of one byte":      {[]ws.Frame{ws.NewCloseFrame([]byte{3})}, 1002},
		"a Close code not for use": {[]ws.Frame{ws.NewCloseFrame(ws.NewCloseFrameBody(1006, ""))}, 1002},
		"too long":                 {[]ws.Frame{huge}, 1009},
		"too long in sum":          {[]ws.Frame{half(ws.OpText), half(ws.OpContinuation)}, 1009},
		"not UTF-8":                {[]ws.Frame{textFrame("{\"Type\":\"\xff\"}")}, 1007},
		"binary":                   {[]ws.Frame{ws.NewBinaryFrame([]byte("{}"))}, 1003},
		"long binary":              {[]ws.Frame{ws.NewBinaryFrame(make([]byte, 5000))}, 1003},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStub(t)
				r, l := s.connected(nil)
				go func() {
					// The client may have gone before it has read all.
					for _, f := range test.frames {
						ws.WriteFrame(l, f)
					}
				}()
				if code := l.closes(); code != test.code {
					t.Errorf("closed with %d, want %d", code, test.code)
				}
				l.Close()
				go func() { s.accept().serve() }()
				becomes(t, r, messaging.StateConnecting)
				becomes(t, r, messaging.StateConnected)
				send(t, r, "again")
			})
		})
	}
}

// Whatever the code of a Close frame, the service means it.
func TestACloseFrameIsFinal(t *testing.T) {
	for _, code := range []ws.StatusCode{1000, 1001, 1008, 1011, 1012, 3000, 4001, 0} {
		synctest.Test(t, func(t *testing.T) {
			s := newStub(t)
			r, l := s.connected(nil)
			body, echo := ws.NewCloseFrameBody(code, "stay away"), code
			if code == 0 {
				body, echo = nil, 1000
			}
			go l.write(ws.NewCloseFrame(body))
			if got := l.closes(); got != echo {
				t.Errorf("%d: answered with %d", code, got)
			}
			l.Close()
			change := becomes(t, r, messaging.StateDisconnected)
			if change.Reason != messaging.ReasonServerDisconnect {
				t.Errorf("%d: became %+v", code, change)
			}
			time.Sleep(time.Hour)
			if n := r.Stats(); n.Connections != 1 || n.Failures != 0 {
				t.Errorf("%d: %+v", code, n)
			}
		})
	}
}

func TestPingsAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		_, l := s.connected(nil)
		for i := range 3 {
			payload := strings.Repeat("x", 60*i)
			l.write(ws.NewPingFrame([]byte(payload)))
			if f := l.frame(); f.Header.OpCode != ws.OpPong || string(f.Payload) != payload {
				t.Errorf("got %v %q", f.Header.OpCode, f.Payload)
			}
		}
	})
}

// Frames may come in one piece with the answer to the handshake.
func TestFramesRightBehindTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		r := s.room(nil)
		go func() {
			conn, err := s.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			l := &line{Conn: &together{Conn: conn}, t: t}
			if _, err := (ws.Upgrader{Protocol: func([]byte) bool { return true }}).Upgrade(l); err != nil {
				t.Errorf("handshake: %v", err)
			}
			for i := range 100 { // more than the handshake's buffer holds
				l.send(fmt.Sprintf(`{"Type":"MESSAGE","Id":"%d","Content":"%s"}`, i, strings.Repeat("x", i)))
			}
			l.Conn.(*together).flush()
			l.serve()
		}()
		if err := r.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if m := next[*messaging.Message](t, r); len(m.Content) != i {
				t.Fatalf("message %d is %+v", i, m)
			}
		}
	})
}

// together holds back what is written until it is flushed.
type together struct {
	net.Conn
	held    bytes.Buffer
	flushed bool
}

func (c *together) Write(p []byte) (int, error) {
	if c.flushed {
		return c.Conn.Write(p)
	}
	return c.held.Write(p)
}

func (c *together) flush() {
	c.flushed = true
	c.Conn.Write(c.held.Bytes())
}

func TestAnAnswerWithoutTheTokenIsNoHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		go func() {
			conn, err := s.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if _, err := (ws.Upgrader{}).Upgrade(conn); err != nil {
				t.Errorf("handshake: %v", err)
			}
		}()
		r := s.room(func(c *messaging.Config) { c.MaxAttempts = 1 })
		if err := r.Connect(t.Context()); err == nil {
			t.Error("connected")
		}
	})
}
