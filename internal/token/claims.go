package token

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/parleychat/parley/ivschat"
)

// Claims are what a chat token says. Times have milliseconds.
type Claims struct {
	ID            [16]byte // random; a token is used once by it
	Account       string
	Region        string
	RoomID        string
	UserID        string
	Capabilities  Capabilities
	Attributes    map[string]string
	IssuedAt      time.Time
	TokenExpiry   time.Time // until when a connection can be opened
	SessionExpiry time.Time // until when that connection may last
}

// Valid returns ErrExpired once the token opens no connection any more.
func (c Claims) Valid(now time.Time) error {
	if !now.Before(c.TokenExpiry) || !now.Before(c.SessionExpiry) {
		return ErrExpired
	}
	return nil
}

// Format keeps user ids and attributes out of whatever prints claims.
func (c Claims) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "Claims(%s/%s/%s)", c.Account, c.Region, c.RoomID)
}

// LogValue keeps user ids and attributes out of logs.
func (c Claims) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// MarshalText keeps user ids and attributes out of encoders.
func (c Claims) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

// Capabilities is a set of ivschat.Capability.
type Capabilities uint8

const numCapabilities = 3

// capabilities gives each its bit, by position. The order is part of the format.
func capabilities() [numCapabilities]ivschat.Capability {
	return [...]ivschat.Capability{
		ivschat.CapabilitySendMessage, ivschat.CapabilityDeleteMessage, ivschat.CapabilityDisconnectUser,
	}
}

// CapabilitiesOf returns the set of the list. Names that the API does not have
// give nothing.
func CapabilitiesOf(list []ivschat.Capability) Capabilities {
	var set Capabilities
	for i, capability := range capabilities() {
		if slices.Contains(list, capability) {
			set |= 1 << i
		}
	}
	return set
}

// Has tells whether the set has the capability.
func (set Capabilities) Has(capability ivschat.Capability) bool {
	return set&CapabilitiesOf([]ivschat.Capability{capability}) != 0
}

// List returns the set's capabilities, always in the same order.
func (set Capabilities) List() []ivschat.Capability {
	var list []ivschat.Capability
	for i, capability := range capabilities() {
		if set&(1<<i) != 0 {
			list = append(list, capability)
		}
	}
	return list
}

// The payload is
//
//	version, ID, issued-at, token expiry, session expiry, capabilities,
//	account, region, room id, user id, number of attributes, attributes
//
// in fixed-width big-endian numbers; strings, and the number of attributes, have
// a uvarint in front, and attributes come by ascending key. So every value has
// one encoding, and the worst case, hundreds of tiny attributes, stays small
// enough for a 4 KiB header.
const (
	payloadVersion = 1

	maxName       = 64                         // bytes of account, region and room id
	maxUserID     = 128 * utf8.UTFMax          // 128 characters
	maxAttributes = ivschat.MaxTokenAttributes // bytes of keys and values

	maxTime = 253402300799999 // the last millisecond of the year 9999
)

func (c Claims) encode() ([]byte, error) {
	b := make([]byte, 0, 256)
	b = append(b, payloadVersion)
	b = append(b, c.ID[:]...)
	for _, t := range []time.Time{c.IssuedAt, c.TokenExpiry, c.SessionExpiry} {
		ms := t.UnixMilli()
		if ms < 0 || ms > maxTime {
			return nil, errors.New("a time is not between 1970 and 9999")
		}
		b = binary.BigEndian.AppendUint64(b, uint64(ms))
	}
	if c.Capabilities >= 1<<numCapabilities {
		return nil, errors.New("an unknown capability")
	}
	b = append(b, byte(c.Capabilities))
	for _, s := range []struct {
		name, text string
		most       int
	}{
		{"account", c.Account, maxName}, {"region", c.Region, maxName},
		{"room id", c.RoomID, maxName}, {"user id", c.UserID, maxUserID},
	} {
		if len(s.text) > s.most || !utf8.ValidString(s.text) {
			return nil, fmt.Errorf("%s is not at most %d bytes of UTF-8", s.name, s.most)
		}
		b = appendString(b, s.text)
	}
	return c.encodeAttributes(b)
}

func (c Claims) encodeAttributes(b []byte) ([]byte, error) {
	total := 0
	b = binary.AppendUvarint(b, uint64(len(c.Attributes)))
	for _, name := range slices.Sorted(maps.Keys(c.Attributes)) {
		value := c.Attributes[name]
		total += len(name) + len(value)
		if total > maxAttributes || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, fmt.Errorf("attributes are not at most %d bytes of UTF-8", maxAttributes)
		}
		b = appendString(appendString(b, name), value)
	}
	return b, nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeClaims accepts exactly what encode writes.
func decodeClaims(payload []byte) (Claims, bool) {
	r := reader{rest: payload, ok: true}
	r.expect(len(payload) > 0 && r.bytes(1)[0] == payloadVersion)
	var c Claims
	copy(c.ID[:], r.bytes(len(c.ID)))
	c.IssuedAt, c.TokenExpiry, c.SessionExpiry = r.time(), r.time(), r.time()
	c.Capabilities = r.capabilities()
	c.Account, c.Region, c.RoomID = r.string(maxName), r.string(maxName), r.string(maxName)
	c.UserID = r.string(maxUserID)
	c.Attributes = r.attributes()
	r.expect(len(r.rest) == 0)
	if !r.ok {
		return Claims{}, false
	}
	return c, true
}

// reader takes values from the front. Once something is wrong, ok is false and
// whatever it returns is of no use.
type reader struct {
	rest []byte
	ok   bool
}

func (r *reader) expect(ok bool) {
	if !ok {
		r.ok, r.rest = false, nil
	}
}

func (r *reader) bytes(n int) []byte {
	if r.expect(len(r.rest) >= n); !r.ok {
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) time() time.Time {
	ms := binary.BigEndian.Uint64(r.bytes(8))
	r.expect(ms <= maxTime)
	return time.UnixMilli(int64(ms)).UTC()
}

func (r *reader) capabilities() Capabilities {
	set := Capabilities(r.bytes(1)[0])
	r.expect(set < 1<<numCapabilities)
	return set
}

// number returns one of at most most, in its shortest form.
func (r *reader) number(most int) int {
	n, width := binary.Uvarint(r.rest)
	if r.expect(width > 0 && n <= uint64(most)); !r.ok {
		return 0
	}
	r.expect(width == 1 || n>>(7*(width-1)) != 0)
	r.bytes(width)
	return int(n)
}

func (r *reader) string(most int) string {
	text := r.bytes(r.number(most))
	r.expect(utf8.Valid(text))
	return string(text)
}

func (r *reader) attributes() map[string]string {
	n := r.number(len(r.rest) / 2) // each has at least its two lengths
	if n == 0 {
		return nil
	}
	attributes := make(map[string]string, n)
	budget, previous := maxAttributes, ""
	for i := 0; i < n && r.ok; i++ {
		name := r.string(budget)
		budget -= len(name)
		value := r.string(budget)
		budget -= len(value)
		r.expect(i == 0 || name > previous)
		attributes[name], previous = value, name
	}
	return attributes
}
