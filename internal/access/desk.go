package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/policy"
	"github.com/parleychat/parley/internal/store"
)

// The bounds of a session, as at AWS.
const (
	MinSession = 15 * time.Minute
	MaxSession = 36 * time.Hour
)

// Desk changes what the store keeps. Servers see it within a second.
type Desk struct {
	Store  *store.Store
	Master keys.Master
}

// New is what a key is to be.
type New struct {
	Account  string
	Name     string
	Policies []string // documents; none: everything in the account is allowed
}

// Create makes a key. Its secret is nowhere else to be had later.
func (d Desk) Create(ctx context.Context, n New) (keys.AccessKey, error) {
	if err := checkPolicies(n.Policies); err != nil {
		return keys.AccessKey{}, err
	}
	k := keys.NewAccessKey(n.Account)
	sealed, err := seal(d.Master, k.ID, secrets{Secret: string(k.Secret)})
	if err != nil {
		return keys.AccessKey{}, err
	}
	return k, d.Store.CreateAccessKey(ctx, store.AccessKey{
		ID: k.ID, Account: n.Account, Name: n.Name, Sealed: sealed, Policies: n.Policies, Created: time.Now(),
	})
}

func checkPolicies(texts []string) error {
	for _, text := range texts {
		if _, err := policy.Parse([]byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// Session is temporary credentials.
type Session struct {
	keys.AccessKey
	SessionToken config.Secret
	Expires      time.Time
}

// StartSession makes temporary credentials of a key: they may do what the key may.
func (d Desk) StartSession(ctx context.Context, id string, length time.Duration) (Session, error) {
	if length < MinSession || length > MaxSession {
		return Session{}, fmt.Errorf("a session lasts %v to %v, not %v", MinSession, MaxSession, length)
	}
	list, err := d.Store.AccessKeys(ctx)
	if err != nil {
		return Session{}, err
	}
	for _, k := range list {
		switch {
		case k.ID != id:
			continue
		case k.Parent != "":
			return Session{}, fmt.Errorf("%s is a session's key itself", id)
		case k.Disabled:
			return Session{}, fmt.Errorf("%s is disabled", id)
		}
		return d.start(ctx, k, length)
	}
	return Session{}, notThere(id)
}

func (d Desk) start(ctx context.Context, parent store.AccessKey, length time.Duration) (Session, error) {
	now := time.Now()
	s := Session{
		AccessKey: keys.NewSessionKey(parent.Account), SessionToken: config.Secret(keys.NewSessionToken()),
		Expires: now.Add(length).Truncate(time.Second),
	}
	sealed, err := seal(d.Master, s.ID, secrets{Secret: string(s.Secret), SessionToken: string(s.SessionToken)})
	if err != nil {
		return Session{}, err
	}
	return s, d.Store.CreateAccessKey(ctx, store.AccessKey{
		ID: s.ID, Account: parent.Account, Sealed: sealed, Parent: parent.ID, Created: now, Expires: s.Expires,
	})
}

// Disable has a key, and sessions of it, be refused, or be taken again.
func (d Desk) Disable(ctx context.Context, id string, disabled bool) error {
	return found(id, d.Store.UpdateAccessKey(ctx, id, func(k *store.AccessKey) { k.Disabled = disabled }))
}

// SetPolicies gives a key, and its sessions, other policies.
func (d Desk) SetPolicies(ctx context.Context, id string, policies []string) error {
	if err := checkPolicies(policies); err != nil {
		return err
	}
	return found(id, d.Store.UpdateAccessKey(ctx, id, func(k *store.AccessKey) { k.Policies = policies }))
}

// Delete removes a key and its sessions.
func (d Desk) Delete(ctx context.Context, id string) error {
	return found(id, d.Store.DeleteAccessKey(ctx, id))
}

// SetAccount sets an account's state.
func (d Desk) SetAccount(ctx context.Context, account, state string) error {
	if state == Active {
		state = ""
	}
	return d.Store.SetAccount(ctx, account, state)
}

// RotateTokenKeys adds a key of chat tokens and one of page tokens. They seal in a
// few seconds, when every server knows them; what the keys before them sealed stays
// good until it expires.
func (d Desk) RotateTokenKeys(ctx context.Context) error {
	return d.Store.AddTokenKeys(ctx, false, freshTokenKeys(d.Master, time.Now())...)
}

func found(id string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return notThere(id)
	}
	return err
}

func notThere(id string) error {
	return fmt.Errorf("there is no access key %s; `parley keys list` shows those that there are", id)
}
