package messaging

import (
	"context"
	"sync"
)

// queue holds the notices that no loop has taken yet. When it is full the
// oldest goes, so that putting never waits and the newest is always there.
type queue struct {
	limit int
	wake  chan struct{} // holds one when there is something to take, or the end

	mu      sync.Mutex // guards what follows; taken last
	ring    []Notice
	head, n int
	dropped *Dropped // what went since the last notice was taken; nil for nothing
	total   uint64   // of all that went
	closed  bool
}

// keep is the size of a ring that stays when nothing is in it.
const keep = 8

func newQueue(limit int) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1)}
}

func (q *queue) put(n Notice) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == q.limit {
		if q.dropped == nil {
			q.dropped = new(Dropped)
		}
		q.dropped.count(q.pop())
		q.total++
	}
	if q.n == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.n)%len(q.ring)] = n
	q.n++
	q.signal()
}

func (q *queue) grow() {
	bigger := make([]Notice, min(max(2, 2*q.n), q.limit))
	copied := copy(bigger, q.ring[q.head:])
	copy(bigger[copied:], q.ring[:q.head])
	q.ring, q.head = bigger, 0
}

func (q *queue) pop() Notice {
	n := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return n
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the next notice, or nil once the context or the queue has ended.
func (q *queue) take(ctx context.Context) Notice {
	for ctx.Err() == nil {
		n, closed := q.tryTake()
		if n != nil || closed {
			return n
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

func (q *queue) tryTake() (n Notice, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.dropped != nil:
		n, q.dropped = q.dropped, nil
	case q.n > 0:
		n = q.pop()
	default:
		if len(q.ring) > keep {
			q.ring, q.head = nil, 0
		}
	}
	// Another loop may be waiting for the rest.
	if q.n > 0 || q.closed {
		q.signal()
	}
	return n, q.closed
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) droppedTotal() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total
}
