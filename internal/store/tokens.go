package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

const (
	// claimKept is how long the ledger remembers a token past its expiry. It
	// covers clocks that are set back and nodes that disagree.
	claimKept = time.Hour
	// After purgeEvery claims twice as many rows may go: the ledger shrinks twice
	// as fast as it grows, and no claim pays for many.
	purgeEvery = 100
)

// claims belongs to the goroutine that writes claims.
type claims struct {
	now   func() time.Time
	since int // claims since the last purge
}

// tokenClaim is a use of a chat token that is to be recorded.
type tokenClaim struct {
	id      [16]byte
	expires time.Time
	first   bool // what came of it
}

// ClaimToken records the use of a chat token and reports whether it was the
// first: true once per id, also across restarts, crashes and concurrent
// callers, and of all Stores that share a database. expires is when the token can
// no longer be used anyway; an hour later its row may go, and a claim then is
// refused without one.
//
// After an error the token may not be used: whether it still can be is open.
func (s *Store) ClaimToken(ctx context.Context, id [16]byte, expires time.Time) (bool, error) {
	c := &tokenClaim{id: id, expires: expires}
	var err error
	if s.dialect.jobs == 1 {
		err = s.submit(ctx, s.grouped, &job{claim: c, done: make(chan outcome, 1)})
	} else {
		err = s.do(ctx, func(ctx context.Context, tx *transaction) error {
			return s.recordClaims(ctx, tx, []*tokenClaim{c})
		})
	}
	if err != nil {
		return false, fmt.Errorf("claim token: %w", err)
	}
	return c.first, nil
}

// writeClaims records claims until the store closes: as many as wait in one
// statement and one transaction, which is one wait for the database's disk.
func (s *Store) writeClaims() {
	s.serve(s.grouped, batchLength, func(jobs []*job) {
		jobs = slices.DeleteFunc(jobs, func(j *job) bool { return j.begun.Swap(true) }) // callers who have gone
		group := make([]*tokenClaim, len(jobs))
		for i, j := range jobs {
			group[i] = j.claim
		}
		o := s.alone(func(ctx context.Context, tx *transaction) error { return s.recordClaims(ctx, tx, group) })
		for _, j := range jobs {
			j.done <- o
		}
	})
}

func (s *Store) recordClaims(ctx context.Context, tx *transaction, group []*tokenClaim) error {
	horizon := s.claims.now().Add(-claimKept)
	group = slices.DeleteFunc(slices.Clone(group), func(c *tokenClaim) bool { return c.expires.Before(horizon) })
	if len(group) == 0 {
		return nil
	}
	if err := s.purgeClaims(ctx, tx, horizon, len(group)); err != nil {
		return err
	}
	// In one order, so that servers with tokens in common do not block each other.
	slices.SortFunc(group, func(a, b *tokenClaim) int { return bytes.Compare(a.id[:], b.id[:]) })
	var q query
	q.add("INSERT INTO token_claims (id, expires) VALUES ")
	for i, c := range group {
		if i > 0 {
			q.add(", ")
		}
		q.add("(?, ?)", c.id[:], millis(c.expires))
	}
	q.add(" ON CONFLICT (id) DO NOTHING RETURNING id")
	recorded := map[[16]byte]bool{}
	if err := tx.each(ctx, func(rows *sql.Rows) error {
		id, err := scalar[[]byte](rows)
		recorded[[16]byte(id)] = true
		return err
	}, q.text, q.args...); err != nil {
		return err
	}
	for _, c := range group {
		c.first = recorded[c.id]
		delete(recorded, c.id) // of a token that is twice in the group one use is the first
	}
	return nil
}

func (s *Store) purgeClaims(ctx context.Context, tx *transaction, horizon time.Time, n int) error {
	s.claims.since += n
	if s.claims.since < purgeEvery {
		return nil
	}
	most := 2 * s.claims.since
	s.claims.since = 0
	_, err := tx.ExecContext(ctx, `
		DELETE FROM token_claims WHERE id IN
			(SELECT id FROM token_claims WHERE expires < $1 ORDER BY expires LIMIT $2`+tx.dialect.forUpdateFree+`)`,
		millis(horizon), most)
	return err
}
