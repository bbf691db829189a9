package server_test

import (
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// person is a client: it answers pings and keeps what came.
type person struct {
	conn net.Conn

	mu     sync.Mutex
	frames []string
	ended  string
	deaf   bool
}

func (p *person) read(r io.Reader) {
	for {
		f, err := readFrame(r)
		if err != nil {
			p.end("cut")
			return
		}
		switch f.Header.OpCode {
		case ws.OpText:
			p.mu.Lock()
			p.frames = append(p.frames, string(f.Payload))
			p.mu.Unlock()
		case ws.OpPing:
			p.mu.Lock()
			deaf := p.deaf
			p.mu.Unlock()
			if !deaf {
				wsutil.WriteClientMessage(p.conn, ws.OpPong, f.Payload)
			}
		case ws.OpClose:
			code, _ := ws.ParseCloseFrameData(f.Payload)
			p.end(fmt.Sprintf("closed %d", code))
			wsutil.WriteClientMessage(p.conn, ws.OpClose, f.Payload)
			p.conn.Close()
			return
		}
	}
}

// readFrame reads one whole frame of at most 1 MiB.
func readFrame(r io.Reader) (ws.Frame, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	if h.Length > 1<<20 {
		return ws.Frame{}, ws.ErrHeaderLengthUnexpected
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(r, payload)
	return ws.Frame{Header: h, Payload: payload}, err
}

func (p *person) end(how string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = how
}

func (p *person) state() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == "" {
		return "open"
	}
	return p.ended
}

func (p *person) next() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.frames) == 0 {
		return "", false
	}
	frame := p.frames[0]
	p.frames = p.frames[1:]
	return frame, true
}

func (p *person) send(frame string) {
	wsutil.WriteClientMessage(p.conn, ws.OpText, []byte(frame)) // a connection that has ended shows in what follows
}

// pipeListener accepts connections that never leave the process, which the
// fake clock needs.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	client, served := net.Pipe()
	select {
	case l.conns <- served:
	case <-l.closed:
		served.Close()
	}
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7878} }
