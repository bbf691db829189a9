package bench

import (
	"errors"
	"io"
	"net/netip"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const rawSupported = true

const (
	readSize = 64 << 10
	batch    = 256
	// waitMillis is how late a loop can notice that it is to end.
	waitMillis = 100
)

// poller is a loop's epoll set and its read buffer.
type poller struct {
	fd     int
	events []unix.EpollEvent
	buf    []byte // what was left of the last read, then the next
}

func newPoller() (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return poller{fd: fd, events: make([]unix.EpollEvent, batch), buf: make([]byte, maxPayload+readSize)}, err
}

func (p *poller) close() { unix.Close(p.fd) }

// add watches a descriptor, edge-triggered. One that stalls is watched for its
// end alone once it is open.
func (p *poller) add(fd int, slot, generation int32, _ bool) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: slot, Pad: generation,
	})
}

func (p *poller) deafen(fd int, slot, generation int32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{
		Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: slot, Pad: generation,
	})
}

// connectFD begins a connection. A small receive buffer lets the service notice
// soon that a stalled viewer does not read.
func connectFD(to netip.AddrPort, local netip.Addr, small bool) (int, error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if small && err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<10)
	}
	if local.IsValid() && err == nil {
		// The port is chosen at connect: one may serve several destinations.
		if err = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err == nil {
			err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(local, 0)))
		}
	}
	if err == nil {
		if err = unix.Connect(fd, sockaddr(to)); err == unix.EINPROGRESS {
			err = nil
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func closeFD(fd int) { unix.Close(fd) }

// readFD and writeFD never wait, so the scheduler need not know of them.
func readFD(fd int, p []byte) (int, error) {
	for {
		// recvfrom, not read: it does not pass through the file system's layers.
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
		switch {
		case errno == 0 && n == 0:
			return 0, io.EOF
		case errno == 0:
			return int(n), nil
		case errno != unix.EINTR:
			return 0, errno
		}
	}
}

func writeFD(fd int, p []byte) (int, error) {
	for {
		n, err := unix.SendmsgN(fd, p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			err = errStuck
		}
		return max(n, 0), err
	}
}

// run receives until the engine stops.
func (l *loop) run() {
	runtime.LockOSThread() // the thread ends with the loop: its sleep is its own
	preciseSleep()
	for !l.engine.stopping() {
		n, err := unix.EpollWait(l.poll.fd, l.poll.events, waitMillis)
		if err != nil || n == 0 {
			continue // only EINTR can be
		}
		l.mu.Lock()
		l.stats.wakeups++
		for _, ev := range l.poll.events[:n] {
			c := &l.engine.conns[ev.Fd]
			if c.generation == ev.Pad && c.fd >= 0 {
				l.event(c, ev.Events)
			}
		}
		l.mu.Unlock()
		// Waking for every few events costs more than reading them does.
		if pause := l.engine.pause.Load(); pause > 0 && n < batch {
			sleepFor(pause)
		}
	}
}

func (l *loop) event(c *conn, events uint32) {
	if c.state == dialing && events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		if err := l.greet(c); err != nil {
			l.drop(c, err)
			return
		}
	}
	ended := events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	if events&unix.EPOLLIN == 0 && !ended {
		return
	}
	if err := l.receive(c, ended); err != nil && !errors.Is(err, unix.EAGAIN) {
		l.drop(c, err)
	}
}

// greet sends the handshake on a connection that TCP has made.
func (l *loop) greet(c *conn) error {
	if errno, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || errno != 0 {
		return errors.Join(err, syscall.Errno(errno))
	}
	c.state = shaking
	n, err := writeFD(c.fd, c.hello.request)
	if err == nil && n < len(c.hello.request) {
		err = errStuck
	}
	return err
}

// receive reads what there is. A read that did not fill the buffer has emptied
// the socket: the next edge comes with the next byte.
func (l *loop) receive(c *conn, ended bool) error {
	buf := l.poll.buf
	for {
		kept := copy(buf, c.partial)
		n, err := readFD(c.fd, buf[kept:])
		if err != nil {
			return err
		}
		l.stats.reads++
		l.stats.bytes += int64(n)
		shaken := c.state == shaking
		rest, err := l.feed(c, buf[:kept+n], l.engine.now())
		if err != nil {
			return err
		}
		c.keep(rest)
		if shaken && c.state == open && c.role == stalled {
			return l.poll.deafen(c.fd, c.slot, c.generation)
		}
		if kept+n < len(buf) && !ended {
			return nil
		}
	}
}

// look reads, at the end of a run, what a stalled connection was told: a Close
// frame that waits behind all it did not read.
func (l *loop) look(c *conn) {
	err := l.receive(c, true)
	switch {
	case c.verdict != "":
		l.drop(c, io.EOF)
	case !errors.Is(err, unix.EAGAIN):
		l.drop(c, err)
	}
}

// keep keeps the beginning of a frame for the next read.
func (c *conn) keep(rest []byte) {
	if len(rest) == 0 && cap(c.partial) > 1024 {
		c.partial = nil
		return
	}
	c.partial = append(c.partial[:0], rest...)
}
