package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
)

// count notes one more resource of the kind, unless the tenant has limit of
// them. It is a counter and not a count of rows so that creating the fifty
// thousandth room costs what the first did, and so that concurrent writers of a
// shared engine wait for each other here.
func count(ctx context.Context, tx *sql.Tx, t Tenant, kind string, limit int) error {
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
func discount(ctx context.Context, tx *sql.Tx, t Tenant, kind string) error {
	return found(tx.ExecContext(ctx, `
		UPDATE resource_counts SET n = n - 1
		WHERE account = $1 AND region = $2 AND type = $3`, t.Account, t.Region, kind))
}
