//go:build !386

package wsconn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// polled is a transport over a descriptor that the poller watches.
type polled struct {
	mu    sync.Mutex // guards fd and the deadlines; held over calls that never wait
	fd    int        // -1 when closed
	state atomic.Uint32

	expired   bool // the read deadline has passed
	readTimer *time.Timer
	writeBy   time.Time
	readable  chan struct{} // wakes a reader in state waiting; made when needed
	writable  chan struct{} // wakes the drainer; made when needed

	poller *poller
	c      *Conn
}

// The states of a connection's reading. Events are told once (EPOLLET), so an
// event while reading goes on must not be lost.
const (
	reading uint32 = iota // by a reader, or before start
	again                 // the same, and there was an event since
	parked                // nobody reads: an event gets a reader
	waiting               // a reader waits for an event
)

func (s *polled) start() { s.poller.read(s) }

func (s *polled) event(events uint32) {
	const out = syscall.EPOLLOUT | syscall.EPOLLERR | syscall.EPOLLHUP
	if events&out != 0 {
		s.wakeDrainer()
	}
	if events&^syscall.EPOLLOUT != 0 {
		s.wakeReader()
	}
}

func (s *polled) wakeReader() {
	for {
		switch state := s.state.Load(); state {
		case again:
			return
		case reading:
			if s.state.CompareAndSwap(reading, again) {
				return
			}
		case parked:
			if s.state.CompareAndSwap(parked, reading) {
				s.poller.read(s)
				return
			}
		case waiting:
			if s.state.CompareAndSwap(waiting, reading) {
				s.readable <- struct{}{}
				return
			}
		}
	}
}

func (s *polled) wakeDrainer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writable == nil {
		return
	}
	select {
	case s.writable <- struct{}{}:
	default: // already told
	}
}

func (s *polled) read(wait bool) (*chunk, error) {
	for {
		ch, err := s.tryRead()
		if ch != nil || err != nil {
			return ch, err
		}
		next := parked
		if wait {
			next = waiting
			if s.readable == nil {
				s.readable = make(chan struct{}, 1)
			}
		}
		if !s.state.CompareAndSwap(reading, next) {
			s.state.Store(reading) // there was an event meanwhile
			continue
		}
		if !wait {
			return nil, errParked
		}
		<-s.readable
	}
}

// tryRead returns neither chunk nor error when there is nothing to read.
func (s *polled) tryRead() (*chunk, error) {
	ch := chunks.Get().(*chunk)
	n, err := s.readFD(ch.buf)
	if n > 0 {
		ch.data = ch.buf[:n]
		return ch, nil
	}
	ch.putBack()
	switch {
	case err == nil:
		return nil, io.EOF
	case errors.Is(err, syscall.EAGAIN):
		return nil, nil
	}
	return nil, err
}

func (s *polled) readFD(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fd < 0:
		return 0, net.ErrClosed
	case s.expired: // even if there is more: a peer that never stops must not last
		return 0, os.ErrDeadlineExceeded
	}
	return retry(syscall.Read, uintptr(s.fd), p)
}

func (s *polled) release(ch *chunk) { ch.putBack() }

func (s *polled) tryWrite(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return 0, net.ErrClosed
	}
	n, err := retry(send, uintptr(s.fd), p)
	if errors.Is(err, syscall.EAGAIN) {
		err = nil
	}
	return n, err
}

// send is write(2) without what only files need, and without telling the
// scheduler of a call that never waits: a tenth of a microsecond each, of about
// eight.
func send(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (s *polled) drain() error {
	s.mu.Lock()
	if s.writable == nil {
		s.writable = make(chan struct{}, 1)
	}
	s.mu.Unlock()
	for {
		empty, err := s.drainSome()
		if empty || err != nil {
			return err
		}
		if err := s.awaitWritable(); err != nil {
			return err
		}
	}
}

func (s *polled) drainSome() (empty bool, err error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for len(s.c.queue) > 0 {
		n, err := s.tryWrite(s.c.queue[0])
		if err != nil {
			return false, err
		}
		if n == 0 {
			return false, nil
		}
		s.c.sent(n)
	}
	return true, nil
}

func (s *polled) awaitWritable() error {
	for {
		s.mu.Lock()
		left := time.Until(s.writeBy)
		s.mu.Unlock()
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		select {
		case <-s.writable:
			timer.Stop()
			return nil
		case <-timer.C: // or it was moved meanwhile
		}
	}
}

func (s *polled) setReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	s.expired = false
	if s.readTimer != nil {
		s.readTimer.Stop()
	}
	s.readTimer = time.AfterFunc(time.Until(t), func() {
		s.mu.Lock()
		s.expired = true
		s.mu.Unlock()
		s.wakeReader()
	})
	return nil
}

// setWriteDeadline moves what the drainer goes by: it is never sooner than before.
func (s *polled) setWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	s.writeBy = t
	return nil
}

func (s *polled) closeWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	return syscall.Shutdown(s.fd, syscall.SHUT_WR)
}

func (s *polled) close(reset bool) {
	s.mu.Lock()
	if s.fd < 0 {
		s.mu.Unlock()
		return
	}
	if reset {
		_ = syscall.SetsockoptLinger(s.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}) // close does what it can without
	}
	s.poller.remove(s.fd)
	syscall.Close(s.fd)
	s.fd = -1
	if s.readTimer != nil {
		s.readTimer.Stop()
	}
	s.mu.Unlock()
	s.wakeDrainer()
	s.wakeReader()
}
