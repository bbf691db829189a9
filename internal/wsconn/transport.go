package wsconn

import (
	"net"
)

// transport is how bytes get in and out of a net.Conn. Reading is done by one
// goroutine; tryWrite and drain are never run at the same time.
type transport interface {
	// read waits for bytes. The chunk is the caller's until it is released.
	read() (*chunk, error)
	release(*chunk)
	// tryWrite writes what can be written without waiting. It needs c.mu.
	tryWrite(p []byte) (int, error)
	// drain writes c.queue until it is empty, taking c.mu for itself, and waits
	// for the peer no longer than the write deadline.
	drain(c *Conn) error
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
	nc net.Conn
	ch chunk
}

func newStream(nc net.Conn) *stream {
	return &stream{nc: nc, ch: chunk{buf: make([]byte, streamRead)}}
}

func (s *stream) read() (*chunk, error) {
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

func (s *stream) drain(c *Conn) error {
	for {
		c.mu.Lock()
		// push only appends, so p stays as it is while unlocked.
		p := c.queue[:min(len(c.queue), streamWrite)]
		c.mu.Unlock()
		if len(p) == 0 {
			return nil
		}
		n, err := s.nc.Write(p)
		c.mu.Lock()
		c.sent(n)
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
}
