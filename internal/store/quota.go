package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
)

// count notes one more resource of the kind, unless the tenant has limit of
// them. It is a counter and not a count of rows so that creating the fifty
// thousandth room costs what the first did, and so that concurrent writers of a
// shared engine wait for each other here: it is the first row that a transaction
// changes, before the resource's own.
func count(ctx context.Context, tx *transaction, t Tenant, kind string, limit int) error {
	if limit <= 0 {
		limit = math.MaxInt
	}
	err := found(tx.ExecContext(ctx, `
		INSERT INTO resource_counts (account, region, type, n) VALUES ($1, $2, $3, 1)
		ON CONFLICT (account, region, type) DO UPDATE SET n = resource_counts.n + 1
		WHERE resource_counts.n < $4`, t.Account, t.Region, kind, limit))
	if errors.Is(err, ErrNotFound) {
		return ErrQuota
	}
	return err
}

// discount notes one less.
func discount(ctx context.Context, tx *transaction, t Tenant, kind string) error {
	return found(tx.ExecContext(ctx, `
		UPDATE resource_counts SET n = n - 1
		WHERE account = $1 AND region = $2 AND type = $3`, t.Account, t.Region, kind))
}

// Count is how many resources of a type a tenant has.
type Count struct {
	Tenant
	Type string // as in ARNs
	N    int
}

// Counts returns how many resources tenants have, of each type of which they
// have any.
func (s *Store) Counts(ctx context.Context) (counts []Count, err error) {
	counts, err = collect(ctx, s.reader, func(rows *sql.Rows) (c Count, err error) {
		return c, rows.Scan(&c.Account, &c.Region, &c.Type, &c.N)
	}, `SELECT account, region, type, n FROM resource_counts WHERE n > 0 ORDER BY account, region, type`)
	if err != nil {
		return nil, fmt.Errorf("count resources: %w", err)
	}
	return counts, nil
}
