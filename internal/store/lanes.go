package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// lanes are the logging configurations whose records this Store's server ships,
// of all those that share the database. They are held by a connection: when it
// ends, and with a server that dies it does, others may have them.
type lanes struct {
	db *sql.DB // nil where nobody shares

	mu   sync.Mutex // guards what follows, and is held over a query of the one connection
	conn *sql.Conn
	held map[string]bool
}

// Shared tells whether other servers may use the database.
func (s *Store) Shared() bool { return s.lanes.db != nil }

// HoldLane tells whether this Store is the one to ship the records of the logging
// configuration: as long as its server lives, unless it cannot reach the database.
// Ask before every batch. A server that was cut off may ship a batch that its
// successor ships too.
func (s *Store) HoldLane(ctx context.Context, loggingConfiguration string) (bool, error) {
	if s.lanes.db == nil {
		return true, nil
	}
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	held, err := s.lanes.hold(ctx, loggingConfiguration)
	if err != nil {
		return false, fmt.Errorf("hold the lane of %s: %w", loggingConfiguration, s.dialect.explain(err))
	}
	return held, nil
}

// ReleaseLane lets others ship the logging configuration's records.
func (s *Store) ReleaseLane(ctx context.Context, loggingConfiguration string) error {
	if s.lanes.db == nil {
		return nil
	}
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	if err := s.lanes.release(ctx, loggingConfiguration); err != nil {
		return fmt.Errorf("release the lane of %s: %w", loggingConfiguration, s.dialect.explain(err))
	}
	return nil
}

func (l *lanes) release(ctx context.Context, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil || !l.held[name] {
		return nil
	}
	delete(l.held, name)
	var released bool
	text := `SELECT pg_advisory_unlock(hashtextextended('parley lane ' || current_schema() || ' ' || $1, 0))`
	if err := l.conn.QueryRowContext(ctx, text, name).Scan(&released); err != nil {
		l.conn.Close() // which ends what it holds
		l.conn = nil
		return err
	}
	return nil
}

func (l *lanes) hold(ctx context.Context, name string) (held bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		if l.conn, err = l.db.Conn(ctx); err != nil {
			return false, err
		}
		l.held = map[string]bool{}
	}
	// Also of one that is held: it is by the connection alone, which may have died.
	text := `SELECT pg_try_advisory_lock(hashtextextended('parley lane ' || current_schema() || ' ' || $1, 0))`
	if l.held[name] {
		text = `SELECT $1 <> ''`
	}
	if err := l.conn.QueryRowContext(ctx, text, name).Scan(&held); err != nil {
		l.conn.Close() // which may be broken anyway
		l.conn = nil
		return false, err
	}
	l.held[name] = held
	return held, nil
}

func (l *lanes) close() error {
	if l.db == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close() // with the pool it ends either way
	}
	return l.db.Close()
}
