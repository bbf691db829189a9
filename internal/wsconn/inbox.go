package wsconn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

var (
	errTooBig    = errors.New("message too big")
	errFragments = errors.New("too many fragments")
	errFlood     = errors.New("too many control or empty frames")
	errText      = errors.New("text is not UTF-8")
)

// chunk is one read's worth of bytes with the scratch that parsing needs.
type chunk struct {
	buf    []byte
	data   []byte // the part of buf that was read
	header [ws.MaxHeaderSize]byte
	reader bytes.Reader
}

type receiver interface {
	text(p []byte)
	binary()
	ping(p []byte)
}

// inbox turns the peer's bytes into messages. It keeps bytes only of a frame or
// a message that is not complete, and its answers do not depend on how the
// bytes were split.
type inbox struct {
	o         *Options
	partial   []byte // the start of an incomplete frame
	message   []byte // the payload of an incomplete text message
	op        ws.OpCode
	open      bool // a message has begun and is not complete
	size      int  // payload bytes of the message so far
	fragments int

	second   time.Duration // when the current window of the frame rate began
	inSecond int
}

// feed takes data, which it may overwrite, and hands on what is complete.
// Its error is a *ProtocolError or the peer's *CloseError; feed is not called again.
func (in *inbox) feed(ch *chunk, data []byte, now time.Duration, to receiver) error {
	if len(in.partial) > 0 {
		in.partial = append(in.partial, data...)
		data = in.partial
	}
	rest := data
	for len(rest) > 0 {
		h, payload, err := in.next(ch, rest)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
		rest = payload[h.Length:]
		payload = payload[:h.Length]
		ws.Cipher(payload, h.Mask, 0)
		if err := in.frame(h, payload, now, to); err != nil {
			return err
		}
	}
	switch {
	case len(rest) == 0:
		in.partial = nil
	case len(in.partial) == 0 || len(rest) < len(data):
		in.partial = slices.Clone(rest)
	}
	return nil
}

// next reads the header at the start of p and checks all that a header tells,
// so that nothing forbidden is buffered. It returns what follows the header, or
// io.ErrUnexpectedEOF while the frame is not complete.
func (in *inbox) next(ch *chunk, p []byte) (ws.Header, []byte, error) {
	ch.reader.Reset(p)
	h, err := ws.ReadHeaderBuffer(&ch.reader, ch.header[:])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // nothing after the first two bytes yet
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return h, nil, err
	}
	if err != nil {
		return h, nil, violation(ws.StatusProtocolError, err)
	}
	state := ws.StateServerSide
	if in.open {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, nil, violation(ws.StatusProtocolError, err)
	}
	if h.OpCode.IsData() && h.Length > int64(in.o.MaxMessage-in.size) {
		return h, nil, violation(ws.StatusMessageTooBig, errTooBig)
	}
	if h.OpCode.IsData() && in.fragments >= in.o.MaxFragments {
		return h, nil, violation(ws.StatusPolicyViolation, errFragments)
	}
	rest := p[len(p)-ch.reader.Len():]
	if h.Length > int64(len(rest)) {
		return h, nil, io.ErrUnexpectedEOF
	}
	return h, rest, nil
}

// frame takes one complete, unmasked frame.
func (in *inbox) frame(h ws.Header, payload []byte, now time.Duration, to receiver) error {
	if h.OpCode.IsControl() || len(payload) == 0 {
		if !in.allowSmall(now) {
			return violation(ws.StatusPolicyViolation, errFlood)
		}
	}
	switch h.OpCode {
	case ws.OpClose:
		return closed(payload)
	case ws.OpPing:
		to.ping(payload)
		return nil
	case ws.OpPong:
		return nil
	}
	return in.data(h, payload, to)
}

func (in *inbox) data(h ws.Header, payload []byte, to receiver) error {
	if h.OpCode != ws.OpContinuation {
		in.op = h.OpCode
	}
	if !h.Fin {
		in.open = true
		in.fragments++
		in.size += len(payload)
		if in.op == ws.OpText {
			in.message = append(in.message, payload...)
		}
		return nil
	}
	if in.op == ws.OpText && in.open {
		payload = append(in.message, payload...)
	}
	in.open, in.fragments, in.size, in.message = false, 0, 0, nil
	if in.op == ws.OpBinary {
		to.binary()
		return nil
	}
	if !utf8.Valid(payload) {
		return violation(ws.StatusInvalidFramePayloadData, errText)
	}
	to.text(payload)
	return nil
}

// allowSmall counts frames that cost the peer next to nothing.
func (in *inbox) allowSmall(now time.Duration) bool {
	if now-in.second >= time.Second {
		in.second, in.inSecond = now, 0
	}
	in.inSecond++
	return in.inSecond <= in.o.ControlRate
}

// closed judges the peer's Close payload and returns the error that ends reading.
func closed(payload []byte) error {
	if len(payload) == 0 {
		return &CloseError{Code: NoStatus, Remote: true}
	}
	code, reason := ws.ParseCloseFrameData(payload) // one byte gives code 0, which is refused
	err := checkClose(code, reason)
	if errors.Is(err, ws.ErrProtocolInvalidUTF8) {
		return violation(ws.StatusInvalidFramePayloadData, err)
	}
	if err != nil {
		return violation(ws.StatusProtocolError, err)
	}
	return &CloseError{Code: uint16(code), Reason: reason, Remote: true}
}

// checkClose is ws.CheckCloseFrameData with the codes registered since RFC 6455
// allowed and those beyond every range refused.
func checkClose(code ws.StatusCode, reason string) error {
	if code >= statusServiceRestart && code <= statusBadGateway {
		code = ws.StatusNormalClosure
	}
	if code > ws.StatusRangePrivate.Max {
		return fmt.Errorf("status code %d: %w", code, ws.ErrProtocolStatusCodeUnknown)
	}
	return ws.CheckCloseFrameData(code, reason)
}

func violation(code ws.StatusCode, err error) error {
	return &ProtocolError{Code: uint16(code), Err: err}
}
