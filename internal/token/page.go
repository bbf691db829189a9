package token

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrBadPageToken is Open's refusal of a page token: garbled, of another key, or
// of another binding.
var ErrBadPageToken = errors.New("bad page token")

// MaxPageLength is the most characters a page token has
// (spec: control-plane.md §2.5).
const MaxPageLength = 1024

const (
	maxCursorID = 512
	// pageScope keeps page tokens apart from anything else sealed with the key.
	pageScope = "parley page v1\x00"
)

// Cursor is the place in a list after which the next page begins.
type Cursor struct {
	UpdateTime time.Time
	ID         string
}

// Pager seals and opens page tokens: its first key seals, all open. It is safe for
// concurrent use.
type Pager struct{ aeads atomic.Pointer[[]cipher.AEAD] }

// NewPager returns a pager with keys of its own, one at least: never one of a [Ring].
func NewPager(secrets ...[32]byte) *Pager {
	p := &Pager{}
	p.Replace(secrets...)
	return p
}

// Replace has the pager have these keys, one at least, from now on.
func (p *Pager) Replace(secrets ...[32]byte) {
	if len(secrets) == 0 {
		panic("token: a pager without a key")
	}
	var aeads []cipher.AEAD
	for _, secret := range secrets {
		aeads = append(aeads, newAEAD(secret))
	}
	p.aeads.Store(&aeads)
}

// Seal returns the page token of a cursor for requests of the binding, which
// names tenant, operation and filters. The ID has at most 512 bytes.
func (p *Pager) Seal(c Cursor, binding string) string {
	if len(c.ID) > maxCursorID {
		panic(fmt.Sprintf("token: a cursor's ID of %d bytes", len(c.ID)))
	}
	b := make([]byte, 0, 12+len(c.ID))
	b = binary.BigEndian.AppendUint64(b, uint64(c.UpdateTime.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(c.UpdateTime.Nanosecond()))
	return seal((*p.aeads.Load())[0], "", append(b, c.ID...), pageScope+binding)
}

// Open returns the cursor of a page token that was sealed for the binding.
func (p *Pager) Open(text, binding string) (Cursor, error) {
	if len(text) > MaxPageLength {
		return Cursor{}, ErrBadPageToken
	}
	sealed, ok := decode(text)
	if !ok || len(sealed) < chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead {
		return Cursor{}, ErrBadPageToken
	}
	var b []byte
	for _, aead := range *p.aeads.Load() {
		if b, ok = open(aead, bytes.Clone(sealed), pageScope+binding); ok {
			break
		}
	}
	if !ok || len(b) < 12 {
		return Cursor{}, ErrBadPageToken
	}
	seconds, nanos := int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[8:]))
	return Cursor{UpdateTime: time.Unix(seconds, nanos).UTC(), ID: string(b[12:])}, nil
}
