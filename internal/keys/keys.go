// Package keys is the secrets that a server keeps under its data directory: its
// first access key, and the master key, which seals all others in the store. They
// are made at random on the first run, by exactly one of several processes that start at
// once, and survive power loss from then on. It assumes a file system with hard
// links and, except on Windows, owners and modes.
package keys

import (
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/parleychat/parley/internal/config"
)

// The key of `parley dev`, the same everywhere: it is documented, so it protects
// nothing.
const (
	DevAccessKeyID = "PARLEYDEVKEY"
	DevSecret      = "parley-dev-secret"
)

// DefaultAccount owns what an access key makes when nobody names an account.
const DefaultAccount = "000000000000"

// Keys is everything kept.
type Keys struct {
	AccessKey AccessKey
	// Master seals the secrets that the store keeps.
	Master Master
}

// AccessKey signs control-plane requests.
type AccessKey struct {
	ID      string
	Secret  config.Secret
	Account string
}

// Override returns the keys with another access key: members that are empty keep
// what was there. Nothing on disk changes.
func (k Keys) Override(with AccessKey) Keys {
	if with.ID != "" {
		k.AccessKey.ID = with.ID
	}
	if with.Secret != "" {
		k.AccessKey.Secret = with.Secret
	}
	if with.Account != "" {
		k.AccessKey.Account = with.Account
	}
	return k
}

// IsDev tells whether the access key has the documented id or secret of
// `parley dev`. A server that verifies signatures must not start with it.
func (k AccessKey) IsDev() bool {
	return k.ID == DevAccessKeyID || k.Secret == DevSecret
}

// Dev returns the keys of `parley dev`: the documented access key, and a master key
// that nobody else has.
func Dev() Keys {
	return Keys{
		AccessKey: AccessKey{ID: DevAccessKeyID, Secret: DevSecret, Account: DefaultAccount},
		Master:    NewMaster(),
	}
}

// NewAccessKey returns a random key. It has the form of AWS's, for tools that check
// it. The secret is letters and digits only, so that shells and files need no quotes.
func NewAccessKey(account string) AccessKey { return random("PARLEY", account) }

// NewSessionKey returns a random key of temporary credentials.
func NewSessionKey(account string) AccessKey { return random("PARLEYTEMP", account) }

// NewSessionToken returns the random text that goes with a key of temporary
// credentials.
func NewSessionToken() string { return "PARLEYSESSION" + randomText(upper+lower+digits, 120) }

const upper, lower, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"

func random(prefix, account string) AccessKey {
	return AccessKey{
		ID:      prefix + randomText(upper+digits, 14),
		Secret:  config.Secret(randomText(upper+lower+digits, 40)),
		Account: account,
	}
}

func randomText(alphabet string, length int) string {
	text := make([]byte, 0, length)
	var one [1]byte
	for len(text) < length {
		rand.Read(one[:])
		// Rejecting the tail keeps every letter equally likely.
		if int(one[0]) < 256/len(alphabet)*len(alphabet) {
			text = append(text, alphabet[int(one[0])%len(alphabet)])
		}
	}
	return string(text)
}

// Format keeps secrets out of whatever prints keys, with any verb.
func (k Keys) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "Keys(%v)", k.AccessKey)
}

// LogValue keeps secrets out of logs.
func (k Keys) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// MarshalText keeps secrets out of encoders: [Load] alone writes them.
func (k Keys) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

// Format keeps the secret out of whatever prints the key, with any verb.
func (k AccessKey) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "AccessKey(%s of %s)", k.ID, k.Account)
}

// LogValue keeps the secret out of logs.
func (k AccessKey) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// MarshalText keeps the secret out of encoders.
func (k AccessKey) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }
