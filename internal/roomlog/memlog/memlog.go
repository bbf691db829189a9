// Package memlog is the room log of a single node: in process, a mutex and a
// tail per room, no network. Entries of logged rooms go through the outbox,
// which makes them durable, before they are delivered.
package memlog

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
)

// Outbox is the stable storage for entries of logged rooms.
type Outbox interface {
	// Put stores all records or none; they are durable when it returns nil.
	Put(ctx context.Context, records []roomlog.Record) error
}

// Options of a log. Zero values take the defaults named here.
type Options struct {
	// Outbox takes the entries of logged rooms. Without one, Append refuses them.
	Outbox Outbox
	// Tail is how many entries of a room stay readable: 128.
	Tail int
	// TailBytes is how many bytes of payload they may have: 64 KiB.
	TailBytes int
	// Idle is how long a room without subscribers is remembered: 1 minute. It
	// is longer than the second that rates look at.
	Idle time.Duration
	// MaxWaiting is how many entries may wait for stable storage: 10,000.
	MaxWaiting int
}

const stripes = 64

// Log is a roomlog.Log in memory.
type Log struct {
	options Options
	seed    maphash.Seed
	stripes [stripes]stripe
	seq     atomic.Uint64
	commits committer
	stop    chan struct{}
	done    sync.WaitGroup
	closed  atomic.Bool
}

// stripe holds a part of the rooms; mu guards the map, not the rooms in it.
type stripe struct {
	mu    sync.Mutex
	rooms map[roomlog.Room]*room
}

var _ roomlog.Log = (*Log)(nil)

// New starts a log. Close it.
func New(o Options) *Log {
	if o.Tail == 0 {
		o.Tail = 128
	}
	if o.TailBytes == 0 {
		o.TailBytes = 64 << 10
	}
	if o.Idle == 0 {
		o.Idle = time.Minute
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = 10_000
	}
	l := &Log{options: o, seed: maphash.MakeSeed(), stop: make(chan struct{})}
	for i := range l.stripes {
		l.stripes[i].rooms = map[roomlog.Room]*room{}
	}
	l.commits.init(l)
	l.done.Go(l.commits.run)
	l.done.Go(l.sweep)
	return l
}

// Append implements roomlog.Log.
func (l *Log) Append(ctx context.Context, key roomlog.Room, e roomlog.Entry, t roomlog.Terms) (uint64, error) {
	if l.closed.Load() {
		return 0, roomlog.ErrClosed
	}
	r := l.lock(key)
	now := time.Now()
	if e.Kind == roomlog.KindMessage && !r.admit(now, t.Rate) {
		r.mu.Unlock()
		return 0, roomlog.ErrRate
	}
	durable := len(t.LoggingConfigurations) > 0 && e.Payload != nil
	// An entry that needs no storage still waits behind those that do: one order.
	if !durable && r.waiting == 0 {
		seq := r.deliver(l.seq.Add(1), e, now)
		r.mu.Unlock()
		return seq, nil
	}
	w := &waiting{room: r, entry: e, done: make(chan error, 1)}
	if durable {
		w.loggingConfigurations = t.LoggingConfigurations
	}
	if err := l.commits.add(w); err != nil {
		r.mu.Unlock()
		return 0, err
	}
	r.waiting++
	r.mu.Unlock()
	select {
	case err := <-w.done:
		return w.seq, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Admit implements roomlog.Log.
func (l *Log) Admit(_ context.Context, key roomlog.Room, rate int) error {
	if l.closed.Load() {
		return roomlog.ErrClosed
	}
	r := l.lock(key)
	defer r.mu.Unlock()
	now := time.Now()
	r.touched = now
	if !r.admit(now, rate) {
		return roomlog.ErrRate
	}
	return nil
}

// Subscribe implements roomlog.Log.
func (l *Log) Subscribe(_ context.Context, key roomlog.Room, s roomlog.Subscriber) (uint64, func(), error) {
	if l.closed.Load() {
		return 0, nil, roomlog.ErrClosed
	}
	r := l.lock(key)
	defer r.mu.Unlock()
	sub := &subscription{s}
	r.subscribers = append(r.subscribers, sub)
	return r.last, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.subscribers = slices.DeleteFunc(r.subscribers, func(s *subscription) bool { return s == sub })
		r.touched = time.Now()
	}, nil
}

// Read implements roomlog.Log.
func (l *Log) Read(_ context.Context, key roomlog.Room, after uint64, n int) ([]roomlog.Entry, error) {
	r := l.lock(key)
	defer r.mu.Unlock()
	tail := r.tail()
	at, found := slices.BinarySearchFunc(tail, after, func(e roomlog.Entry, seq uint64) int {
		return int(int64(e.Seq) - int64(seq))
	})
	if found {
		at++
	}
	return slices.Clone(tail[at:min(len(tail), at+n)]), nil
}

// Close implements roomlog.Log.
func (l *Log) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	close(l.stop)
	l.commits.close()
	l.done.Wait()
	return nil
}

// lock returns the room's state, locked, making it on first use.
func (l *Log) lock(key roomlog.Room) *room {
	s := &l.stripes[maphash.Comparable(l.seed, key)%stripes]
	for {
		s.mu.Lock()
		r := s.rooms[key]
		if r == nil {
			r = &room{key: key, keep: l.options.Tail, keepBytes: l.options.TailBytes}
			s.rooms[key] = r
		}
		s.mu.Unlock()
		r.mu.Lock()
		if !r.forgotten {
			return r
		}
		r.mu.Unlock() // swept between the two locks: take the new one
	}
}

// sweep forgets rooms that nobody uses, so that memory follows the rooms in use.
func (l *Log) sweep() {
	ticker := time.NewTicker(l.options.Idle)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
		}
		for i := range l.stripes {
			l.stripes[i].sweep(l.options.Idle)
		}
	}
}

func (s *stripe) sweep(idle time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, r := range s.rooms {
		// A room that is locked right now is in use.
		if !r.mu.TryLock() {
			continue
		}
		if len(r.subscribers) == 0 && r.waiting == 0 && time.Since(r.touched) > idle {
			r.forgotten = true
			delete(s.rooms, key)
		}
		r.mu.Unlock()
	}
}
