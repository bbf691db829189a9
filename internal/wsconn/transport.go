package wsconn

import (
	"errors"
	"net"
	"time"
)

// errParked says that there is nothing to read: the transport calls serve when
// there is.
var errParked = errors.New("wsconn: nothing to read")

// transport is how bytes get in and out of a socket. Reading is done by one
// goroutine at a time; tryWrite and drain are never run at the same time.
type transport interface {
	// start has serve called, once, and again after each errParked.
	start()
	// read returns bytes that are the caller's until the chunk is released. It
	// waits for them if wait is set, and may return errParked instead if not.
	read(wait bool) (*chunk, error)
	release(*chunk)
	// tryWrite writes what can be written without waiting. It needs c.mu.
	tryWrite(p []byte) (int, error)
	// drain writes c.queue until it is empty, taking c.mu for itself, and waits
	// for the peer no longer than the write deadline.
	drain() error
	// A deadline moved while somebody waits counts at once.
	setReadDeadline(time.Time) error
	setWriteDeadline(time.Time) error
	closeWrite() error
	// close ends the socket and whoever waits for it, with a reset if asked for.
	// It needs c.mu free. Only the first call counts.
	close(reset bool)
}

func (u *Upgrader) newTransport(nc net.Conn, c *Conn) transport {
	if p := u.poller.adopt(nc, c); p != nil {
		return p
	}
	if r := newRaw(nc, c); r != nil {
		return r
	}
	return newStream(nc, c)
}

// netConn is the part of a transport that a net.Conn does.
type netConn struct {
	c  *Conn
	nc net.Conn
}

func (n netConn) start()                             { go n.c.serve() }
func (n netConn) setReadDeadline(t time.Time) error  { return n.nc.SetReadDeadline(t) }
func (n netConn) setWriteDeadline(t time.Time) error { return n.nc.SetWriteDeadline(t) }

func (n netConn) closeWrite() error {
	half, ok := n.nc.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// close closes the bottom: tls.Conn.Close would wait to send an alert.
func (n netConn) close(reset bool) {
	nc := bottom(n.nc)
	if l, ok := nc.(interface{ SetLinger(int) error }); ok && reset {
		_ = l.SetLinger(0) // it fails only on a closed connection
	}
	nc.Close()
}

// bottom is below TLS and other wrappers.
func bottom(nc net.Conn) net.Conn {
	for {
		t, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nc
		}
		nc = t.NetConn()
	}
}

// bare takes off a wrapper that says it has nothing left to do, so that what
// began behind a proxy is as cheap as any other.
func bare(nc net.Conn) net.Conn {
	if w, ok := nc.(interface{ Bare() (net.Conn, bool) }); ok {
		if below, done := w.Bare(); done {
			return below
		}
	}
	return nc
}

const (
	// streamRead is small because every parked reader holds one.
	streamRead = 1 << 10
	// streamWrite is how much must get through within one WriteTimeout.
	streamWrite = 16 << 10
)

// stream is the portable transport: a net.Conn offers no write that returns
// what it could not do, so all writing is left to the drainer.
type stream struct {
	netConn
	ch chunk
}

func newStream(nc net.Conn, c *Conn) *stream {
	return &stream{netConn: netConn{c, nc}, ch: chunk{buf: make([]byte, streamRead)}}
}

func (s *stream) read(bool) (*chunk, error) {
	for {
		n, err := s.nc.Read(s.ch.buf)
		s.ch.data = s.ch.buf[:n]
		if n > 0 {
			return &s.ch, nil // an error will be there again on the next read
		}
		if err != nil {
			return nil, err
		}
		// A pipe hands on an empty write as an empty read.
	}
}

func (s *stream) release(*chunk) {}

func (s *stream) tryWrite([]byte) (int, error) { return 0, nil }

func (s *stream) drain() error {
	var scratch []byte
	for {
		s.c.mu.Lock()
		p := joined(&scratch, s.c.queue)
		s.c.mu.Unlock()
		if len(p) == 0 {
			return nil
		}
		n, err := s.nc.Write(p)
		s.c.mu.Lock()
		s.c.sent(n)
		s.c.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// joined returns the front of the queue for one write, since under TLS each
// write is a record: the first frames as they are, or several in scratch.
func joined(scratch *[]byte, queue [][]byte) []byte {
	if len(queue) == 0 {
		return nil
	}
	if len(queue) == 1 || len(queue[0])+len(queue[1]) > streamWrite {
		return queue[0][:min(len(queue[0]), streamWrite)]
	}
	if *scratch == nil {
		*scratch = make([]byte, 0, streamWrite)
	}
	p := *scratch
	for _, frames := range queue {
		if len(p)+len(frames) > streamWrite {
			break
		}
		p = append(p, frames...)
	}
	return p
}
