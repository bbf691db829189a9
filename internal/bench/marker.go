package bench

import (
	"bytes"
	"fmt"
)

// marker says which message a content is. It stands in hex, of fixed width, at
// the content's beginning, behind a prefix that names the run.
type marker struct {
	room   uint32
	sender uint32 // within the room
	seq    uint32 // within the sender
	at     int64  // when it was meant to be sent: nanoseconds on the run's clock
}

const (
	prefixSize = 10 // "~pb" and six digits of the run, and ":"
	roomSize   = 5
	senderSize = 4
	seqSize    = 8
	atSize     = 14
	fieldsSize = roomSize + senderSize + seqSize + atSize

	// markerSize is the least content there can be.
	markerSize = prefixSize + fieldsSize
)

func runPrefix(run uint32) string { return fmt.Sprintf("~pb%06x:", run&0xffffff) }

func (m marker) append(dst []byte, prefix string) []byte {
	dst = append(dst, prefix...)
	dst = appendHex(dst, uint64(m.room), roomSize)
	dst = appendHex(dst, uint64(m.sender), senderSize)
	dst = appendHex(dst, uint64(m.seq), seqSize)
	return appendHex(dst, uint64(m.at), atSize)
}

// finder finds markers. It remembers where the last one was: frames of one run
// look alike.
type finder struct {
	prefix string
	offset int
}

func (f *finder) find(text []byte) (marker, bool) {
	at := f.offset
	if at+markerSize > len(text) || string(text[at:at+prefixSize]) != f.prefix {
		at = bytes.Index(text, []byte(f.prefix))
		if at < 0 || at+markerSize > len(text) {
			return marker{}, false
		}
		f.offset = at
	}
	return parseFields(text[at+prefixSize : at+markerSize])
}

func parseFields(p []byte) (m marker, ok bool) {
	var bad uint64
	room := parseHex(p[:roomSize], &bad)
	p = p[roomSize:]
	sender := parseHex(p[:senderSize], &bad)
	p = p[senderSize:]
	seq := parseHex(p[:seqSize], &bad)
	p = p[seqSize:]
	at := parseHex(p[:atSize], &bad)
	return marker{room: uint32(room), sender: uint32(sender), seq: uint32(seq), at: int64(at)}, bad == 0
}

const digits = "0123456789abcdef"

func appendHex(dst []byte, v uint64, width int) []byte {
	for shift := 4 * (width - 1); shift >= 0; shift -= 4 {
		dst = append(dst, digits[v>>shift&0xf])
	}
	return dst
}

// parseHex sets bits of bad when p has anything but lower-case digits.
func parseHex(p []byte, bad *uint64) (v uint64) {
	for _, c := range p {
		d := uint64(c - '0')
		if d > 9 {
			d = uint64(c-'a') + 10
			if c < 'a' || c > 'f' {
				*bad |= 1
			}
		}
		v = v<<4 | d&0xf
	}
	return v
}
