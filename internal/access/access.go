// Package access knows who may sign requests, and what they may do: access keys
// with their policies, accounts, and the keys of chat tokens, which the store keeps
// sealed. A [Book] is a server's view of them, up to date within a second; a
// [Desk] is what commands change them with, beside a server that runs.
package access

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/policy"
	"github.com/parleychat/parley/internal/store"
)

// Key is an access key, its secrets opened.
type Key struct {
	ID           string
	Account      string
	Name         string
	Secret       config.Secret
	SessionToken config.Secret // of temporary credentials
	Disabled     bool
	Parent       string // of temporary credentials
	Policies     []*policy.Document
	Created      time.Time
	Expires      time.Time // zero: never
	LastUsed     time.Time // zero: never
}

// ARN is the principal's. A key with policies is a user's, one without the
// account's own: it may do everything in the account.
func (k *Key) ARN() string {
	if len(k.Policies) == 0 && k.Name == "" {
		return "arn:aws:iam::" + k.Account + ":root"
	}
	name := k.Name
	if name == "" {
		name = k.ID
	}
	return "arn:aws:iam::" + k.Account + ":user/" + name
}

// The states of an account.
const (
	Active    = "active"
	Pending   = "pending"   // every modelled operation answers PendingVerification
	Suspended = "suspended" // nothing is allowed
)

// secrets are what is sealed of a key.
type secrets struct {
	Secret       string `json:"secret"`
	SessionToken string `json:"sessionToken,omitzero"`
}

func purpose(id string) string { return "access key " + id }

func seal(m keys.Master, id string, s secrets) ([]byte, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return m.Seal(purpose(id), plain), nil
}

// open returns the key that the store keeps.
func open(m keys.Master, k store.AccessKey) (*Key, error) {
	plain, err := m.Open(purpose(k.ID), k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("access key %s: %w", k.ID, err)
	}
	var s secrets
	if err := json.Unmarshal(plain, &s); err != nil {
		return nil, fmt.Errorf("access key %s: what was sealed is garbled", k.ID)
	}
	out := &Key{
		ID: k.ID, Account: k.Account, Name: k.Name, Secret: config.Secret(s.Secret), SessionToken: config.Secret(s.SessionToken),
		Disabled: k.Disabled, Parent: k.Parent, Created: k.Created, Expires: k.Expires, LastUsed: k.LastUsed,
	}
	for i, text := range k.Policies {
		d, err := policy.Parse([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("access key %s, policy %d: %w", k.ID, i+1, err)
		}
		out.Policies = append(out.Policies, d)
	}
	return out, nil
}
