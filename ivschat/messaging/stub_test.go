package messaging_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/parleychat/parley/ivschat/messaging"
)

// stub is a service that does as a test tells it.
type stub struct {
	*pipeListener
	t testing.TB
}

func newStub(t testing.TB) *stub {
	s := &stub{newPipeListener(), t}
	t.Cleanup(func() { s.Close() })
	return s
}

// room returns a room whose tokens are t1, t2, …
func (s *stub) room(change func(*messaging.Config)) *messaging.Room {
	n := 0
	c := messaging.Config{RegionOrURL: "ws://stub.test", DialContext: s.dial, TokenProvider: func(context.Context) (*messaging.Token, error) {
		n++
		return &messaging.Token{Token: fmt.Sprint("t", n)}, nil
	}}
	if change != nil {
		change(&c)
	}
	return newRoom(s.t, c)
}

// accept takes the next connection and completes its handshake.
func (s *stub) accept() *line {
	s.t.Helper()
	conn, err := s.Accept()
	if err != nil {
		s.t.Errorf("nobody connected: %v", err)
		conn, _ = net.Pipe()
		conn.Close()
	}
	l := &line{Conn: conn, t: s.t}
	upgrader := ws.Upgrader{Protocol: func(p []byte) bool {
		l.token = string(p)
		return true
	}}
	if _, err := upgrader.Upgrade(conn); err != nil {
		s.t.Errorf("handshake: %v", err)
	}
	return l
}

// refuse answers the next handshake with a status line and headers.
func (s *stub) refuse(answer string) {
	conn, err := s.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	var request strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(request.String(), "\r\n\r\n"); {
		if _, err := conn.Read(b); err != nil {
			return
		}
		request.Write(b)
	}
	io.WriteString(conn, "HTTP/1.1 "+answer+"\r\n\r\n")
}

// connected returns a room and the stub's end of its connection.
func (s *stub) connected(change func(*messaging.Config)) (*messaging.Room, *line) {
	s.t.Helper()
	r := s.room(change)
	accepted := make(chan *line, 1)
	go func() { accepted <- s.accept() }()
	connect(s.t, r)
	return r, <-accepted
}

// line is the service's end of a connection.
type line struct {
	net.Conn
	t     testing.TB
	token string
}

// write sends frames as they are.
func (l *line) write(frames ...ws.Frame) {
	l.t.Helper()
	for _, f := range frames {
		if _, err := l.Write(ws.MustCompileFrame(f)); err != nil {
			l.t.Errorf("write: %v", err)
		}
	}
}

func (l *line) send(text string) { l.write(ws.NewTextFrame([]byte(text))) }

// request returns the next request.
func (l *line) request() (r struct{ Action, RequestId, Content string }) {
	l.t.Helper()
	f := l.frame()
	if err := json.Unmarshal(f.Payload, &r); f.Header.OpCode != ws.OpText || err != nil {
		l.t.Errorf("got %v %q, want a request", f.Header.OpCode, f.Payload)
	}
	return r
}

func (l *line) frame() ws.Frame {
	l.t.Helper()
	l.SetReadDeadline(time.Now().Add(2 * time.Hour))
	h, err := ws.ReadHeader(l)
	if err != nil || h.Length > 1<<20 {
		l.t.Errorf("read: %v, %d bytes", err, h.Length)
		return ws.Frame{}
	}
	f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
	if _, err := io.ReadFull(l, f.Payload); err != nil {
		l.t.Errorf("read: %v", err)
	}
	if !h.Masked {
		l.t.Error("a frame is not masked")
	}
	return ws.UnmaskFrame(f)
}

// closes returns the code of the Close frame that must come next.
func (l *line) closes() ws.StatusCode {
	l.t.Helper()
	f := l.frame()
	if f.Header.OpCode != ws.OpClose {
		l.t.Errorf("got %v %q, want a Close frame", f.Header.OpCode, f.Payload)
		return 0
	}
	code, _ := ws.ParseCloseFrameData(f.Payload)
	return code
}

// serve echoes messages until the connection ends.
func (l *line) serve() {
	for n := 0; ; n++ {
		text, op, err := wsutil.ReadClientData(l)
		if err != nil || op != ws.OpText {
			l.Close()
			return
		}
		var r struct{ RequestId, Content string }
		if json.Unmarshal(text, &r) != nil {
			return
		}
		m := messaging.Message{ID: fmt.Sprint(l.token, "-", n), RequestID: r.RequestId, Content: r.Content}
		if wsutil.WriteServerText(l, m.Append(nil)) != nil {
			return
		}
	}
}

func handshakeStatus(err error) int {
	e, ok := errors.AsType[*messaging.HandshakeError](err)
	if !ok {
		return 0
	}
	return e.Status
}
