package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gobwas/ws"
)

// maxPayload is more than any frame a chat service sends.
const maxPayload = 48 << 10

// Opcodes (RFC 6455 §5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

var (
	errMasked   = errors.New("a masked frame from a server")
	errReserved = errors.New("a frame with reserved bits or opcode")
	errControl  = errors.New("a control frame that is long or in parts")
)

// frame is one frame of a server's; its payload lies in the buffer it was read
// from.
type frame struct {
	op      byte
	fin     bool
	payload []byte
	size    int // of the whole frame; 0 when the buffer holds only a part of it
}

// nextFrame reads the frame that buf begins with.
func nextFrame(buf []byte) (frame, error) {
	if len(buf) < 2 {
		return frame{}, nil
	}
	f := frame{op: buf[0] & 0x0f, fin: buf[0]&0x80 != 0}
	length, header := uint64(buf[1]&0x7f), 2
	switch {
	case buf[1]&0x80 != 0:
		return frame{}, errMasked
	case buf[0]&0x70 != 0 || f.op > opPong || f.op > opBinary && f.op < opClose:
		return frame{}, errReserved
	case f.op >= opClose && (length > 125 || !f.fin):
		return frame{}, errControl
	case length == 126:
		if len(buf) < 4 {
			return frame{}, nil
		}
		length, header = uint64(binary.BigEndian.Uint16(buf[2:])), 4
	case length == 127:
		if len(buf) < 10 {
			return frame{}, nil
		}
		length, header = binary.BigEndian.Uint64(buf[2:]), 10
	}
	if length > maxPayload {
		return frame{}, fmt.Errorf("a frame of %d bytes, over %d", length, maxPayload)
	}
	end := header + int(length)
	if len(buf) < end {
		return frame{}, nil
	}
	f.payload, f.size = buf[header:end], end
	return f, nil
}

// appendFrame appends a client's frame: final and masked.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n <= 0xffff:
		dst = append(dst, 0x80|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	var mask [4]byte
	binary.NativeEndian.PutUint32(mask[:], rand.Uint32())
	dst = append(dst, mask[:]...)
	body := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[body:], mask, 0)
	return dst
}

// closeCode reads a Close frame's payload.
func closeCode(payload []byte) (code int, reason string) {
	if len(payload) < 2 {
		return 1005, ""
	}
	return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
}
