package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/ivschat"
)

// DestinationFailure is how a logging configuration's destination last failed.
type DestinationFailure struct {
	LoggingConfiguration string // its ARN
	Since, Last          time.Time
	Recovered            time.Time // zero while it fails
	Error                string
}

// NoteDestination keeps how a destination does, for operators: the last of each
// logging configuration.
func (s *Store) NoteDestination(ctx context.Context, f DestinationFailure) error {
	recovered := int64(0)
	if !f.Recovered.IsZero() {
		recovered = millis(f.Recovered)
	}
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO destination_failures (logging_configuration, since, last, recovered, error) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (logging_configuration) DO UPDATE
			SET since = excluded.since, last = excluded.last, recovered = excluded.recovered, error = excluded.error`,
			f.LoggingConfiguration, millis(f.Since), millis(f.Last), recovered, asText(f.Error))
		return err
	})
	if err != nil {
		return fmt.Errorf("note how a destination does: %w", err)
	}
	return nil
}

// ChatLog is how the chat logs of a logging configuration stand.
type ChatLog struct {
	LoggingConfiguration string // its ARN
	// Configuration is nil when it was deleted and something of it is left.
	Configuration *ivschat.LoggingConfiguration
	Records       int // that wait in the outbox
	Bytes         int64
	Oldest        time.Time
	DeadLetters   int
	Failure       *DestinationFailure // nil if it never failed
}

// ChatLogs returns how every tenant's chat logs stand, by ARN. It reads all of
// the outbox.
func (s *Store) ChatLogs(ctx context.Context) ([]ChatLog, error) {
	all := map[string]*ChatLog{}
	of := func(arn string) *ChatLog {
		if all[arn] == nil {
			all[arn] = &ChatLog{LoggingConfiguration: arn}
		}
		return all[arn]
	}
	waiting, err := s.OutboxWaiting(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range waiting {
		c := of(w.LoggingConfiguration)
		if c.Records == 0 || w.Oldest.Before(c.Oldest) {
			c.Oldest = w.Oldest
		}
		c.Records += w.Records
		c.Bytes += w.Bytes
	}
	if err := errors.Join(s.configurations(ctx, of), s.letters(ctx, of), s.failures(ctx, of)); err != nil {
		return nil, fmt.Errorf("read how chat logs stand: %w", err)
	}
	list := make([]ChatLog, 0, len(all))
	for _, c := range all {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b ChatLog) int { return cmp.Compare(a.LoggingConfiguration, b.LoggingConfiguration) })
	return list, nil
}

// configurations adds every tenant's logging configurations.
func (s *Store) configurations(ctx context.Context, of func(string) *ChatLog) error {
	tenants, err := collect(ctx, s.reader, func(rows *sql.Rows) (t Tenant, err error) {
		return t, rows.Scan(&t.Account, &t.Region)
	}, `SELECT DISTINCT account, region FROM logging_configurations`)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		var q query
		q.add("account = ? AND region = ?", t.Account, t.Region)
		list, err := queryLoggingConfigurations(ctx, s.reader, t, q)
		if err != nil {
			return err
		}
		for i := range list {
			of(t.arn(arn.LoggingConfiguration, list[i].ID)).Configuration = &list[i]
		}
	}
	return nil
}

// letters adds how many dead letters there are.
func (s *Store) letters(ctx context.Context, of func(string) *ChatLog) error {
	type letters struct {
		arn string
		n   int
	}
	list, err := collect(ctx, s.reader, func(rows *sql.Rows) (l letters, err error) {
		return l, rows.Scan(&l.arn, &l.n)
	}, `SELECT logging_configuration, COUNT(*) FROM dead_letters GROUP BY logging_configuration`)
	for _, l := range list {
		of(l.arn).DeadLetters = l.n
	}
	return err
}

// failures adds how destinations last failed.
func (s *Store) failures(ctx context.Context, of func(string) *ChatLog) error {
	list, err := collect(ctx, s.reader, func(rows *sql.Rows) (f DestinationFailure, err error) {
		var since, last, recovered int64
		err = rows.Scan(&f.LoggingConfiguration, &since, &last, &recovered, &f.Error)
		f.Since, f.Last = fromMillis(since), fromMillis(last)
		if recovered > 0 {
			f.Recovered = fromMillis(recovered)
		}
		return f, err
	}, `SELECT logging_configuration, since, last, recovered, error FROM destination_failures`)
	for i := range list {
		of(list[i].LoggingConfiguration).Failure = &list[i]
	}
	return err
}
