package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // the driver "sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// readers is how many reads run at the same time.
const readers = 4

// sqliteDialect is that of a file, or of memory: of one server, with one writer
// that commits everything that waits at once.
func sqliteDialect() *dialect {
	return &dialect{
		name: "sqlite", goose: goose.DialectSQLite3,
		lockSchema: func(context.Context, *sql.DB) (func() error, error) { return func() error { return nil }, nil },
		writers:    1, jobs: batchLength, rows: 1, // a longer INSERT takes longer to compile than it saves
		conflict: func(error) bool { return false },
		explain:  func(err error) error { return err },
	}
}

func (s *Store) openFile(ctx context.Context, path string, how opening) error {
	s.dialect = sqliteDialect()
	err := s.connectFile(ctx, path, how)
	if err == nil {
		err = migrate(ctx, s.writer, s.dialect, !how.beside)
	}
	if err == nil {
		s.room, err = s.reader.PrepareContext(ctx, selectRooms("account = $1 AND region = $2 AND id = $3"))
	}
	if err != nil {
		return explainFile(path, err)
	}
	return nil
}

// explainFile says which database could not be opened, and what to do about one
// that SQLite cannot read.
func explainFile(path string, err error) error {
	if path == "" {
		path = "in memory"
	}
	err = fmt.Errorf("open database %s: %w", path, err)
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff { // without the extended code
		case sqlitelib.SQLITE_CORRUPT, sqlitelib.SQLITE_NOTADB:
			return fmt.Errorf("%w: it is damaged, or no database; restore it from a backup, or move it and what is beside it (%s-wal, -shm) away to begin anew",
				err, filepath.Base(path))
		}
	}
	return err
}

func (s *Store) connectFile(ctx context.Context, path string, how opening) (err error) {
	if path == "" {
		// One connection for all: it is the database.
		s.writer, err = connections(":memory:", 1, "_foreign_keys", "on")
		s.reader = &pool{s.writer, s.dialect}
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if err := s.hold(path, how); err != nil {
		return err
	}
	if s.writer, err = connections(path, 1,
		"_journal_mode", "WAL", "_synchronous", how.synchronous, "_foreign_keys", "on", "_txlock", "immediate",
		"_pragma", "journal_size_limit(67108864)"); err != nil {
		return err
	}
	// SQLite answers with the mode it could get, which is no error to it.
	var mode string
	if err := s.writer.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("%s: no write-ahead log here (journal mode %q): put the data directory on a local file system", path, mode)
	}
	reader, err := connections(path, readers, "_query_only", "on")
	s.reader = &pool{reader, s.dialect}
	return err
}

// hold makes the file this Store's own, or sees that there is one to share.
func (s *Store) hold(path string, how opening) (err error) {
	if how.beside {
		_, err = os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: no server has run with this data directory yet", err)
		}
		return err
	}
	if s.lock, err = lock(path + ".lock"); err != nil {
		return err
	}
	return create(path)
}

// connections opens a pool of at most n connections with the given settings.
func connections(path string, n int, settings ...string) (*sql.DB, error) {
	query := url.Values{"_busy_timeout": {strconv.Itoa(5000)}}
	for i := 0; i < len(settings); i += 2 {
		query.Add(settings[i], settings[i+1])
	}
	// The URI form, for paths with characters that mean something in one.
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	if path == ":memory:" {
		name = url.URL{Scheme: "file", Opaque: path, RawQuery: query.Encode()}
	}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// create makes the file, for its owner only, before SQLite does: the log and
// index beside it take its permissions. The folder is synced so that a new
// file's name survives what its content survives.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
