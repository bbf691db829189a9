package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

const (
	// queueLength is how many writes wait at most; further callers wait for a place.
	queueLength = 1024
	// batchLength bounds a transaction, and with it how long its first write
	// waits for its last.
	batchLength = 256
)

// job is one caller's write. It runs on a writing goroutine.
type job struct {
	run   func(context.Context, *transaction) error
	claim *tokenClaim // instead of run, for those that are written in groups
	begun atomic.Bool // set once: by the writer that runs it or the caller that gave up
	done  chan outcome
}

type outcome struct {
	err   error
	panic any // what run panicked with
	stack []byte
}

// do has run executed in a transaction and returns when that is on stable
// storage or undone. An error of run undoes what run did and is returned as it
// is. If run panics, do does.
//
// run must not call the store, and what it touches is its own until do returns. On
// a shared engine it is run again when another's transaction was in its way.
func (s *Store) do(ctx context.Context, run func(context.Context, *transaction) error) error {
	return s.submit(ctx, s.queue, &job{run: run, done: make(chan outcome, 1)})
}

// submit has a writing goroutine take the job from the queue, and waits for its
// outcome.
func (s *Store) submit(ctx context.Context, queue chan<- *job, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	waiting, cancel := s.dialect.bounded(ctx)
	defer cancel()
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	select {
	case queue <- j:
	case <-s.closing:
		return ErrClosed
	case <-waiting.Done():
		return s.gaveUp(ctx)
	}
	select {
	case o := <-j.done:
		return o.result()
	case <-s.stopped:
	case <-waiting.Done():
		if !j.begun.Swap(true) {
			return s.gaveUp(ctx)
		}
		// Begun: the outcome is near, and without it the caller could not know
		// whether the write happened nor use what it shares with run.
		select {
		case o := <-j.done:
			return o.result()
		case <-s.stopped:
		}
	}
	select {
	case o := <-j.done:
		return o.result()
	default:
		return ErrClosed // queued behind the last batch
	}
}

// gaveUp says why a job was not begun: its caller left, or the engine is behind.
func (s *Store) gaveUp(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: too many writes wait for it", ErrUnavailable)
}

func (o outcome) result() error {
	if o.panic != nil {
		panic(fmt.Sprintf("%v\n\nin the store's writer:\n%s", o.panic, o.stack))
	}
	return o.err
}

// write runs queued jobs until the store closes. Where there is one writer, as
// many as wait share one transaction, and so one sync of the disk.
func (s *Store) write() {
	s.serve(s.queue, s.dialect.jobs, func(jobs []*job) {
		if s.dialect.jobs == 1 {
			s.runAlone(jobs[0])
			return
		}
		s.commit(jobs)
	})
}

// serve has run do what comes through the queue, most at a time.
func (s *Store) serve(queue <-chan *job, most int, run func([]*job)) {
	for {
		select {
		case j := <-queue:
			run(batch(queue, j, most))
		case <-s.closing:
			if len(queue) == 0 {
				return
			}
		}
	}
}

// batch adds the jobs that wait behind j.
func batch(queue <-chan *job, j *job, most int) []*job {
	jobs := []*job{j}
	for len(jobs) < most {
		select {
		case j := <-queue:
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// commit runs the jobs in one transaction and tells each its outcome. A job's
// own error undoes that job. An error of the transaction undoes all of them and
// is everyone's outcome: what a job found may be what another did.
func (s *Store) commit(jobs []*job) {
	outcomes := make([]outcome, len(jobs))
	err := s.transact(jobs, outcomes)
	for i, j := range jobs {
		o := outcomes[i]
		if err != nil {
			o.err = fmt.Errorf("commit: %w", err)
		}
		j.done <- o
	}
}

func (s *Store) transact(jobs []*job, outcomes []outcome) error {
	// No caller's context: one that ends must not undo the others' work.
	ctx := context.Background()
	sqlTx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	tx := &transaction{sqlTx, s.dialect}
	defer func() { _ = tx.Rollback() }() // nothing to undo after a commit
	for i, j := range jobs {
		if j.begun.Swap(true) {
			continue // the caller has gone
		}
		if err := transactOne(ctx, tx, j, &outcomes[i]); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// transactOne runs the job in a savepoint. It returns an error if the whole
// transaction is lost: after some failures (a full disk is one) SQLite drops
// it, and then the savepoint is gone.
func transactOne(ctx context.Context, tx *transaction, j *job, o *outcome) error {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT job"); err != nil {
		return err
	}
	*o = runJob(ctx, tx, j)
	if o.err != nil || o.panic != nil {
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT job"); err != nil {
			return errors.Join(o.err, err)
		}
	}
	_, err := tx.ExecContext(ctx, "RELEASE SAVEPOINT job")
	return err
}

func runJob(ctx context.Context, tx *transaction, j *job) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = outcome{panic: p, stack: debug.Stack()}
		}
	}()
	return outcome{err: j.run(ctx, tx)}
}
