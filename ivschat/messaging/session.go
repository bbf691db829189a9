package messaging

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

const (
	// readBuffer is what an idle connection holds for reading. Most frames fit.
	readBuffer = 1 << 10
	// maxInbound is the longest message that is accepted. Those of the service
	// have some 10 KiB at most.
	maxInbound = 1 << 20
	// closeWait is how long the service has to answer a Close frame.
	closeWait = time.Second
)

// errEnded says that nothing was written because the session is over.
var errEnded = errors.New("the connection has ended")

// session is one authenticated connection. One goroutine reads it, any may write.
type session struct {
	config  *Config
	conn    net.Conn
	br      *bufio.Reader
	expires time.Time // as the token said; zero if it did not
	opened  time.Time
	done    chan struct{} // closed when nothing more can come from it

	// The reader's alone.
	header [ws.MaxHeaderSize]byte
	whole  bytes.Buffer // the fragments of a message so far
	within bool         // a message of several frames

	writing sync.Mutex  // held during a write
	ending  atomic.Bool // only a Close frame is written from now on

	// Guarded by the room's mutex.
	refresh  *time.Timer
	expired  bool          // ERROR 401 came
	inflight int           // requests that wait for an answer
	settled  chan struct{} // closed when the last of them has one; nil unless somebody waits
}

func newSession(c *Config, conn net.Conn, early []byte, expires time.Time) *session {
	var from io.Reader = conn
	if len(early) > 0 {
		from = io.MultiReader(bytes.NewReader(early), conn)
	}
	return &session{
		config: c, conn: conn, br: bufio.NewReaderSize(from, readBuffer),
		expires: expires, opened: time.Now(), done: make(chan struct{}),
	}
}

// read hands over one text message after another until the connection ends; a
// text is only valid during the call. The error is a *CloseError if the service
// closed it in good order.
func (s *session) read(text func([]byte)) error {
	for {
		h, err := s.next()
		if err != nil {
			return err
		}
		if h.OpCode.IsControl() {
			err = s.control(h)
		} else {
			err = s.data(h, text)
		}
		if err != nil {
			return err
		}
	}
}

// next reads the header of a frame.
func (s *session) next() (ws.Header, error) {
	if err := s.await(); err != nil {
		return ws.Header{}, err
	}
	h, err := ws.ReadHeaderBuffer(s.br, s.header[:])
	if err != nil {
		return h, s.violation(err)
	}
	state := ws.StateClientSide
	if s.within {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, s.violation(err)
	}
	if !h.OpCode.IsControl() && h.Length+int64(s.whole.Len()) > maxInbound {
		s.close(ws.StatusMessageTooBig)
		return h, fmt.Errorf("a message has more than %d bytes", maxInbound)
	}
	return h, nil
}

// await waits for a frame to begin, and pings a service that is silent.
func (s *session) await() error {
	for pinged := false; ; pinged = true {
		if s.config.KeepAlive > 0 {
			s.conn.SetReadDeadline(time.Now().Add(s.config.KeepAlive))
		}
		_, err := s.br.Peek(1)
		if !errors.Is(err, os.ErrDeadlineExceeded) || pinged {
			return err
		}
		if err := s.write(ws.OpPing, nil); err != nil && err != errEnded {
			return err
		}
	}
}

// violation ends a connection whose bytes make no sense, and keeps the errors
// of the network as they are.
func (s *session) violation(err error) error {
	if _, ok := errors.AsType[ws.ProtocolError](err); ok || errors.Is(err, ws.ErrHeaderLengthMSB) || errors.Is(err, ws.ErrHeaderLengthUnexpected) {
		s.close(ws.StatusProtocolError)
	}
	return err
}

func (s *session) control(h ws.Header) error {
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(s.br, payload); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		if err := s.write(ws.OpPong, payload); err != errEnded {
			return err
		}
	case ws.OpClose:
		return s.closed(payload)
	}
	return nil
}

// closed answers a Close frame.
func (s *session) closed(payload []byte) error {
	if len(payload) == 0 {
		s.close(ws.StatusNormalClosure)
		return &CloseError{Code: int(ws.StatusNoStatusRcvd)}
	}
	code, reason := ws.ParseCloseFrameData(payload)
	if len(payload) == 1 || !closeCode(code) || !utf8.ValidString(reason) {
		s.close(ws.StatusProtocolError)
		return errors.New("a Close frame makes no sense")
	}
	s.close(code)
	return &CloseError{Code: int(code), Reason: reason}
}

// closeCode tells whether a Close frame may carry a code: those that were
// registered after RFC 6455, such as 1012, too.
func closeCode(code ws.StatusCode) bool {
	return code >= 1000 && code < 5000 && code != ws.StatusNoMeaningYet && !code.IsProtocolReserved()
}

// data reads the payload of a frame of a message.
func (s *session) data(h ws.Header, text func([]byte)) error {
	if h.Fin && !s.within && h.Length <= readBuffer {
		payload, err := s.br.Peek(int(h.Length))
		if err != nil {
			return err
		}
		if err := s.deliver(h.OpCode, payload, text); err != nil {
			return err
		}
		_, err = s.br.Discard(len(payload))
		return err
	}
	if !s.within && h.OpCode != ws.OpText {
		return s.unwanted()
	}
	// A header is not to be trusted with memory: it grows as the bytes come.
	if _, err := io.CopyN(&s.whole, s.br, h.Length); err != nil {
		return err
	}
	if s.within = !h.Fin; s.within {
		return nil
	}
	err := s.deliver(ws.OpText, s.whole.Bytes(), text)
	s.whole = bytes.Buffer{} // a connection at rest holds no memory for it
	return err
}

func (s *session) deliver(op ws.OpCode, payload []byte, text func([]byte)) error {
	if op != ws.OpText {
		return s.unwanted()
	}
	if !utf8.Valid(payload) {
		s.close(ws.StatusInvalidFramePayloadData)
		return errors.New("a message is not valid UTF-8")
	}
	text(payload)
	return nil
}

func (s *session) unwanted() error {
	s.close(ws.StatusUnsupportedData)
	return errors.New("a message is binary")
}

// write sends one frame. It uses payload up.
func (s *session) write(op ws.OpCode, payload []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(s.config.WriteTimeout))
	if s.ending.Load() { // after the deadline: close sets a shorter one after ending
		return errEnded
	}
	return s.flush(op, payload)
}

func (s *session) flush(op ws.OpCode, payload []byte) error {
	h := ws.Header{Fin: true, OpCode: op, Length: int64(len(payload)), Masked: true, Mask: ws.NewMask()}
	ws.Cipher(payload, h.Mask, 0)
	b := bytes.NewBuffer(make([]byte, 0, ws.MaxHeaderSize+len(payload)))
	ws.WriteHeader(b, h) // to memory: it cannot fail
	b.Write(payload)
	if _, err := s.conn.Write(b.Bytes()); err != nil {
		// Half a frame may be out: nothing can follow it.
		s.cut()
		return err
	}
	return nil
}

// close sends a Close frame, once, and cuts the connection if the service takes
// too long to answer it.
func (s *session) close(code ws.StatusCode) {
	if s.ending.Swap(true) {
		return
	}
	s.conn.SetWriteDeadline(time.Now().Add(closeWait)) // also for a write under way
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(closeWait))
	if s.flush(ws.OpClose, ws.NewCloseFrameBody(code, "")) != nil {
		return
	}
	time.AfterFunc(closeWait, s.cut)
}

// cut ends the connection at once. TLS would say goodbye first, and wait for
// the service to take it.
func (s *session) cut() {
	if c, ok := s.conn.(*tls.Conn); ok {
		c.NetConn().Close()
		return
	}
	s.conn.Close()
}
