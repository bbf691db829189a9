package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openNewFile(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "parley.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// claim returns a job that writes one row.
func claim(n byte) func(context.Context, *transaction) error {
	return func(ctx context.Context, tx *transaction) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO token_claims (id, expires) VALUES ($1, 0)", []byte{n})
		return err
	}
}

func claimed(t *testing.T, s *Store) []byte {
	t.Helper()
	rows, err := s.reader.QueryContext(t.Context(), "SELECT id FROM token_claims ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	ids := []byte{}
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// batched queues the jobs behind one that holds the writer, so that they share
// the next transaction, and returns their errors; a panic is an error here.
func batched(t *testing.T, s *Store, jobs ...func(context.Context, *transaction) error) []error {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	errs := make([]error, len(jobs))
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.do(context.Background(), func(context.Context, *transaction) error {
			close(held)
			<-release
			return nil
		}); err != nil {
			t.Errorf("the holding job: %v", err)
		}
	})
	<-held
	for i, run := range jobs {
		queued := len(s.queue)
		running.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = errPanicked
				}
			}()
			errs[i] = s.do(context.Background(), run)
		})
		waitFor(t, func() bool { return len(s.queue) > queued }) // in this order
	}
	close(release)
	running.Wait()
	return errs
}

var (
	errJob      = errors.New("the job's own error")
	errPanicked = errors.New("panicked")
)

// waitFor polls what cannot be waited on.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited 10 s in vain")
		}
	}
}

func TestAFailedJobUndoesOnlyItself(t *testing.T) {
	s := openNewFile(t)
	errs := batched(t, s,
		claim(1),
		func(ctx context.Context, tx *transaction) error { return errors.Join(claim(2)(ctx, tx), errJob) },
		claim(1), // breaks a constraint
		func(ctx context.Context, tx *transaction) error {
			if err := claim(3)(ctx, tx); err != nil {
				return err
			}
			panic("a bug")
		},
		claim(4),
	)
	if errs[0] != nil || !errors.Is(errs[1], errJob) || errs[2] == nil || errs[3] != errPanicked || errs[4] != nil {
		t.Errorf("errors: %v", errs)
	}
	if diff := cmp.Diff([]byte{1, 4}, claimed(t, s)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestALostTransactionUndoesAllOfIt(t *testing.T) {
	s := openNewFile(t)
	// What SQLite does by itself when it runs out of space at a bad moment.
	lose := func(ctx context.Context, tx *transaction) error {
		_, err := tx.ExecContext(ctx, "ROLLBACK")
		return errors.Join(err, errJob)
	}
	errs := batched(t, s, claim(1), lose, claim(2))
	for i, err := range errs {
		if err == nil {
			t.Errorf("job %d of a lost transaction succeeded", i)
		}
	}
	// One that does not notice must not make the rest commit piecemeal.
	errs = append(errs, batched(t, s, claim(3), func(ctx context.Context, tx *transaction) error {
		_ = lose(ctx, tx)
		return nil
	}, claim(4))...)
	for i, err := range errs {
		if err == nil {
			t.Errorf("job %d of a lost transaction succeeded", i)
		}
	}
	if got := claimed(t, s); len(got) != 0 {
		t.Errorf("rows of a lost transaction: %v", got)
	}
	if err := s.do(t.Context(), claim(5)); err != nil {
		t.Errorf("the write after: %v", err)
	}
	if diff := cmp.Diff([]byte{5}, claimed(t, s)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestFullDatabase(t *testing.T) {
	s := openNewFile(t)
	var pages int
	if err := s.writer.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+8)); err != nil {
		t.Fatal(err)
	}
	record := []OutboxRecord{{Payload: make([]byte, 10_000)}}
	acknowledged := 0
	var err error
	for err == nil && acknowledged < 100 {
		if err = s.AppendOutbox(t.Context(), record, 0); err == nil {
			acknowledged++
		}
	}
	if err == nil || acknowledged == 0 {
		t.Fatalf("%d appends, then: %v", acknowledged, err)
	}
	if _, err := s.writer.Exec("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendOutbox(t.Context(), record, 0); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	records, bytes, err := s.OutboxSize(t.Context())
	if want := int64(acknowledged + 1); err != nil || records != want || bytes != want*10_000 {
		t.Errorf("outbox has %d records, %d bytes, %v, want %d records", records, bytes, err, want)
	}
}

func TestAWaitingWriteCanBeCancelled(t *testing.T) {
	s := openNewFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	held, release := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		// Cancelled while it runs: it ends with its outcome all the same.
		if err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
			close(held)
			<-release
			return claim(1)(ctx, tx)
		}); err != nil {
			t.Errorf("the running job: %v", err)
		}
	})
	<-held
	waiting := make(chan error)
	running.Go(func() { waiting <- s.do(ctx, claim(2)) })
	waitFor(t, func() bool { return len(s.queue) == 1 })
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) { // while the writer is still held
		t.Errorf("the waiting job: %v", err)
	}
	close(release)
	running.Wait()
	if err := s.do(t.Context(), claim(3)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{1, 3}, claimed(t, s)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestAFullQueueMakesCallersWait(t *testing.T) {
	s := openNewFile(t)
	held, release := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		s.do(context.Background(), func(context.Context, *transaction) error {
			close(held)
			<-release
			return nil
		})
	})
	<-held
	nothing := func(context.Context, *transaction) error { return nil }
	for range queueLength {
		running.Go(func() {
			if err := s.do(context.Background(), nothing); err != nil {
				t.Errorf("a queued job: %v", err)
			}
		})
	}
	waitFor(t, func() bool { return len(s.queue) == queueLength })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.do(ctx, nothing); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a full queue: %v", err)
	}
	close(release)
	running.Wait()
}

func TestCloseFinishesWhatWasQueued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	const n = 100
	errs := make([]error, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() { errs[i] = s.do(context.Background(), claim(byte(i))) })
	}
	waitFor(t, func() bool { // some are through, some are not yet
		var done int
		return s.reader.QueryRow("SELECT count(*) FROM token_claims").Scan(&done) == nil && done > 0
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	running.Wait()
	want := []byte{}
	for i, err := range errs {
		if err == nil {
			want = append(want, byte(i))
		} else if err != ErrClosed {
			t.Errorf("job %d: %v", i, err)
		}
	}
	s, err = Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if diff := cmp.Diff(want, claimed(t, s)); diff != "" {
		t.Errorf("rows (-acknowledged +there):\n%s", diff)
	}
}

func TestTheLedgerForgetsExpiredTokens(t *testing.T) {
	s := openNewFile(t)
	now := time.UnixMilli(1_700_000_000_000)
	s.claims.now = func() time.Time { return now }
	rows := func() (n int) {
		if err := s.reader.QueryRow("SELECT count(*) FROM token_claims").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	most := 0
	for n := range 3_000 {
		first, err := s.ClaimToken(t.Context(), [16]byte{byte(n), byte(n >> 8)}, now.Add(time.Minute))
		if err != nil || !first {
			t.Fatal(first, err)
		}
		now = now.Add(10 * time.Second) // 366 tokens in the hour and a minute that they are kept
		most = max(most, rows())
	}
	if most < 366 || most > 366+2*purgeEvery {
		t.Errorf("the ledger held up to %d rows", most)
	}
	// Forgotten is not unused.
	if first, err := s.ClaimToken(t.Context(), [16]byte{0}, time.UnixMilli(1_700_000_000_000).Add(time.Minute)); first || err != nil {
		t.Errorf("a purged token was claimed again: %v, %v", first, err)
	}
}
