package token

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// FuzzClaims feeds the decoder what only a holder of a key could seal: what it
// accepts has exactly one encoding, so nothing hides in it.
func FuzzClaims(f *testing.F) {
	at := time.UnixMilli(1_767_323_045_678)
	for _, c := range []Claims{
		{IssuedAt: at, TokenExpiry: at, SessionExpiry: at},
		{IssuedAt: at, TokenExpiry: at, SessionExpiry: at, Account: "a", Region: "b", RoomID: "c", UserID: "d",
			Capabilities: 7, Attributes: map[string]string{"k": "v", "": "", "é": "😀"}},
	} {
		payload, err := c.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, ok := decodeClaims(payload)
		if !ok {
			return
		}
		again, err := c.encode()
		if err != nil || !bytes.Equal(again, payload) {
			t.Errorf("%x decodes to what is encoded as %x, %v", payload, again, err)
		}
	})
}

func TestPayloadsThatAreNotCanonicalAreRefused(t *testing.T) {
	at := time.UnixMilli(1_767_323_045_678)
	c := Claims{IssuedAt: at, TokenExpiry: at, SessionExpiry: at, UserID: "u", Attributes: map[string]string{"a": "1", "b": "2"}}
	payload, err := c.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := decodeClaims(payload); !ok {
		t.Fatal("the payload itself is refused")
	}
	const fixed = 1 + 16 + 3*8
	names := payload[fixed+1:] // after the capabilities: 0 0 0 1 u 2 1 a 1 1 1 b 1 2
	edit := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(payload)) }
	for name, bad := range map[string][]byte{
		"other version":      edit(func(b []byte) []byte { b[0] = 2; return b }),
		"time beyond 9999":   edit(func(b []byte) []byte { b[17] = 0x80; return b }),
		"unknown capability": edit(func(b []byte) []byte { b[fixed] = 8; return b }),
		"trailing byte":      edit(func(b []byte) []byte { return append(b, 0) }),
		"long uvarint":       append(bytes.Clone(payload[:fixed+1]), append([]byte{0x80, 0}, names[1:]...)...),
		"huge uvarint":       append(bytes.Clone(payload[:fixed+1]), bytes.Repeat([]byte{0xff}, 20)...),
		"huge count": edit(func(b []byte) []byte {
			return append(b[:fixed+1+5], binary.AppendUvarint(nil, 1<<62)...)
		}),
		"names out of order": bytes.Replace(bytes.Clone(payload), []byte("\x01a\x011\x01b\x012"), []byte("\x01b\x012\x01a\x011"), 1),
		"same name twice":    bytes.Replace(bytes.Clone(payload), []byte("\x01b\x012"), []byte("\x01a\x012"), 1),
		"not UTF-8":          bytes.Replace(bytes.Clone(payload), []byte("\x01u"), []byte("\x01\xff"), 1),
	} {
		if bytes.Equal(bad, payload) {
			t.Errorf("%s: nothing was changed", name)
		}
		if got, ok := decodeClaims(bad); ok {
			t.Errorf("%s: accepted as %v", name, got)
		}
	}
	for i := range payload {
		if _, ok := decodeClaims(payload[:i]); ok {
			t.Errorf("the first %d bytes are accepted", i)
		}
	}
}
