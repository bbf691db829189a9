package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// OutboxSource is a log that is read into the outbox, and how far it was read.
type OutboxSource struct {
	Name string
	// Position is that of the last record that was read; 0 is none.
	Position int64
}

// ErrSourceMoved says that another has read the source further.
var ErrSourceMoved = errors.New("another has read on")

// OutboxSource returns how far the source was read.
func (s *Store) OutboxSource(ctx context.Context, name string) (OutboxSource, error) {
	source := OutboxSource{Name: name}
	if err := s.reader.each(ctx, func(rows *sql.Rows) error { return rows.Scan(&source.Position) },
		`SELECT position FROM outbox_sources WHERE source = $1`, name); err != nil {
		return source, fmt.Errorf("read how far %s was read: %w", name, err)
	}
	return source, nil
}

// AppendOutboxFrom is AppendOutbox of what was read from a source from its position
// up to another, which is noted with the records, or neither: whoever reads on from
// there reads nothing twice and misses nothing. If the source is not at its position
// any more, it returns ErrSourceMoved.
func (s *Store) AppendOutboxFrom(ctx context.Context, source OutboxSource, to int64, records []OutboxRecord, limit int64) error {
	return s.appendOutbox(ctx, records, limit, func(ctx context.Context, tx *transaction) error {
		result, err := tx.ExecContext(ctx, `
			INSERT INTO outbox_sources (source, position) VALUES ($1, $2)
			ON CONFLICT (source) DO UPDATE SET position = $2 WHERE outbox_sources.position = $3`, source.Name, to, source.Position)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return ErrSourceMoved
	})
}
