// Package token seals and opens chat tokens and page tokens: authenticated
// encryption with keys that the caller keeps. It knows no storage and no clock;
// that a chat token is used once is recorded elsewhere, by its claims' ID.
//
// A chat token reads
//
//	parley.v1.<key id>.<base64url without padding of nonce and ciphertext>
//
// XChaCha20-Poly1305 with the text before the last part as additional data. It
// travels as a WebSocket subprotocol, so all of it are characters of an RFC 7230
// token (spec: control-plane.md §4.1); the constant prefix is for secret scanners.
package token

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/chacha20poly1305"
)

// Prefix starts every chat token.
const Prefix = "parley.v1."

// MaxLength is the most characters a chat token has.
const MaxLength = 4096

const maxKeyID = 16

// The refusals of Open and Valid. They are all they say: nothing of the token
// goes into an error.
var (
	ErrMalformed  = errors.New("malformed chat token")
	ErrUnknownKey = errors.New("chat token of an unknown key")
	ErrForged     = errors.New("forged chat token")
	ErrExpired    = errors.New("expired chat token")
)

// Key seals and opens. The ID is public: it stands in every token.
type Key struct {
	ID     string // 1–16 letters and digits
	Secret [32]byte
}

// NewKey returns a random key.
func NewKey() Key {
	k := Key{ID: strings.ToLower(rand.Text()[:8])}
	rand.Read(k.Secret[:]) // never fails: crypto/rand crashes the program instead
	return k
}

// Format keeps the secret out of whatever prints a key, with any verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "Key(%s)", k.ID) }

// LogValue keeps the secret out of logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// MarshalText keeps the secret out of encoders.
func (k Key) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

// Ring is a set of keys: the first seals, all open. It is safe for concurrent use.
type Ring struct{ keys atomic.Pointer[keys] }

type keys struct {
	seal key
	open map[string]key
}

type key struct {
	header string // prefix, key id and dot: the additional data
	aead   cipher.AEAD
}

// NewRing returns a ring of at least one key with distinct ids.
func NewRing(list ...Key) (*Ring, error) {
	r := &Ring{}
	if err := r.Replace(list...); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace has the ring have these keys from now on. An error changes nothing.
func (r *Ring) Replace(list ...Key) error {
	if len(list) == 0 {
		return errors.New("token ring: no key")
	}
	ring := &keys{open: make(map[string]key, len(list))}
	for i, k := range list {
		if !validKeyID(k.ID) {
			return fmt.Errorf("token ring: key id %q is not 1 to %d letters and digits", k.ID, maxKeyID)
		}
		if _, taken := ring.open[k.ID]; taken {
			return fmt.Errorf("token ring: two keys have the id %q", k.ID)
		}
		if k.Secret == [32]byte{} {
			return fmt.Errorf("token ring: key %q has no secret", k.ID)
		}
		ring.open[k.ID] = key{header: Prefix + k.ID + ".", aead: newAEAD(k.Secret)}
		if i == 0 {
			ring.seal = ring.open[k.ID]
		}
	}
	r.keys.Store(ring)
	return nil
}

func newAEAD(secret [32]byte) cipher.AEAD {
	aead, err := chacha20poly1305.NewX(secret[:])
	if err != nil {
		panic(err) // only for a wrong key length, which the type rules out
	}
	return aead
}

// Seal returns the chat token of the claims, or an error if they are beyond
// what CreateChatToken accepts.
func (r *Ring) Seal(c Claims) (string, error) {
	payload, err := c.encode()
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	with := r.keys.Load().seal
	text := seal(with.aead, with.header, payload, with.header)
	if len(text) > MaxLength {
		return "", fmt.Errorf("encode claims: the chat token has %d characters, over %d", len(text), MaxLength)
	}
	return text, nil
}

// Open returns the claims of a chat token that a key of the ring sealed. Whether
// they still hold is [Claims.Valid]'s to say.
//
// The parts looked at before the tag is checked are public, and the check takes
// the same time for every wrong tag.
func (r *Ring) Open(text string) (Claims, error) {
	id, body, ok := split(text)
	if !ok {
		return Claims{}, ErrMalformed
	}
	sealed, ok := decode(body)
	if !ok || len(sealed) < chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead {
		return Claims{}, ErrMalformed
	}
	k, ok := r.keys.Load().open[id]
	if !ok {
		return Claims{}, ErrUnknownKey
	}
	payload, ok := open(k.aead, sealed, k.header)
	if !ok {
		return Claims{}, ErrForged
	}
	c, ok := decodeClaims(payload)
	if !ok {
		return Claims{}, ErrMalformed
	}
	return c, nil
}

func split(text string) (id, body string, ok bool) {
	if len(text) > MaxLength {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return "", "", false
	}
	id, body, ok = strings.Cut(rest, ".")
	return id, body, ok && validKeyID(id)
}

func validKeyID(id string) bool {
	for i := range len(id) {
		if c := id[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return 0 < len(id) && len(id) <= maxKeyID
}

// seal returns prefix and the base64url of nonce and ciphertext.
func seal(aead cipher.AEAD, prefix string, payload []byte, additional string) string {
	sealed := make([]byte, aead.NonceSize(), aead.NonceSize()+len(payload)+aead.Overhead())
	rand.Read(sealed)
	sealed = aead.Seal(sealed, sealed, payload, []byte(additional))
	text := make([]byte, 0, len(prefix)+base64.RawURLEncoding.EncodedLen(len(sealed)))
	text = append(text, prefix...)
	return string(base64.RawURLEncoding.AppendEncode(text, sealed))
}

// open overwrites sealed.
func open(aead cipher.AEAD, sealed []byte, additional string) ([]byte, bool) {
	nonce, ciphertext := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
	payload, err := aead.Open(ciphertext[:0], nonce, ciphertext, []byte(additional))
	return payload, err == nil
}

// decode accepts one spelling of each value: no line breaks, which the library
// skips, and no stray bits at the end.
func decode(body string) ([]byte, bool) {
	if strings.ContainsAny(body, "\r\n") {
		return nil, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(body)
	return sealed, err == nil
}
