package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	// claimKept is how long the ledger remembers a token past its expiry. It
	// covers clocks that are set back and nodes that disagree.
	claimKept = time.Hour
	// Every purgeEvery claims remove up to purgeAtMost rows: the ledger shrinks
	// twice as fast as it grows, and no claim pays for many.
	purgeEvery  = 100
	purgeAtMost = 200
)

// claims belongs to the writing goroutine.
type claims struct {
	now   func() time.Time
	since int // claims since the last purge
}

// ClaimToken records the use of a chat token and reports whether it was the
// first: true once per id, also across restarts, crashes and concurrent
// callers. expires is when the token can no longer be used anyway; an hour
// later its row may go, and a claim then is refused without one.
//
// After an error the token may not be used: whether it still can be is open.
func (s *Store) ClaimToken(ctx context.Context, id [16]byte, expires time.Time) (bool, error) {
	first := false
	err := s.do(ctx, func(ctx context.Context, tx *sql.Tx) error {
		horizon := s.claims.now().Add(-claimKept)
		if expires.Before(horizon) {
			return nil
		}
		if err := s.purgeClaims(ctx, tx, horizon); err != nil {
			return err
		}
		err := found(tx.ExecContext(ctx, `
			INSERT INTO token_claims (id, expires) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`,
			id[:], millis(expires)))
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		first = err == nil
		return err
	})
	if err != nil {
		return false, fmt.Errorf("claim token: %w", err)
	}
	return first, nil
}

func (s *Store) purgeClaims(ctx context.Context, tx *sql.Tx, horizon time.Time) error {
	s.claims.since++
	if s.claims.since < purgeEvery {
		return nil
	}
	s.claims.since = 0
	_, err := tx.ExecContext(ctx, `
		DELETE FROM token_claims WHERE id IN
			(SELECT id FROM token_claims WHERE expires < $1 ORDER BY expires LIMIT $2)`,
		millis(horizon), purgeAtMost)
	return err
}
