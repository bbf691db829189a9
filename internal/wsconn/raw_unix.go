//go:build unix

package wsconn

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// rawRead holds nearly every message a client sends; longer ones take more reads.
const rawRead = 4 << 10

// chunks is shared by all connections: only those with bytes to read hold one.
var chunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, rawRead)} }}

// newRaw returns nil for a net.Conn that does not lend its descriptor.
func newRaw(nc net.Conn, c *Conn) transport {
	rc := rawConn(nc)
	if rc == nil {
		return nil
	}
	r := &raw{netConn: netConn{c, nc}, rc: rc}
	r.readFunc, r.writeFunc = r.readFD, r.writeFD
	return r
}

func rawConn(nc net.Conn) syscall.RawConn {
	var sc syscall.Conn
	switch nc := nc.(type) {
	case *net.TCPConn:
		sc = nc
	case *net.UnixConn:
		sc = nc
	default:
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return rc
}

// raw reads and writes the descriptor itself, so that a parked reader holds no
// buffer and a write returns what the kernel did not take.
//
// Why tryWrite never waits: RawConn.Write waits only for another RawConn.Write
// on the same descriptor. It runs with Conn.mu held while no drainer exists, and
// the drainer runs it only while draining is set, which Conn.write sees with mu held.
type raw struct {
	netConn
	rc syscall.RawConn

	readFunc func(uintptr) bool
	ch       *chunk
	readErr  error

	// Under Conn.mu, used by tryWrite alone. Method values and arguments are
	// kept here because a closure for every write would be garbage for every write.
	writeFunc func(uintptr) bool
	p         []byte
	n         int
	writeErr  error
}

func (r *raw) read(bool) (*chunk, error) {
	r.ch, r.readErr = nil, nil
	if err := r.rc.Read(r.readFunc); err != nil {
		return nil, err
	}
	return r.ch, r.readErr
}

func (r *raw) release(ch *chunk) { ch.putBack() }

func (ch *chunk) putBack() {
	ch.data = nil
	ch.reader.Reset(nil)
	chunks.Put(ch)
}

// readFD is false while there is nothing to read: RawConn.Read then parks.
func (r *raw) readFD(fd uintptr) bool {
	ch := chunks.Get().(*chunk)
	n, err := retry(syscall.Read, fd, ch.buf)
	if n > 0 {
		ch.data = ch.buf[:n]
		r.ch = ch
		return true
	}
	chunks.Put(ch)
	if err == nil {
		err = io.EOF
	}
	r.readErr = err
	if errors.Is(err, syscall.EAGAIN) {
		r.readErr = nil
		return false
	}
	return true
}

func (r *raw) tryWrite(p []byte) (int, error) {
	r.p, r.n, r.writeErr = p, 0, nil
	err := r.rc.Write(r.writeFunc)
	r.p = nil
	if err != nil {
		return 0, err
	}
	return r.n, r.writeErr
}

// writeFD is always true: it never lets RawConn.Write park.
func (r *raw) writeFD(fd uintptr) bool {
	r.n, r.writeErr = retry(syscall.Write, fd, r.p)
	if errors.Is(r.writeErr, syscall.EAGAIN) {
		r.writeErr = nil
	}
	return true
}

// drain writes within RawConn.Write, not around it: the poller tells of
// writability once, so a wait that does not try first could miss it.
func (r *raw) drain() error {
	var failed error
	err := r.rc.Write(func(fd uintptr) bool {
		r.c.mu.Lock()
		defer r.c.mu.Unlock()
		for len(r.c.queue) > 0 {
			n, err := retry(syscall.Write, fd, r.c.queue[0])
			r.c.sent(n)
			if errors.Is(err, syscall.EAGAIN) {
				return false
			}
			if err != nil {
				failed = err
				return true
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return failed
}

func retry(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
