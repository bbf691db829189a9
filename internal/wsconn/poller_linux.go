//go:build !386

package wsconn

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// poller watches sockets with an epoll set of its own, so that an idle
// connection has no goroutine, and no place in the runtime's poller either. A
// connection with something to read borrows a goroutine until it has read all.
//
// The set's descriptor is itself watched by the runtime, so that waiting for
// events parks a goroutine and holds no thread.
type poller struct {
	started func() error
	epoll   *os.File
	ready   syscall.RawConn
	watcher sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	sockets []*polled // by descriptor

	readers sync.WaitGroup
	resting atomic.Int32 // readers that wait for work
	work    chan *polled // unbuffered: to a resting reader
	stop    chan struct{}
}

// maxResting readers keep their grown stacks for the next connection.
const maxResting = 64

// start makes the set when the first socket comes, so that who has none, such
// as a test in fake time, has no watcher either.
func (p *poller) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // or the runtime would not watch it
		syscall.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	epoll := os.NewFile(uintptr(fd), "epoll")
	if p.ready, err = epoll.SyscallConn(); err != nil {
		epoll.Close()
		return err
	}
	p.epoll = epoll
	p.watcher.Go(p.watch)
	return nil
}

func newPoller() *poller {
	p := &poller{work: make(chan *polled), stop: make(chan struct{})}
	p.started = sync.OnceValue(p.start)
	return p
}

// close needs that all connections have ended. One that comes meanwhile is not
// adopted.
func (p *poller) close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.closed = true
	if p.epoll != nil {
		p.epoll.Close()
	}
	p.mu.Unlock()
	p.watcher.Wait()
	close(p.stop)
	p.readers.Wait()
}

// adopt moves a TCP or Unix connection from the runtime's poller to this one.
// It returns nil if that cannot be done: nc then is as it was.
func (p *poller) adopt(nc net.Conn, c *Conn) transport {
	if p == nil {
		return nil
	}
	rc := rawConn(nc)
	if rc == nil || p.started() != nil {
		return nil
	}
	s := &c.polled
	s.poller, s.c, s.fd = p, c, -1
	err := rc.Control(func(fd uintptr) {
		// The runtime owns nc's descriptor: a second one is ours.
		r, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
		if errno == 0 {
			s.fd = int(r)
		}
	})
	if err != nil || s.fd < 0 {
		return nil
	}
	if err := p.add(s); err != nil {
		syscall.Close(s.fd)
		return nil
	}
	nc.Close()
	return s
}

func (p *poller) add(s *polled) error {
	p.mu.Lock()
	for len(p.sockets) <= s.fd {
		p.sockets = append(p.sockets, nil)
	}
	p.sockets[s.fd] = s
	p.mu.Unlock()
	const edge = 1 << 31 // syscall.EPOLLET is negative
	e := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | edge, Fd: int32(s.fd)}
	var errno error
	err := p.ready.Control(func(fd uintptr) { errno = syscall.EpollCtl(int(fd), syscall.EPOLL_CTL_ADD, s.fd, &e) })
	if err == nil {
		err = errno
	}
	if err != nil {
		p.remove(s.fd)
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

func (p *poller) remove(fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets[fd] = nil
}

func (p *poller) watch() {
	var events [256]syscall.EpollEvent
	var woken [len(events)]*polled
	for {
		n := 0
		err := p.ready.Read(func(fd uintptr) bool {
			n, _ = syscall.EpollWait(int(fd), events[:], 0) // without waiting there is no EINTR
			return n > 0
		})
		if err != nil {
			return // closed
		}
		p.mu.Lock()
		for i, e := range events[:n] {
			woken[i] = p.sockets[e.Fd]
		}
		p.mu.Unlock()
		for i, e := range events[:n] {
			// nil: closed meanwhile. Another socket with the same descriptor: it
			// is woken for nothing.
			if s := woken[i]; s != nil {
				s.event(e.Events)
			}
			woken[i] = nil
		}
	}
}

// read has the connection served by a reader that rests, or a new one.
func (p *poller) read(s *polled) {
	select {
	case p.work <- s:
	default:
		p.readers.Go(func() { p.reader(s) })
	}
}

func (p *poller) reader(s *polled) {
	for {
		s.c.serve()
		if p.resting.Add(1) > maxResting {
			p.resting.Add(-1)
			return
		}
		select {
		case s = <-p.work:
			p.resting.Add(-1)
		case <-p.stop:
			return
		}
	}
}
