//go:build linux

package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// rawServer is the limit of one frame per write: one thread, one epoll set, and
// for each message one write(2) per member. It is lenient with clients, keeps
// no queues, and waits for a socket that is full.
type rawServer struct {
	epoll  int
	listen int
	conns  map[int]*rawConn
	rooms  map[int][]*rawConn
	frame  []byte
}

type rawConn struct {
	fd   int
	room int // -1 before it joins one
	open bool
	in   []byte // what is not a whole request or frame yet
}

// serveRaw serves until it fails or the process is ended.
func serveRaw(l *net.TCPListener) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	file, err := l.File()
	if err != nil {
		return err
	}
	defer file.Close()
	s := &rawServer{listen: int(file.Fd()), conns: map[int]*rawConn{}, rooms: map[int][]*rawConn{}}
	if err := unix.SetNonblock(s.listen, true); err != nil {
		return err
	}
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	defer unix.Close(s.epoll)
	if err := s.watch(s.listen); err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 256)
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.EpollWait(s.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, ev := range events[:max(n, 0)] {
			if int(ev.Fd) == s.listen {
				s.accept()
			} else if c := s.conns[int(ev.Fd)]; c != nil && !s.receive(c, buf) {
				s.drop(c)
			}
		}
	}
}

func (s *rawServer) watch(fd int) error {
	return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (s *rawServer) accept() {
	for {
		fd, _, err := unix.Accept4(s.listen, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		if unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) != nil || s.watch(fd) != nil {
			unix.Close(fd)
			continue
		}
		s.conns[fd] = &rawConn{fd: fd, room: -1}
	}
}

func (s *rawServer) drop(c *rawConn) {
	delete(s.conns, c.fd)
	unix.Close(c.fd)
	members := s.rooms[c.room]
	if i := slices.Index(members, c); i >= 0 {
		members[i] = members[len(members)-1]
		s.rooms[c.room] = members[:len(members)-1]
	}
}

// receive takes what a client sent; false means that it is to be dropped.
func (s *rawServer) receive(c *rawConn, buf []byte) bool {
	n, err := unix.Read(c.fd, buf)
	if err == unix.EAGAIN || err == unix.EINTR {
		return true
	}
	if err != nil || n == 0 {
		return false
	}
	data := append(c.in, buf[:n]...)
	if !c.open {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			c.in = data
			return true
		}
		if !s.upgrade(c, data[:end]) {
			return false
		}
		data = data[end+4:]
	}
	for {
		op, payload, size := clientFrame(data)
		if size == 0 {
			break
		}
		if op == 0x8 {
			return false
		}
		if op == 0x1 && !s.act(c, payload) {
			return false
		}
		data = data[size:]
	}
	c.in = slices.Clone(data) // nil again when all was used
	if len(data) == 0 {
		c.in = nil
	}
	return true
}

func (s *rawServer) upgrade(c *rawConn, request []byte) bool {
	_, rest, found := bytes.Cut(request, []byte("Sec-WebSocket-Key: "))
	key, _, _ := bytes.Cut(rest, []byte("\r\n"))
	sum := sha1.Sum(append(bytes.Clone(key), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
	c.open = true
	return found && write(c.fd, []byte(answer))
}

// clientFrame reads and unmasks the frame that data begins with; size is 0 when
// it is not all there.
func clientFrame(data []byte) (op byte, payload []byte, size int) {
	if len(data) < 2 {
		return 0, nil, 0
	}
	n, header := int(data[1]&0x7f), 2
	if n == 126 {
		if len(data) < 4 {
			return 0, nil, 0
		}
		n, header = int(binary.BigEndian.Uint16(data[2:])), 4
	}
	size = header + 4 + n
	if len(data) < size {
		return 0, nil, 0
	}
	mask, payload := data[header:header+4], data[header+4:size]
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	return data[0] & 0x0f, payload, size
}

// act carries out what numbered.Join or numbered.Send made.
func (s *rawServer) act(c *rawConn, payload []byte) bool {
	name, content, _ := bytes.Cut(payload, []byte(" "))
	if len(name) < 2 {
		return false
	}
	room, err := strconv.Atoi(string(name[1:]))
	if err != nil {
		return false
	}
	if name[0] == 'j' {
		c.room = room
		s.rooms[room] = append(s.rooms[room], c)
		return true
	}
	s.frame = appendServerFrame(s.frame[:0], content)
	for _, member := range s.rooms[room] {
		write(member.fd, s.frame) // who has gone is noticed by reading
	}
	return true
}

func appendServerFrame(dst, payload []byte) []byte {
	if len(payload) < 126 {
		dst = append(dst, 0x81, byte(len(payload)))
	} else {
		dst = append(dst, 0x81, 126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(payload)))
	}
	return append(dst, payload...)
}

func write(fd int, p []byte) bool {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		switch err {
		case nil:
			p = p[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 5000); err != nil && err != unix.EINTR {
				return false
			}
		default:
			return false
		}
	}
	return true
}
