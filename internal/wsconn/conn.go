// Package wsconn is the server's end of a WebSocket connection. It knows bytes
// and frames and nothing of chat.
//
// It is made for very many connections that are mostly idle and for a fan-out
// that must never wait: an idle connection costs no goroutine and no buffer
// where there is epoll, a parked goroutine elsewhere, and Write never blocks.
// Frames and the handshake answer come from github.com/gobwas/ws; this package
// adds the rules that need a connection's memory: message limits, UTF-8, the
// closing handshake, the bounded queue.
//
// A listener that wraps its connections keeps everything correct but loses the
// cheap path, unless the wrapper has a method Bare that gives up the connection
// below: only a bare *net.TCPConn or *net.UnixConn is read and written through
// its descriptor. TLS, pipes and wrapped connections go the portable way.
package wsconn

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// lingerBytes bounds what is read and dropped after the peer broke the protocol.
const lingerBytes = 1 << 20

// Options bounds each connection. Zero values take the defaults named here.
type Options struct {
	MaxMessage   int           // bytes of one message, the sum of its fragments; 16 KiB; over it Close 1009
	MaxFragments int           // frames of one message; 16; over it Close 1008: the frames are valid, the limit is ours
	QueueBytes   int           // bytes waiting for a slow peer; 256 KiB; over it Close 1013 and ErrSlow
	SendBuffer   int           // SO_SNDBUF; 64 KiB
	WriteTimeout time.Duration // 5 s; a queue without progress for that long ends the connection with ErrSlow
	CloseTimeout time.Duration // 5 s; how long the peer may take to answer our Close frame
	ControlRate  int           // control and empty frames per second from the peer; 20; over it Close 1008
	// NoPoller reads every connection with a goroutine of its own, as is done
	// where there is no epoll.
	NoPoller bool
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&o.MaxMessage, 16 << 10},
		{&o.MaxFragments, 16},
		{&o.QueueBytes, 256 << 10},
		{&o.SendBuffer, 64 << 10},
		{&o.ControlRate, 20},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	for _, timeout := range []*time.Duration{&o.WriteTimeout, &o.CloseTimeout} {
		if *timeout <= 0 {
			*timeout = 5 * time.Second
		}
	}
	return o
}

// Upgrader makes connections of handshakes. Close it when all have ended.
type Upgrader struct {
	o      Options
	poller *poller   // nil: each connection has a goroutine
	start  time.Time // what LastSeen is counted from: keeps the monotonic clock
}

// NewUpgrader returns an upgrader for connections with these options.
func NewUpgrader(o Options) *Upgrader {
	u := &Upgrader{o: o.withDefaults(), start: time.Now()}
	if !o.NoPoller {
		u.poller = newPoller()
	}
	return u
}

// Close ends what watches the sockets.
func (u *Upgrader) Close() { u.poller.close() }

// Handler gets what arrives. Its methods are called one at a time, in order.
// They may wait: only their own connection does too. Nothing arrives any more
// once the connection is closing.
type Handler interface {
	// Text is a whole text message: valid UTF-8, and the handler's only until it returns.
	Text(text []byte)
	// Binary is a whole binary message; its payload is dropped.
	Binary()
	// Closed is called exactly once, last, when the TCP connection is closed.
	// Reason turns err into a label.
	Closed(err error)
}

// Conn is one connection. Serve must be called exactly once, even after Abort;
// all other methods may be called at any time from any goroutine.
type Conn struct {
	// What Write needs of an idle connection lies together: for the fan-out
	// over many thousands, memory that is not in the cache is most of its cost.

	// mu keeps the frames of one Write together and in order, so it is held
	// over write(2), which never waits. It is never held over t.close, which
	// may wait for the drainer to leave the descriptor, and the drainer takes mu.
	mu       sync.Mutex
	closing  atomic.Bool // set with mu held: no more frames are taken
	draining bool
	cut      bool
	t        transport
	polled   polled // t, where there is epoll

	queue  [][]byte // empty unless draining
	queued int      // bytes in queue
	err    error    // why it ended; set together with closing

	u     *Upgrader
	h     Handler
	in    inbox          // the reader's alone
	begun bool           // the reader's alone: what came with the handshake was read
	seen  atomic.Int64   // nanoseconds after u.start
	drain sync.WaitGroup // the drainer; never started once closing is set
}

// newConn takes what came in one packet with the handshake as first.
func (u *Upgrader) newConn(nc net.Conn, first []byte) *Conn {
	c := &Conn{u: u}
	c.in.o, c.in.partial = &u.o, first
	c.seen.Store(int64(time.Since(u.start)))
	// A peer that stops reading parks megabytes in the kernel otherwise. It is
	// only a hint, so a refusal changes nothing.
	if b, ok := bottom(nc).(interface{ SetWriteBuffer(int) error }); ok {
		_ = b.SetWriteBuffer(u.o.SendBuffer)
	}
	c.t = u.newTransport(nc, c)
	return c
}

// Serve begins to read and returns at once, so that the HTTP handler can
// return and net/http can free its buffers.
func (c *Conn) Serve(h Handler) {
	c.h = h
	c.t.start()
}

// LastSeen is when bytes last arrived from the peer.
func (c *Conn) LastSeen() time.Time { return c.u.start.Add(time.Duration(c.seen.Load())) }

// Ping sends an empty ping frame; the answer moves LastSeen.
func (c *Conn) Ping() { c.Write(ws.CompiledPing) }

// Close sends a Close frame and ends the connection when the peer has answered
// it or CloseTimeout has passed. It does not wait. Only the first Close,
// WriteThenClose or Abort has an effect, save that Abort cuts short a Close.
func (c *Conn) Close(code uint16, reason string) { c.WriteThenClose(nil, code, reason) }

// WriteThenClose is Write and Close with nothing in between. Frames that do not
// fit the queue any more are dropped for the Close frame's sake.
func (c *Conn) WriteThenClose(frames []byte, code uint16, reason string) {
	last := make([]byte, 0, len(frames)+4+len(reason))
	c.shut(&CloseError{Code: code, Reason: reason}, appendClose(append(last, frames...), code, reason), len(frames))
}

// Abort closes TCP at once and sends no Close frame. What the kernel has taken
// is still delivered, followed by FIN; a peer that is behind is reset, so that
// the kernel need not keep its data.
func (c *Conn) Abort() { c.end(ErrAborted, false) }

// serve reads until the connection ends, or until there is nothing to read and
// the transport will call serve again.
func (c *Conn) serve() {
	err := c.read()
	if errors.Is(err, errParked) {
		return
	}
	if pe, ok := errors.AsType[*ProtocolError](err); ok {
		c.shut(err, appendClose(nil, pe.Code, pe.Err.Error()), 0)
		c.drain.Wait()
		c.linger()
	} else if ce, ok := errors.AsType[*CloseError](err); ok {
		c.shut(err, appendClose(nil, ce.Code, ""), 0)
		c.drain.Wait()
	} else {
		c.end(err, false)
	}
	c.drain.Wait()
	c.t.close(false)
	c.h.Closed(c.reason(err))
}

// reason is the first cause; last is how reading ended.
func (c *Conn) reason(last error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ce, ok := errors.AsType[*CloseError](c.err); ok && !ce.Remote && errors.Is(last, os.ErrDeadlineExceeded) {
		return errors.Join(ErrTimeout, ce)
	}
	return c.err
}

// read returns how reading ended, never nil.
func (c *Conn) read() error {
	sink := sink{c, c.h}
	if !c.begun {
		c.begun = true
		if err := c.in.feed(new(chunk), nil, 0, sink); err != nil {
			return err
		}
	}
	for {
		ch, err := c.t.read(false)
		if err != nil {
			return err
		}
		now := time.Since(c.u.start)
		c.seen.Store(int64(now))
		err = c.in.feed(ch, ch.data, now, sink)
		c.t.release(ch)
		if err != nil {
			return err
		}
	}
}

// linger ends our half and drops what still arrives. Closing with unread bytes
// would make the kernel send a reset, which may overtake the Close frame.
func (c *Conn) linger() {
	if c.t.closeWrite() != nil || c.t.setReadDeadline(time.Now().Add(c.u.o.CloseTimeout)) != nil {
		return
	}
	for left := lingerBytes; left > 0; {
		ch, err := c.t.read(true)
		if err != nil {
			return
		}
		left -= len(ch.data)
		c.t.release(ch)
	}
}

// sink lets nothing through to the handler once the connection is closing.
type sink struct {
	c *Conn
	h Handler
}

func (s sink) text(p []byte) {
	if !s.c.closing.Load() {
		s.h.Text(p)
	}
}

func (s sink) binary() {
	if !s.c.closing.Load() {
		s.h.Binary()
	}
}

func (s sink) ping(p []byte) {
	s.c.Write(appendFrame(make([]byte, 0, ws.MinHeaderSize+len(p)), ws.OpPong, p))
}
