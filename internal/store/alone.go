package store

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

// tries is how often a transaction is run that others are in the way of.
const tries = 5

// runAlone runs a job in a transaction of its own: on an engine with many writers
// jobs that shared one would hold each other's rows, in any order.
func (s *Store) runAlone(j *job) {
	if j.begun.Swap(true) {
		return // the caller has gone
	}
	j.done <- s.alone(j.run)
}

func (s *Store) alone(run func(context.Context, *transaction) error) outcome {
	for try := 1; ; try++ {
		o, begun := s.try(run)
		again := s.dialect.conflict(o.err) || !begun && try == 1
		if o.err == nil || o.panic != nil || !again || try == tries {
			o.err = s.dialect.explain(o.err)
			return o
		}
		// Jitter: those who were in each other's way should not meet again.
		time.Sleep(rand.N(time.Duration(try) * 10 * time.Millisecond))
	}
}

// try runs the job once. begun is false if the database was not even asked.
func (s *Store) try(run func(context.Context, *transaction) error) (o outcome, begun bool) {
	// No caller's context: an outcome must be known.
	ctx, cancel := s.dialect.bounded(context.Background())
	defer cancel()
	sqlTx, err := s.writer.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return outcome{err: err}, false
	}
	defer func() { _ = sqlTx.Rollback() }() // nothing to undo after a commit
	o = runJob(ctx, &transaction{sqlTx, s.dialect}, &job{run: run})
	if o.err == nil && o.panic == nil {
		o.err = sqlTx.Commit()
	}
	if o.err != nil && ctx.Err() != nil {
		o.err = errors.Join(o.err, ctx.Err()) // the driver says only that the connection is closed
	}
	return o, true
}
