package hub

import (
	"slices"
	"sync"
	"time"
)

// workQueue is the shards that have something to write. Each is in it at most
// once, which bounds it.
type workQueue struct {
	mu     sync.Mutex
	more   *sync.Cond
	ready  []*shard
	later  []later // by due
	timer  *time.Timer
	closed bool
}

// later is a shard that waits for more entries.
type later struct {
	shard *shard
	due   time.Time
}

func (q *workQueue) init() { q.more = sync.NewCond(&q.mu) }

// put has the shard flushed when it is due.
func (q *workQueue) put(s *shard, due time.Time) {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if !due.After(now) || q.closed {
		q.ready = append(q.ready, s)
		q.more.Signal()
		return
	}
	// Nearly always the last: all wait for the same window.
	at := len(q.later)
	for at > 0 && q.later[at-1].due.After(due) {
		at--
	}
	q.later = slices.Insert(q.later, at, later{s, due})
	if at > 0 {
		return
	}
	if q.timer == nil {
		q.timer = time.AfterFunc(due.Sub(now), q.ripen)
		return
	}
	q.timer.Reset(due.Sub(now))
}

// hurry has a shard that waits for more entries flushed now: it has enough.
func (q *workQueue) hurry(s *shard) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.later, func(l later) bool { return l.shard == s })
	if i < 0 {
		return // being flushed, or about to be
	}
	q.later = slices.Delete(q.later, i, i+1)
	q.ready = append(q.ready, s)
	q.more.Signal()
}

// ripen moves what is due to ready.
func (q *workQueue) ripen() {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.later) && !q.later[n].due.After(now) {
		q.ready = append(q.ready, q.later[n].shard)
		q.more.Signal()
		n++
	}
	q.later = slices.Delete(q.later, 0, n)
	if len(q.later) > 0 {
		q.timer.Reset(q.later[0].due.Sub(now))
	}
}

// take returns the next shard, or nil when the queue is closed and empty.
func (q *workQueue) take() *shard {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 {
		if q.closed {
			return nil
		}
		q.more.Wait()
	}
	s := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	return s
}

// close has everything flushed at once that waits for more.
func (q *workQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, l := range q.later {
		q.ready = append(q.ready, l.shard)
	}
	q.later = nil
	if q.timer != nil {
		q.timer.Stop()
	}
	q.more.Broadcast()
}
