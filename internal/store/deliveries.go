package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// OutboxWaiting is what a room has in the outbox for a logging configuration.
type OutboxWaiting struct {
	LoggingConfiguration string // its ARN
	RoomID               string
	Records              int
	Bytes                int64     // of payloads
	Oldest               time.Time // of the records' times
}

// OutboxWaiting returns what the outbox holds, by logging configuration and
// room. It reads all of the outbox.
func (s *Store) OutboxWaiting(ctx context.Context) ([]OutboxWaiting, error) {
	list, err := collect(ctx, s.reader.patient(), scanWaiting, waitingColumns+`
		GROUP BY d.logging_configuration, d.room_id ORDER BY d.logging_configuration, d.room_id`)
	if err != nil {
		return nil, fmt.Errorf("read what waits in the outbox: %w", err)
	}
	return list, nil
}

const waitingColumns = `
	SELECT d.logging_configuration, d.room_id, COUNT(*), SUM(LENGTH(o.payload)), MIN(o.time)
	FROM outbox_deliveries d JOIN outbox o ON o.id = d.record_id`

func scanWaiting(rows *sql.Rows) (w OutboxWaiting, err error) {
	var oldest int64
	err = rows.Scan(&w.LoggingConfiguration, &w.RoomID, &w.Records, &w.Bytes, &oldest)
	w.Oldest = fromMillis(oldest)
	return w, err
}

// OutboxFor returns the first records of the room that the logging
// configuration's destination lacks, with ids above after: at most n.
func (s *Store) OutboxFor(ctx context.Context, loggingConfiguration, roomID string, after int64, n int) ([]OutboxRecord, error) {
	records, err := s.queryOutbox(ctx, `SELECT `+outboxColumns+` FROM outbox WHERE id IN (
			SELECT record_id FROM outbox_deliveries
			WHERE logging_configuration = $1 AND room_id = $2 AND record_id > $3 ORDER BY record_id LIMIT $4)
		ORDER BY id`, loggingConfiguration, roomID, after, n)
	if err != nil {
		return nil, fmt.Errorf("read outbox of room %s: %w", roomID, err)
	}
	return records, nil
}

// AcceptOutbox notes that the logging configuration's destination has the
// room's records from one id to another, both included. A record that all its
// destinations have leaves the outbox.
func (s *Store) AcceptOutbox(ctx context.Context, loggingConfiguration, roomID string, from, to int64) error {
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		return acceptOutbox(ctx, tx, loggingConfiguration, roomID, from, to)
	})
	if err != nil {
		return fmt.Errorf("accept records of room %s: %w", roomID, err)
	}
	return nil
}

func acceptOutbox(ctx context.Context, tx *transaction, loggingConfiguration, roomID string, from, to int64) error {
	if err := tx.holdOutbox(ctx); err != nil {
		return err
	}
	var records, bytes int64
	if err := tx.QueryRowContext(ctx, `
		SELECT COUNT(*), COALESCE(SUM(LENGTH(payload)), 0) FROM outbox WHERE id IN (`+last+`)`,
		loggingConfiguration, roomID, from, to).Scan(&records, &bytes); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE id IN (`+last+`)`,
		loggingConfiguration, roomID, from, to); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM outbox_deliveries
		WHERE logging_configuration = $1 AND room_id = $2 AND record_id BETWEEN $3 AND $4`,
		loggingConfiguration, roomID, from, to); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE outbox_size SET records = records - $1, bytes = bytes - $2 WHERE id = 1`, records, bytes)
	return err
}

// last selects the records that only this destination lacks.
const last = `SELECT d.record_id FROM outbox_deliveries d
	WHERE d.logging_configuration = $1 AND d.room_id = $2 AND d.record_id BETWEEN $3 AND $4
	AND NOT EXISTS (SELECT 1 FROM outbox_deliveries x
		WHERE x.record_id = d.record_id AND x.logging_configuration <> d.logging_configuration)`

// DeadLetter is a record that a destination refused for good.
type DeadLetter struct {
	LoggingConfiguration string // its ARN
	Record               OutboxRecord
	Reason               string
}

// RefuseOutbox keeps a record that the logging configuration's destination will
// never take as a dead letter, and lets the outbox go on without it.
func (s *Store) RefuseOutbox(ctx context.Context, loggingConfiguration string, r *OutboxRecord, reason string) error {
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		if err := tx.holdOutbox(ctx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO dead_letters (logging_configuration, record_id, account, region, room_id, entry_id, type, time, payload, reason)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			loggingConfiguration, r.ID, r.Account, r.Region, r.RoomID, r.EntryID, r.Type, millis(r.Time), r.Payload, asText(reason)); err != nil {
			return err
		}
		return acceptOutbox(ctx, tx, loggingConfiguration, r.RoomID, r.ID, r.ID)
	})
	if err != nil {
		return fmt.Errorf("keep a refused record of room %s: %w", r.RoomID, err)
	}
	return nil
}

// DeadLetters returns at most n dead letters, newest first.
func (s *Store) DeadLetters(ctx context.Context, n int) ([]DeadLetter, error) {
	list, err := collect(ctx, s.reader, scanDeadLetter, `
		SELECT logging_configuration, record_id, account, region, room_id, entry_id, type, time, payload, reason
		FROM dead_letters ORDER BY record_id DESC, logging_configuration LIMIT $1`, n)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return list, nil
}

func scanDeadLetter(rows *sql.Rows) (d DeadLetter, err error) {
	var at int64
	r := &d.Record
	err = rows.Scan(&d.LoggingConfiguration, &r.ID, &r.Account, &r.Region, &r.RoomID, &r.EntryID, &r.Type, &at, &r.Payload, &d.Reason)
	r.Time = fromMillis(at)
	return d, err
}
