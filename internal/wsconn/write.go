package wsconn

import (
	"bytes"
	"errors"
	"os"
	"time"

	"github.com/gobwas/ws"
)

// AppendText appends one unmasked, final text frame.
func AppendText(dst, payload []byte) []byte { return appendFrame(dst, ws.OpText, payload) }

func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	b := bytes.NewBuffer(dst)
	_ = ws.WriteFrame(b, ws.NewFrame(op, true, payload)) // a bytes.Buffer takes everything
	return b.Bytes()
}

// appendClose appends a Close frame. NoStatus stands for an empty one.
func appendClose(dst []byte, code uint16, reason string) []byte {
	if code == NoStatus {
		return append(dst, ws.CompiledClose...)
	}
	return appendFrame(dst, ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), reason))
}

// Write sends one or more complete frames. It never waits. It keeps frames of
// which the kernel does not take all at once, in the bounded queue: they must
// not change any more. So the queues of many slow peers share one copy.
// It is false when the connection is closing or has just overflowed; then the
// frames do not arrive, or not all of them.
func (c *Conn) Write(frames []byte) bool {
	c.mu.Lock()
	ok, err := c.write(frames)
	c.mu.Unlock()
	if err != nil {
		c.end(err, errors.Is(err, ErrSlow))
	}
	return ok
}

// write needs mu. An error means that the stream is broken in mid-frame.
func (c *Conn) write(frames []byte) (ok bool, broken error) {
	if c.closing.Load() {
		return false, nil
	}
	if !c.draining {
		n, err := c.t.tryWrite(frames)
		if err != nil {
			return false, err
		}
		frames = frames[n:]
		if len(frames) == 0 {
			return true, nil
		}
		if n > 0 && len(frames) > c.u.o.QueueBytes {
			// In mid-frame: nobody may write behind it before end has closed TCP.
			c.err = ErrSlow
			c.closing.Store(true)
			return false, ErrSlow
		}
	}
	if c.queued+len(frames) > c.u.o.QueueBytes {
		return false, c.lastWords(ErrSlow, appendClose(nil, statusTryAgainLater, "too slow"))
	}
	c.push(frames)
	return true, nil
}

// shut takes the connection from open to closing: last goes out behind the
// queue. The first optional bytes of last are left out when the queue is full.
func (c *Conn) shut(err error, last []byte, optional int) {
	c.mu.Lock()
	if c.closing.Load() {
		c.mu.Unlock()
		return
	}
	if c.queued+optional > c.u.o.QueueBytes {
		last = last[optional:]
	}
	broken := c.lastWords(err, last)
	c.mu.Unlock()
	if broken != nil {
		c.end(broken, false)
	}
}

// lastWords needs mu and an open connection.
func (c *Conn) lastWords(err error, last []byte) (broken error) {
	c.err = err
	c.closing.Store(true)
	if !c.draining {
		n, err := c.t.tryWrite(last)
		if err != nil {
			return err
		}
		last = last[n:]
	}
	if len(last) == 0 {
		return c.awaitClose()
	}
	c.push(last)
	// From here on progress does not move it: closing has to end.
	return c.t.setWriteDeadline(time.Now().Add(c.u.o.WriteTimeout))
}

// awaitClose bounds the peer's answer once our Close frame is out.
func (c *Conn) awaitClose() error {
	return c.t.setReadDeadline(time.Now().Add(c.u.o.CloseTimeout))
}

// push needs mu. It starts the drainer if there is none.
func (c *Conn) push(p []byte) {
	c.queue = append(c.queue, p)
	c.queued += len(p)
	if c.draining {
		return
	}
	c.draining = true
	c.extend()
	c.drain.Go(c.drainQueue)
}

// sent needs mu. It takes n bytes off the queue.
func (c *Conn) sent(n int) {
	if n > 0 {
		c.extend()
	}
	c.queued -= n
	for n > 0 {
		k := min(n, len(c.queue[0]))
		c.queue[0] = c.queue[0][k:]
		n -= k
		if len(c.queue[0]) == 0 {
			c.queue[0] = nil
			c.queue = c.queue[1:]
		}
	}
}

// extend needs mu. It gives the queue another WriteTimeout, unless the
// connection is closing. It fails only on a closed connection, where the write
// that follows reports it.
func (c *Conn) extend() {
	if !c.closing.Load() {
		_ = c.t.setWriteDeadline(time.Now().Add(c.u.o.WriteTimeout))
	}
}

// drainQueue lives while the queue is not empty.
func (c *Conn) drainQueue() {
	err := c.t.drain()
	for err == nil && !c.drained() {
		err = c.t.drain()
	}
	if err == nil {
		return
	}
	slow := errors.Is(err, os.ErrDeadlineExceeded)
	if slow {
		err = ErrSlow
	}
	c.end(err, slow)
	// draining stays set: nothing may be written behind half a frame.
	c.mu.Lock()
	c.queue, c.queued = nil, 0
	c.mu.Unlock()
}

// drained ends draining if the queue is still empty. The transport has left the
// descriptor by now, so the next Write finds it free.
func (c *Conn) drained() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) > 0 {
		return false
	}
	c.queue = nil
	c.draining = false
	// The descriptor refuses writes once a deadline has passed. Failing means
	// that it is closed, which the reader notices.
	_ = c.t.setWriteDeadline(time.Time{})
	if c.closing.Load() {
		_ = c.awaitClose()
	}
	return true
}

// end closes TCP. The first cause given to end, shut or write stays the reason.
func (c *Conn) end(err error, reset bool) {
	c.mu.Lock()
	if !c.closing.Load() {
		c.closing.Store(true)
		c.err = err
	}
	first := !c.cut
	c.cut = true
	reset = reset || c.queued > 0
	c.mu.Unlock()
	if first {
		c.t.close(reset)
	}
}
