package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// AccessKey is who may sign requests. What is sealed only its owner can open.
type AccessKey struct {
	ID       string
	Account  string
	Name     string
	Sealed   []byte
	Disabled bool
	Policies []string // documents; none: everything in the account is allowed
	Parent   string   // of a session: the id of the key that it is of
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time // zero: never
}

// TokenKey is a key of chat tokens or page tokens.
type TokenKey struct {
	Kind    string // "chat", "page"
	ID      string
	Sealed  []byte
	Created time.Time
}

// ErrExists says that there is an access key of that id.
var ErrExists = errors.New("store: exists")

// AccessVersion grows with every change of access keys, accounts and token keys.
func (s *Store) AccessVersion(ctx context.Context) (version int64, err error) {
	version, err = single(ctx, s.reader, scalar[int64], `SELECT version FROM access_version WHERE id = 1`)
	if err != nil {
		return 0, fmt.Errorf("read the version of access keys: %w", err)
	}
	return version, nil
}

// change has do change access keys, accounts or token keys.
func (s *Store) change(ctx context.Context, what string, do func(ctx context.Context, tx *transaction) error) error {
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		// First: whoever changes anything here waits for this row.
		if _, err := tx.ExecContext(ctx, `UPDATE access_version SET version = version + 1 WHERE id = 1`); err != nil {
			return err
		}
		return do(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// CreateAccessKey adds a key, or returns ErrExists.
func (s *Store) CreateAccessKey(ctx context.Context, k AccessKey) error {
	return s.change(ctx, "create access key "+k.ID, func(ctx context.Context, tx *transaction) error {
		policies, err := asJSON(k.Policies)
		if err != nil {
			return err
		}
		err = found(tx.ExecContext(ctx, `
			INSERT INTO access_keys (id, account, name, sealed, disabled, policies, parent, created, expires, last_used)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`,
			k.ID, k.Account, k.Name, k.Sealed, asFlag(k.Disabled), policies, k.Parent, millis(k.Created), orZero(k.Expires), orZero(k.LastUsed)))
		if errors.Is(err, ErrNotFound) {
			return ErrExists
		}
		return err
	})
}

// UpdateAccessKey has change edit whether the key is disabled, its name and its
// policies, or returns ErrNotFound. change must not call the store and may run
// more than once.
func (s *Store) UpdateAccessKey(ctx context.Context, id string, change func(*AccessKey)) error {
	return s.change(ctx, "update access key "+id, func(ctx context.Context, tx *transaction) error {
		list, err := collect(ctx, tx, scanAccessKey, selectAccessKeys+` WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return ErrNotFound
		}
		k := &list[0]
		change(k)
		policies, err := asJSON(k.Policies)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE access_keys SET name = $1, disabled = $2, policies = $3 WHERE id = $4`,
			k.Name, asFlag(k.Disabled), policies, id)
		return err
	})
}

// DeleteAccessKey removes a key and its sessions, or returns ErrNotFound.
func (s *Store) DeleteAccessKey(ctx context.Context, id string) error {
	return s.change(ctx, "delete access key "+id, func(ctx context.Context, tx *transaction) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM access_keys WHERE parent = $1`, id); err != nil {
			return err
		}
		return found(tx.ExecContext(ctx, `DELETE FROM access_keys WHERE id = $1`, id))
	})
}

// PurgeAccessKeys removes keys that expired before a time, and tells how many.
func (s *Store) PurgeAccessKeys(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.do(ctx, func(ctx context.Context, tx *transaction) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM access_keys WHERE expires > 0 AND expires < $1`, millis(before))
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purge access keys: %w", err)
	}
	return n, nil
}

// UsedAccessKeys notes when keys were last used. Keys that are gone do not matter.
func (s *Store) UsedAccessKeys(ctx context.Context, used map[string]time.Time) error {
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		for _, id := range slices.Sorted(maps.Keys(used)) { // in one order, so that servers do not block each other
			if _, err := tx.ExecContext(ctx, `
				UPDATE access_keys SET last_used = $1 WHERE id = $2 AND last_used < $1`, millis(used[id]), id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note the use of access keys: %w", err)
	}
	return nil
}

// AccessKeys returns all keys, by account, creation and id.
func (s *Store) AccessKeys(ctx context.Context) ([]AccessKey, error) {
	list, err := collect(ctx, s.reader, scanAccessKey, selectAccessKeys+` ORDER BY account, created, id`)
	if err != nil {
		return nil, fmt.Errorf("read access keys: %w", err)
	}
	return list, nil
}

const selectAccessKeys = `SELECT id, account, name, sealed, disabled, policies, parent, created, expires, last_used FROM access_keys`

func scanAccessKey(rows *sql.Rows) (k AccessKey, err error) {
	var disabled, created, expires, used int64
	var policies string
	if err := rows.Scan(&k.ID, &k.Account, &k.Name, &k.Sealed, &disabled, &policies, &k.Parent, &created, &expires, &used); err != nil {
		return k, err
	}
	k.Disabled, k.Created, k.Expires, k.LastUsed = disabled != 0, fromMillis(created), zeroOr(expires), zeroOr(used)
	return k, fromJSON(policies, &k.Policies)
}

// SetAccount sets an account's state; "" is that of an account nobody said
// anything of.
func (s *Store) SetAccount(ctx context.Context, account, state string) error {
	return s.change(ctx, "set account "+account, func(ctx context.Context, tx *transaction) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM accounts WHERE account = $1`, account); err != nil || state == "" {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO accounts (account, state) VALUES ($1, $2)`, account, state)
		return err
	})
}

// Accounts returns the states that were set, by account.
func (s *Store) Accounts(ctx context.Context) (map[string]string, error) {
	type account struct{ id, state string }
	list, err := collect(ctx, s.reader, func(rows *sql.Rows) (a account, err error) {
		return a, rows.Scan(&a.id, &a.state)
	}, `SELECT account, state FROM accounts`)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	states := make(map[string]string, len(list))
	for _, a := range list {
		states[a.id] = a.state
	}
	return states, nil
}

// AddTokenKeys adds keys; with onlyIfNone, if there are none yet: of several
// servers that start together one makes them.
func (s *Store) AddTokenKeys(ctx context.Context, onlyIfNone bool, keys ...TokenKey) error {
	return s.change(ctx, "add token keys", func(ctx context.Context, tx *transaction) error {
		if onlyIfNone {
			n, err := single(ctx, tx, scalar[int], `SELECT COUNT(*) FROM token_keys`)
			if err != nil || n > 0 {
				return err
			}
		}
		for _, k := range keys {
			if _, err := tx.ExecContext(ctx, `INSERT INTO token_keys (kind, id, sealed, created) VALUES ($1, $2, $3, $4)`,
				k.Kind, k.ID, k.Sealed, millis(k.Created)); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropTokenKeys removes keys of which nothing is in use any more.
func (s *Store) DropTokenKeys(ctx context.Context, keys ...TokenKey) error {
	return s.change(ctx, "drop token keys", func(ctx context.Context, tx *transaction) error {
		for _, k := range keys {
			if _, err := tx.ExecContext(ctx, `DELETE FROM token_keys WHERE kind = $1 AND id = $2`, k.Kind, k.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// TokenKeys returns all keys, the newest first.
func (s *Store) TokenKeys(ctx context.Context) ([]TokenKey, error) {
	list, err := collect(ctx, s.reader, func(rows *sql.Rows) (k TokenKey, err error) {
		var created int64
		err = rows.Scan(&k.Kind, &k.ID, &k.Sealed, &created)
		k.Created = fromMillis(created)
		return k, err
	}, `SELECT kind, id, sealed, created FROM token_keys ORDER BY created DESC, id`)
	if err != nil {
		return nil, fmt.Errorf("read token keys: %w", err)
	}
	return list, nil
}

func asFlag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// orZero is a column whose 0 is the zero time, and zeroOr reads it.
func orZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

func zeroOr(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return fromMillis(ms)
}
