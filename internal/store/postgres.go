package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// Connections of a Store: for writes, one of them for token claims, and for reads.
	sharedWriters = 8
	sharedReaders = 8
	// patience bounds a read and each try of a write, connecting included.
	patience = 5 * time.Second
	// The server ends what a Store has given up: a wait for a row before the client
	// does, so that the reason is known; the rest soon after it.
	lockTimeout, statementTimeout, idleTimeout = "4s", "60s", "15s"
)

// IsURL tells whether a database is named by a URL, and is PostgreSQL.
func IsURL(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// postgresDialect is that of a database that several servers share. Transactions
// see what was committed when each of their statements began, so a job first
// holds the rows that its decision depends on.
func postgresDialect() *dialect {
	return &dialect{
		name: "postgres", goose: goose.DialectPostgres, lockSchema: lockSchema,
		forUpdate: " FOR UPDATE", forShare: " FOR SHARE", forUpdateFree: " FOR UPDATE SKIP LOCKED",
		writers: sharedWriters - 1, jobs: 1, rows: 100,
		within: patience, conflict: conflict, explain: explainPostgres,
	}
}

func (s *Store) openPostgres(ctx context.Context, where string, how opening) error {
	s.dialect = postgresDialect()
	config, err := pgx.ParseConfig(where)
	if err != nil {
		return fmt.Errorf("open database: %w", err) // which names it without its password
	}
	if err := s.connectPostgres(ctx, config, how); err != nil {
		return fmt.Errorf("open database %s of PostgreSQL at %s: %w", config.Database, config.Host, s.dialect.explain(err))
	}
	return nil
}

func (s *Store) connectPostgres(ctx context.Context, config *pgx.ConnConfig, how opening) error {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = patience
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "parley"
	}
	if err := prepare(ctx, config, s.dialect, !how.beside); err != nil {
		return err
	}
	config.RuntimeParams["lock_timeout"] = lockTimeout
	config.RuntimeParams["statement_timeout"] = statementTimeout
	config.RuntimeParams["idle_in_transaction_session_timeout"] = idleTimeout
	s.writer = shared(config, sharedWriters)
	s.reader = &pool{shared(config, sharedReaders), s.dialect}
	s.lanes.db = shared(config, 1)
	return nil
}

// prepare checks the database and migrates it, over connections that may take
// their time.
func prepare(ctx context.Context, config *pgx.ConnConfig, d *dialect, may bool) (err error) {
	db := shared(config, 3)
	defer func() { err = errors.Join(err, db.Close()) }()
	var encoding string
	var schema sql.Null[string]
	if err := db.QueryRowContext(ctx, `SELECT current_setting('server_encoding'), current_schema()`).Scan(&encoding, &schema); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s: make one with ENCODING 'UTF8'", encoding)
	}
	if !schema.Valid {
		return errors.New("no schema of the search_path exists: create one that the role owns")
	}
	return migrate(ctx, db, d, may)
}

// shared opens a pool of at most n connections.
func shared(config *pgx.ConnConfig, n int) *sql.DB {
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		// A write is on stable storage before its method returns, whatever the
		// database's default is.
		_, err := c.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
		return err
	}))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(30 * time.Minute) // so that they find their way to another server after a failover
	return db
}

// lockSchema takes an advisory lock, which ends with its connection at the latest.
func lockSchema(ctx context.Context, db *sql.DB) (func() error, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	const key = `hashtextextended('parley migrations ' || current_schema(), 0)`
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock(`+key+`)`); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(`+key+`)`)
		return errors.Join(err, conn.Close())
	}, nil
}

// conflict: serialization_failure, deadlock_detected.
func conflict(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

func explainPostgres(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || !unreachable(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func unreachable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return unreachableCode(e.Code)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, broken := range []error{context.DeadlineExceeded, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, sql.ErrConnDone} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}

// unreachableCode: the classes of connections, of resources and of operators, save
// what is said of a single query; a server that became a standby; rows that are
// held too long.
func unreachableCode(code string) bool {
	switch code {
	case "25006", "55P03":
		return true
	}
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "57")
}
