package keys

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// Master seals secrets: XChaCha20-Poly1305, whose nonces are long enough to be
// random for ever.
type Master [32]byte

// NewMaster returns a random master key.
func NewMaster() (m Master) {
	rand.Read(m[:]) // never fails: crypto/rand crashes the program instead
	return m
}

// ParseMaster reads a master key as base64 of 32 bytes. Errors complete a sentence,
// and do not quote it.
func ParseMaster(text string) (m Master, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	// The decoder skips line breaks.
	if err != nil || strings.ContainsAny(text, "\r\n") || copy(m[:], b) != len(m) || len(b) != len(m) || m == (Master{}) {
		return Master{}, errors.New("is not 32 random bytes in base64")
	}
	return m, nil
}

func (m Master) text() []byte { return base64.StdEncoding.AppendEncode(nil, m[:]) }

// Seal returns what only this key opens, and only for the same purpose: a name of
// what is sealed and of whose it is.
func (m Master) Seal(purpose string, plain []byte) []byte {
	aead, err := chacha20poly1305.NewX(m[:])
	if err != nil {
		panic(err) // only for a wrong key length, which the type rules out
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, plain, []byte(purpose))
}

// Open returns what was sealed for the purpose.
func (m Master) Open(purpose string, sealed []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(m[:])
	if err != nil {
		panic(err)
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errSealed
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(purpose))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

var errSealed = errors.New("sealed with another master key: set PARLEY_MASTER_KEY, or put the file " + MasterKeyFile + " back, as it was")

// Format keeps the key out of whatever prints it, with any verb.
func (m Master) Format(f fmt.State, _ rune) { fmt.Fprint(f, "Master(not shown)") }

// LogValue keeps the key out of logs.
func (m Master) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// MarshalText keeps the key out of encoders.
func (m Master) MarshalText() ([]byte, error) { return fmt.Append(nil, m), nil }
