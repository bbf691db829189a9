package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/parleychat/parley/ivschat/messaging"
)

type state uint8

const (
	unused  state = iota
	dialing       // TCP is being connected
	shaking       // the handshake's answer is awaited
	open
	gone
)

// role is what a connection is for.
type role uint8

const (
	watching role = iota // receives, and sends if it has a sender
	stalled              // never reads
)

// conn is one connection. Its loop's mu guards everything but what wmu does.
type conn struct {
	loop       *loop
	room       *room
	sender     *sender // nil for one that only watches
	hello      *hello  // until open
	view       viewer
	opened     int64 // when, on the engine's clock
	partial    []byte
	fragments  []byte // of a message in parts
	verdict    string // of a Close frame that came: why the connection will end
	slot       int32
	node       int // index of the engine's places
	generation int32
	state      state
	role       role
	leaving    bool // we asked for its end
	left       bool // it ended because we did

	wmu   sync.Mutex // keeps a write and the descriptor's end apart
	fd    int        // -1 without one
	nc    net.Conn   // instead of fd on the portable way
	ready bool       // open for sends
}

var (
	errStuck   = errors.New("the service does not read")
	errNotOpen = errors.New("not connected")
)

// write sends a frame whole, or not at all, or ends the connection's usefulness.
func (c *conn) write(p []byte) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if !c.ready {
		return errNotOpen
	}
	var n int
	var err error
	if c.nc != nil {
		n, err = c.nc.Write(p)
	} else {
		n, err = writeFD(c.fd, p)
	}
	if err == nil && n < len(p) {
		err = errStuck
	}
	if err != nil && n > 0 {
		c.ready = false // the rest of a frame is missing: nothing can follow it
	}
	return err
}

// connected ends the handshake.
func (l *loop) connected(c *conn, now int64) {
	l.connect.RecordValue(now - c.hello.began)
	c.hello = nil
	c.state, c.opened = open, now
	l.stats.opened++
	l.stats.nodes[c.node].opened++
	c.wmu.Lock()
	c.ready = true
	c.wmu.Unlock()
	l.engine.dialed()
}

// feed takes what was read of a connection and returns what it could not use yet.
func (l *loop) feed(c *conn, data []byte, now int64) (rest []byte, err error) {
	if c.state == shaking {
		size, err := c.hello.answer(data)
		if err != nil || size == 0 {
			return data, err
		}
		data = data[size:]
		l.connected(c, now)
		if d := l.engine.dialect; d != nil {
			if err := d.join(c); err != nil {
				return nil, err
			}
		}
	}
	for len(data) > 0 {
		f, err := nextFrame(data)
		if err != nil || f.size == 0 {
			return data, err
		}
		data = data[f.size:]
		switch f.op {
		case opText, opBinary:
			l.stats.frames++
			if f.fin {
				l.payload(c, f.payload, now)
				continue
			}
			c.fragments = append(c.fragments[:0], f.payload...)
		case opContinuation:
			if c.fragments = append(c.fragments, f.payload...); len(c.fragments) > maxPayload {
				return nil, fmt.Errorf("a message of over %d bytes", maxPayload)
			}
			if f.fin {
				l.payload(c, c.fragments, now)
				c.fragments = nil
			}
		case opPing:
			l.stats.pings++
			_ = c.write(appendFrame(nil, opPong, f.payload)) // a broken connection is seen by reading
		case opClose:
			code, reason := closeCode(f.payload)
			c.verdict = "close " + strconv.Itoa(code)
			if reason != "" {
				c.verdict += " " + reason
			}
			_ = c.write(appendFrame(nil, opClose, f.payload))
		}
	}
	return nil, nil
}

func (l *loop) payload(c *conn, p []byte, now int64) {
	if d := l.engine.dialect; d != nil {
		d.texts(l, c, p, now)
		return
	}
	l.text(c, p, now)
}

// text is one message of the service.
func (l *loop) text(c *conn, p []byte, now int64) {
	if c.role == stalled {
		return // what came before it stopped reading is nobody's delivery
	}
	m, ok := l.find.find(p)
	if !ok {
		l.unmarked(c, p, now)
		return
	}
	if int(m.room) != c.room.index {
		l.stats.misrouted++
		return
	}
	if !c.room.log.known(m.sender, m.seq) {
		l.stats.foreign++
		return
	}
	switch c.view.see(c.room.log, m.sender, m.seq) {
	case doubled:
		l.stats.doubled++
		return
	case reordered:
		l.stats.reordered++
	}
	l.stats.delivered++
	l.stats.nodes[c.node].delivered++
	if m.at >= l.from && m.at < l.to {
		l.deliver.RecordValue(now - m.at)
		if len(l.stats.nodes) > 1 && int(m.sender) < len(c.room.senders) {
			way := l.other
			if c.room.senders[m.sender].conn.node == c.node {
				way = l.same
			}
			way.RecordValue(now - m.at)
		}
	}
	if s := c.sender; s != nil && s.index == int(m.sender) {
		l.answered(s, m.seq, now)
	}
}

// unmarked is a message that no sender of the run made: an ERROR, an EVENT, or
// somebody else's.
func (l *loop) unmarked(c *conn, p []byte, now int64) {
	f, err := messaging.ParseFrame(p)
	e, ok := f.(*messaging.Error)
	if err != nil || !ok {
		l.stats.foreign++
		return
	}
	l.refused[int(e.Code)]++
	if seq, err := strconv.ParseUint(e.RequestID, 16, 32); err == nil && c.sender != nil {
		l.answered(c.sender, uint32(seq), now)
	}
}

// answered notes the first answer to a send: the sender's own copy or an ERROR.
func (l *loop) answered(s *sender, seq uint32, now int64) {
	if int(seq) >= len(s.at) || s.answered[seq] {
		return
	}
	s.answered[seq] = true
	s.answers++
	if at := s.base + s.at[seq]; at >= l.from && at < l.to {
		l.ack.RecordValue(now - at)
	}
}

// drop ends a connection and notes why.
func (l *loop) drop(c *conn, err error) {
	if c.state == gone || c.state == unused {
		return
	}
	before := c.state
	c.state, c.left = gone, c.leaving
	c.wmu.Lock()
	c.ready = false
	if c.nc != nil {
		c.nc.Close()
	} else if c.fd >= 0 {
		closeFD(c.fd)
		c.fd = -1
	}
	c.wmu.Unlock()
	c.partial, c.fragments, c.hello = nil, nil, nil
	if before != open {
		l.failed[label(err)]++
		l.engine.dialed()
		return
	}
	l.stats.ended++
	why := c.verdict
	if why == "" {
		why = label(err)
	}
	switch {
	case c.leaving:
		l.stats.left++
	case c.role == stalled:
		l.stalledEnds[why]++
	default:
		l.ends[why]++
	}
}

// label is an error as a word to count by.
func label(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "end of stream"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no free port"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "timeout"
	}
	return err.Error()
}
