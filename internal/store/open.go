package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Store is the data of one server, or, on an engine that is shared, of all.
type Store struct {
	dialect *dialect
	writer  *sql.DB // used by the writing goroutines alone
	reader  *pool   // of the writer's connection when the data is in memory
	lock    *os.File
	// room reads a room by its key: SQLite takes longer to compile that than to
	// run it. It ends with the reader. nil where the driver keeps statements.
	room  *sql.Stmt
	lanes lanes

	queue   chan *job
	grouped chan *job // token claims, where jobs have transactions of their own
	closed  atomic.Bool
	closing chan struct{} // closed: no new jobs
	stopped chan struct{} // closed: the writing goroutines have ended
	claims  claims
}

// Open opens a database and brings its schema up to date: the PostgreSQL
// database of a URL (postgres://…), which any number of Stores may share; the
// file at a path, in a folder that exists, which one Store at a time has open;
// or, with nothing given, memory that is gone after Close.
func Open(ctx context.Context, where string) (*Store, error) {
	return open(ctx, where, opening{synchronous: "FULL"})
}

// Attach opens the database of a server, which may be running, for a command: it
// makes and migrates nothing and refuses a schema of another release. Of a file,
// only a server's Store can tell whether a chat token was used.
func Attach(ctx context.Context, where string) (*Store, error) {
	return open(ctx, where, opening{synchronous: "FULL", beside: true})
}

// opening is how to open a database.
type opening struct {
	synchronous string // lets a test show what a weaker mode loses
	beside      bool   // another process may have it open
}

func open(ctx context.Context, where string, how opening) (*Store, error) {
	s := &Store{
		queue:   make(chan *job, queueLength),
		grouped: make(chan *job, queueLength),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
		claims:  claims{now: time.Now},
	}
	connect := s.openFile
	if IsURL(where) {
		connect = s.openPostgres
	}
	if err := connect(ctx, where, how); err != nil {
		return nil, errors.Join(err, s.disconnect())
	}
	var writing sync.WaitGroup
	for range s.dialect.writers {
		writing.Go(s.write)
	}
	if s.dialect.jobs == 1 {
		writing.Go(s.writeClaims)
	}
	go func() {
		writing.Wait()
		close(s.stopped)
	}()
	return s, nil
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
	errs := []error{s.lanes.close()}
	if s.reader != nil && s.reader.DB != nil && s.reader.DB != s.writer {
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
