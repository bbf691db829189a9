package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// OutboxRecord is a chat-log record of a logged room that waits for delivery.
type OutboxRecord struct {
	ID int64 // assigned by AppendOutbox; grows in the order of appends and is never used again
	Tenant
	RoomID                string
	LoggingConfigurations []string // ARNs
	EntryID               string
	Type                  string // "MESSAGE" or "EVENT"
	Time                  time.Time
	Payload               []byte
}

// ErrOutboxFull says that the outbox has as many bytes as it may have.
var ErrOutboxFull = errors.New("the outbox is full: its destinations do not take chat logs")

// AppendOutbox adds the records, all or none, in their order, and sets their
// ids. They are on stable storage when it returns nil. The records must not
// change until it returned. Times keep their milliseconds. If the payloads in
// the outbox would be more than limit bytes, it returns ErrOutboxFull; 0 is no limit.
func (s *Store) AppendOutbox(ctx context.Context, records []OutboxRecord, limit int64) error {
	return s.appendOutbox(ctx, records, limit, func(context.Context, *transaction) error { return nil })
}

// appendOutbox appends the records together with something else.
func (s *Store) appendOutbox(ctx context.Context, records []OutboxRecord, limit int64, also func(context.Context, *transaction) error) error {
	if len(records) == 0 {
		return nil
	}
	var last int64
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		if err := also(ctx, tx); err != nil {
			return err
		}
		bytes := 0
		for i := range records {
			bytes += len(records[i].Payload)
		}
		// The row is held until the commit, so that ids become visible in their order:
		// who ships takes a range of them for all there is in it.
		err := tx.QueryRowContext(ctx, `
			UPDATE outbox_size SET last_id = last_id + $1, records = records + $1, bytes = bytes + $2
			WHERE id = 1 AND (CAST($3 AS BIGINT) <= 0 OR bytes + $2 <= $3) RETURNING last_id`, len(records), bytes, limit).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrOutboxFull
		}
		if err != nil {
			return err
		}
		return insertOutbox(ctx, tx, records, last-int64(len(records)))
	})
	if err != nil {
		return fmt.Errorf("append to outbox: %w", err)
	}
	for i := range records {
		records[i].ID = last - int64(len(records)-1-i)
	}
	return nil
}

func insertOutbox(ctx context.Context, tx *transaction, records []OutboxRecord, after int64) error {
	var rows, owed []any
	for i := range records {
		r := &records[i]
		arns, err := asJSON(r.LoggingConfigurations)
		if err != nil {
			return err
		}
		payload := r.Payload
		if payload == nil {
			payload = []byte{} // nil would be NULL
		}
		id := after + 1 + int64(i)
		rows = append(rows, id, r.Account, r.Region, r.RoomID, arns, r.EntryID, r.Type, millis(r.Time), payload)
		for _, lc := range r.LoggingConfigurations {
			owed = append(owed, lc, r.RoomID, id)
		}
	}
	if err := tx.insert(ctx, "outbox ("+outboxColumns+")", 9, rows); err != nil {
		return err
	}
	return tx.insert(ctx, "outbox_deliveries (logging_configuration, room_id, record_id)", 3, owed)
}

// holdOutbox has the outbox changed by one transaction at a time: those who take
// away what the last destination has must see what the others took.
func (tx *transaction) holdOutbox(ctx context.Context) error {
	if tx.dialect.forUpdate == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT id FROM outbox_size WHERE id = 1`+tx.dialect.forUpdate)
	return err
}

// DropOutbox removes the oldest records, of whatever room, until their payloads
// come to the bytes or none is left. It returns what was dropped, by logging
// configuration and room.
func (s *Store) DropOutbox(ctx context.Context, bytes int64) (dropped []OutboxWaiting, err error) {
	err = s.do(ctx, func(ctx context.Context, tx *transaction) error {
		if err := tx.holdOutbox(ctx); err != nil {
			return err
		}
		last, records, freed, err := oldest(ctx, tx, bytes)
		if err != nil || records == 0 {
			return err
		}
		if dropped, err = collect(ctx, tx, scanWaiting, waitingColumns+`
			WHERE d.record_id <= $1 GROUP BY d.logging_configuration, d.room_id`, last); err != nil {
			return err
		}
		for _, text := range []string{
			"DELETE FROM outbox_deliveries WHERE record_id <= $1",
			"DELETE FROM outbox WHERE id <= $1",
		} {
			if _, err := tx.ExecContext(ctx, text, last); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE outbox_size SET records = records - $1, bytes = bytes - $2 WHERE id = 1`, records, freed)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("drop the oldest of the outbox: %w", err)
	}
	return dropped, nil
}

// oldest tells how many of the oldest records have the bytes, and which is the last.
func oldest(ctx context.Context, tx *transaction, bytes int64) (last int64, records int, found int64, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, LENGTH(payload) FROM outbox ORDER BY id`)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for found < bytes && rows.Next() {
		var n int64
		if err := rows.Scan(&last, &n); err != nil {
			return 0, 0, 0, err
		}
		records++
		found += n
	}
	return last, records, found, rows.Err()
}

// Outbox returns at most n records with ids above after, in their order.
func (s *Store) Outbox(ctx context.Context, after int64, n int) ([]OutboxRecord, error) {
	records, err := s.readOutbox(ctx, after, n)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return records, nil
}

func (s *Store) readOutbox(ctx context.Context, after int64, n int) ([]OutboxRecord, error) {
	return s.queryOutbox(ctx, `SELECT `+outboxColumns+` FROM outbox WHERE id > $1 ORDER BY id LIMIT $2`, after, n)
}

const outboxColumns = "id, account, region, room_id, logging_configurations, entry_id, type, time, payload"

func (s *Store) queryOutbox(ctx context.Context, text string, args ...any) ([]OutboxRecord, error) {
	return collect(ctx, s.reader, scanOutbox, text, args...)
}

func scanOutbox(rows *sql.Rows) (r OutboxRecord, err error) {
	var arns string
	var at int64
	if err := rows.Scan(&r.ID, &r.Account, &r.Region, &r.RoomID, &arns, &r.EntryID, &r.Type, &at, &r.Payload); err != nil {
		return r, err
	}
	if err := fromJSON(arns, &r.LoggingConfigurations); err != nil {
		return r, err
	}
	r.Time = fromMillis(at)
	if r.Payload == nil {
		r.Payload = []byte{} // as the driver reads an empty one
	}
	return r, nil
}

// OutboxSize returns how many records the outbox holds and the bytes of their
// payloads. It reads one row.
func (s *Store) OutboxSize(ctx context.Context) (records, bytes int64, err error) {
	if err := s.reader.each(ctx, func(rows *sql.Rows) error { return rows.Scan(&records, &bytes) },
		`SELECT records, bytes FROM outbox_size WHERE id = 1`); err != nil {
		return 0, 0, fmt.Errorf("read outbox size: %w", err)
	}
	return records, bytes, nil
}
