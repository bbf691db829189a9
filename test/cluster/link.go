package cluster

import (
	"net"
	"sync"
	"testing"
)

// Link is a TCP connection's way to a server, that can be cut.
type Link struct {
	Address string // where to connect to instead of the server
	to      string

	mu    sync.Mutex
	open  *sync.Cond // signalled when cut changes, or the link ends
	cut   bool
	ended bool
	conns map[net.Conn]bool
}

// NewLink makes a way to the address. It ends with the test.
func NewLink(t testing.TB, to string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{Address: listener.Addr().String(), to: to, conns: map[net.Conn]bool{}}
	l.open = sync.NewCond(&l.mu)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { l.carry(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		l.mu.Lock()
		l.ended = true
		for c := range l.conns {
			c.Close()
		}
		l.open.Broadcast()
		l.mu.Unlock()
		running.Wait()
	})
	return l
}

// Cut lets nothing through, silently: connections stay open and hang, as when a
// cable is pulled.
func (l *Link) Cut() { l.set(true) }

// Mend lets everything through again, what was held back first.
func (l *Link) Mend() { l.set(false) }

func (l *Link) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	l.open.Broadcast()
}

// Reset breaks all connections, as a restarted router does.
func (l *Link) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}

// pass waits until the link is whole; false when it has ended.
func (l *Link) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.cut && !l.ended {
		l.open.Wait()
	}
	return !l.ended
}

func (l *Link) carry(from net.Conn) {
	defer from.Close()
	if !l.pass() {
		return
	}
	to, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer to.Close()
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.conns[from], l.conns[to] = true, true
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.copy(to, from) })
	both.Go(func() { l.copy(from, to) })
	both.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, from)
	delete(l.conns, to)
}

func (l *Link) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !l.pass() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
