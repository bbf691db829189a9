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
	"sync/atomic"
	"time"

	"modernc.org/sqlite" // the driver "sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// readers is how many reads run at the same time.
const readers = 4

// Store is the data of one server, or, on an engine that is shared, of all.
type Store struct {
	writer *sql.DB // one connection, used by the writing goroutine alone
	reader *sql.DB // the writer itself when the data is in memory
	lock   *os.File
	// room reads a room by its key: SQLite takes longer to compile that than to
	// run it. It ends with the reader.
	room *sql.Stmt

	queue   chan *job
	closed  atomic.Bool
	closing chan struct{} // closed: no new jobs
	stopped chan struct{} // closed: the writing goroutine has ended
	claims  claims
}

// Open opens the database file at path, in a folder that exists, and brings its
// schema up to date. Only one Store at a time has a file open. With no path the
// data is in memory and gone after Close.
func Open(ctx context.Context, path string) (*Store, error) {
	return open(ctx, path, opening{synchronous: "FULL"})
}

// Attach opens the database file of a server, which may be running, for a
// command: it makes and migrates nothing and refuses a schema of another
// release. Whether a chat token was used only a server's Store can tell.
func Attach(ctx context.Context, path string) (*Store, error) {
	return open(ctx, path, opening{synchronous: "FULL", beside: true})
}

// opening is how to open a database.
type opening struct {
	synchronous string // lets a test show what a weaker mode loses
	beside      bool   // another process may have it open
}

func open(ctx context.Context, path string, how opening) (*Store, error) {
	s := &Store{
		queue:   make(chan *job, queueLength),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
		claims:  claims{now: time.Now},
	}
	err := s.connect(ctx, path, how)
	if err == nil {
		err = migrate(ctx, s.writer, !how.beside)
	}
	if err == nil {
		s.room, err = s.reader.PrepareContext(ctx, selectRooms("account = $1 AND region = $2 AND id = $3"))
	}
	if err != nil {
		return nil, errors.Join(explain(path, err), s.disconnect())
	}
	go s.write()
	return s, nil
}

// explain says which database could not be opened, and what to do about one
// that SQLite cannot read.
func explain(path string, err error) error {
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

func (s *Store) connect(ctx context.Context, path string, how opening) (err error) {
	if path == "" {
		// One connection for all: it is the database.
		s.writer, err = connections(":memory:", 1, "_foreign_keys", "on")
		s.reader = s.writer
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
	s.reader, err = connections(path, readers, "_query_only", "on")
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

// Close finishes the writes that were queued and closes the files. Later
// calls, and later writes, get ErrClosed.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return ErrClosed
	}
	close(s.closing)
	<-s.stopped
	if err := s.disconnect(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

func (s *Store) disconnect() error {
	var errs []error
	if s.reader != nil && s.reader != s.writer {
		errs = append(errs, s.reader.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close()) // which releases it
	}
	return errors.Join(errs...)
}

// Ping reads from the database.
func (s *Store) Ping(ctx context.Context) error {
	if _, _, err := s.OutboxSize(ctx); err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}
