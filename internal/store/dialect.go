package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// dialect is what differs between the engines: the SQL is one text for all.
type dialect struct {
	name  string // of the folder of migrations
	goose goose.Dialect
	// lockSchema has servers that start together migrate one after the other.
	lockSchema func(context.Context, *sql.DB) (unlock func() error, err error)

	// What a query ends with to hold the rows it reads until the transaction ends:
	// against everyone, against changes, or those that nobody holds. Nothing where
	// there is one writer.
	forUpdate, forShare, forUpdateFree string

	writers int // transactions at a time
	jobs    int // most in one transaction
	rows    int // most in one INSERT
	// within bounds a read, a try of a transaction, and the wait for it; 0 is no bound.
	within time.Duration
	// conflict tells whether a transaction failed for another's sake, and may do
	// better when run again.
	conflict func(error) bool
	// explain adds ErrUnavailable to errors that say that the database cannot be
	// reached, or not in time.
	explain func(error) error
}

// bounded ends a context in time for the engine.
func (d *dialect) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.within == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d.within)
}

// queryer is a transaction, or a pool where one statement is enough.
type queryer interface {
	// each has scan read each row of what the query returns. scan may be called
	// for rows after which it fails.
	each(ctx context.Context, scan func(*sql.Rows) error, text string, args ...any) error
}

// transaction is what a job writes in.
type transaction struct {
	*sql.Tx
	dialect *dialect
}

func (tx *transaction) each(ctx context.Context, scan func(*sql.Rows) error, text string, args ...any) error {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	return eachOf(rows, scan)
}

// hold keeps others from changing the tenant's resource until the transaction
// ends. What it reads of it afterwards is what it will change.
func (tx *transaction) hold(ctx context.Context, table string, t Tenant, id string) error {
	if tx.dialect.forUpdate == "" {
		return nil
	}
	return found(tx.ExecContext(ctx, `SELECT 1 FROM `+table+` WHERE account = $1 AND region = $2 AND id = $3`+
		tx.dialect.forUpdate, t.Account, t.Region, id))
}

// insert adds rows: into says where, with the names of the columns.
func (tx *transaction) insert(ctx context.Context, into string, columns int, rows []any) error {
	for len(rows) > 0 {
		n := min(len(rows), tx.dialect.rows*columns)
		var q query
		q.add("INSERT INTO " + into + " VALUES ")
		for at := 0; at < n; at += columns {
			q.add(strings.Repeat(", ", min(at, 1))+"(?"+strings.Repeat(", ?", columns-1)+")", rows[at:at+columns]...)
		}
		if _, err := tx.ExecContext(ctx, q.text, q.args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// pool is connections that read.
type pool struct {
	*sql.DB
	dialect *dialect
}

func (p *pool) each(ctx context.Context, scan func(*sql.Rows) error, text string, args ...any) error {
	ctx, cancel := p.dialect.bounded(ctx)
	defer cancel()
	rows, err := p.QueryContext(ctx, text, args...)
	if errors.Is(p.dialect.explain(err), ErrUnavailable) {
		// A connection that died while nobody used it: the next may not have.
		rows, err = p.QueryContext(ctx, text, args...)
	}
	if err != nil {
		return p.dialect.explain(err)
	}
	return p.dialect.explain(eachOf(rows, scan))
}

// patient is the pool for queries that read much.
func (p *pool) patient() *pool {
	d := *p.dialect
	d.within *= 10
	return &pool{p.DB, &d}
}

func eachOf(rows *sql.Rows, scan func(*sql.Rows) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// collect returns the rows of a query.
func collect[T any](ctx context.Context, db queryer, scan func(*sql.Rows) (T, error), text string, args ...any) (list []T, err error) {
	err = db.each(ctx, func(rows *sql.Rows) error {
		one, err := scan(rows)
		list = append(list, one)
		return err
	}, text, args...)
	if err != nil {
		return nil, err
	}
	return list, nil
}

// single returns the row of a query that has one at most, or sql.ErrNoRows.
func single[T any](ctx context.Context, db queryer, scan func(*sql.Rows) (T, error), text string, args ...any) (one T, err error) {
	list, err := collect(ctx, db, scan, text, args...)
	if err == nil && len(list) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return one, err
	}
	return list[0], nil
}

// scalar reads a row of one column.
func scalar[T any](rows *sql.Rows) (value T, err error) { return value, rows.Scan(&value) }
