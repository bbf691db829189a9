package natslog

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parleychat/parley/internal/roomlog"
)

// skew is how far the servers' clocks may be off this node's, when it counts
// messages that were there before it opened the room.
const skew = 500 * time.Millisecond

// room is what a node knows of a room that it has open.
type room struct {
	log    *Log
	key    roomlog.Room
	opened chan struct{} // closed when begin is done
	failed error         // of begin; read after opened

	// appending is full while an append of this node learns the end of the log.
	appending chan struct{}

	mu          sync.Mutex // guards what follows
	feeds       []*nats.Subscription
	subscribers []*subscription
	touched     time.Time
	closed      bool
	known       uint64 // the last entry that is known, delivered or not
	end         uint64 // the last that the stream has: known, or one before if that is gone
	last        uint64 // the last that was delivered
	tail        tail
	sent        []time.Time
	catching    bool   // catchUp runs
	again       bool   // and has to look once more
	heard       uint64 // the last that is in the stream by what others said
	confirmation
}

type subscription struct{ roomlog.Subscriber }

func newRoom(l *Log, key roomlog.Room) *room {
	return &room{log: l, key: key, opened: make(chan struct{}), appending: make(chan struct{}, 1), touched: time.Now()}
}

var seed = maphash.MakeSeed()

// begin subscribes to what comes, then learns what there is.
func (r *room) begin() {
	defer close(r.opened)
	ctx, cancel := context.WithTimeout(r.log.ctx, r.log.options.Wait)
	defer cancel()
	if r.failed = r.start(ctx); r.failed == nil {
		return
	}
	// The next who wants the room tries anew.
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if r.log.rooms[r.key] == r {
		delete(r.log.rooms, r.key)
	}
	r.close()
}

func (r *room) start(ctx context.Context) error {
	inbox := r.log.inboxes[maphash.Comparable(seed, r.key)%workers]
	r.mu.Lock()
	r.catching = true // what comes meanwhile is read from the stream
	r.mu.Unlock()
	feed, err := r.log.conn.ChanSubscribe(r.log.subject("deliver", "*", r.key), inbox)
	if err != nil {
		return unreachable(err)
	}
	r.mu.Lock()
	r.feeds = append(r.feeds, feed)
	r.mu.Unlock()
	if err := r.log.conn.FlushWithContext(ctx); err != nil {
		return unreachable(err)
	}
	newest, err := r.log.newest(ctx, r.key)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return unreachable(err)
	}
	if err == nil {
		if err := r.count(ctx, newest); err != nil {
			return unreachable(err)
		}
	}
	r.mu.Lock()
	r.known, r.end, r.last = newest.Seq, newest.Seq, newest.Seq
	r.mu.Unlock()
	r.log.done.Go(r.catchUp)
	return nil
}

// count counts the messages of the last second, from the newest entry back.
func (r *room) count(ctx context.Context, newest stored) error {
	now := time.Now()
	for e := newest; now.Sub(e.stamp) < time.Second+skew; {
		if e.Counted {
			r.mu.Lock()
			r.sent = append(r.sent, now)
			r.mu.Unlock()
		}
		if e.Prev == 0 {
			return nil
		}
		before, err := r.log.next(ctx, r.key, e.Prev-1)
		if err != nil {
			return err
		}
		if before.Seq != e.Prev { // it is gone
			return nil
		}
		e = before
	}
	return nil
}

func unreachable(err error) error { return fmt.Errorf("%w: NATS: %w", roomlog.ErrUnreachable, err) }

func (r *room) touch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.touched = time.Now()
}

// idle tells whether nobody has used the room for that long.
func (r *room) idle(d time.Duration) bool {
	select {
	case <-r.opened:
	default:
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.subscribers) == 0 && time.Since(r.touched) > d
}

// close needs log.mu. Nothing is delivered any more.
func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, f := range r.feeds {
		f.Unsubscribe() // an error is that the connection ended
	}
}

func (r *room) subscribe(s roomlog.Subscriber) (after uint64, cancel func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, nil, false
	}
	sub := &subscription{s}
	r.subscribers = append(r.subscribers, sub)
	return r.last, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.subscribers = slices.DeleteFunc(r.subscribers, func(s *subscription) bool { return s == sub })
		r.touched = time.Now()
	}, true
}

// hear takes what came on one of the room's subjects.
func (r *room) hear(which string, m *nats.Msg) error {
	if which == end {
		at, err := strconv.ParseUint(string(m.Data), 10, 64)
		if err != nil {
			return fmt.Errorf("%w: %w", errGarbled, err)
		}
		r.confirmed(at)
		return nil
	}
	e, err := decode(m.Header, m.Data)
	if err != nil {
		return err
	}
	r.receive(e)
	return nil
}

// receive takes an entry that the stream published.
func (r *room) receive(e stored) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
	case e.Seq <= r.last: // it came twice, or from another stream
		r.log.look()
	case r.catching || e.Prev > r.last: // something is missing
		r.heard = max(r.heard, e.Seq)
		r.catch()
	default:
		r.deliver(e)
	}
}

// deliver needs mu. It hands the next entry of the log to the subscribers.
func (r *room) deliver(e stored) {
	r.learn(e)
	prev := r.last
	r.last = e.Seq
	if e.Kind == kindAdmitted {
		return
	}
	e.Prev = prev
	r.tail.add(e.Entry)
	for _, s := range r.subscribers {
		s.Deliver(r.key, e.Entry)
	}
}

// learn needs mu. It notes an entry that is in the log, and counts it if it is new.
func (r *room) learn(e stored) {
	if e.Seq <= r.known {
		return
	}
	r.known, r.end = e.Seq, e.Seq
	if !e.Counted {
		return
	}
	if len(r.sent) == cap(r.sent) { // before it grows
		r.forgetSent()
	}
	r.sent = append(r.sent, time.Now())
}

// within needs mu. It returns how many messages count in the time before a moment.
func (r *room) within(before time.Time, d time.Duration) int {
	first, _ := slices.BinarySearchFunc(r.sent, before.Add(-d), func(at, from time.Time) int {
		if at.After(from) {
			return 1
		}
		return -1
	})
	return len(r.sent) - first
}

// forgetSent needs mu. What is old for a message that is received now need not be for
// one that was received before and waits for its place still.
func (r *room) forgetSent() {
	r.sent = slices.Delete(r.sent, 0, len(r.sent)-r.within(time.Now(), time.Second+r.log.options.Wait))
}

// full needs mu. It tells whether the second before a message was received has as
// many as may be. Those of others count from when this node heard of them, which is
// after they were stored, which is after they were received: no second holds more,
// neither of their times nor of their places.
func (r *room) full(received time.Time, rate int) bool {
	if rate <= 0 {
		return false
	}
	return r.within(received, time.Second) >= rate
}

// beginAnew forgets the places of a stream that is gone.
func (r *room) beginAnew() {
	r.mu.Lock()
	r.last, r.known, r.end, r.heard, r.tail = 0, 0, 0, 0, tail{}
	r.mu.Unlock()
	r.behind()
}

// behind has the room read what it may have missed.
func (r *room) behind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.catch()
}

// catch needs mu. It has the room read what it lacks, from now on.
func (r *room) catch() {
	switch {
	case r.closed || r.log.ctx.Err() != nil:
	case r.catching:
		r.again = true
	default:
		r.catching = true
		r.log.done.Go(r.catchUp)
	}
}

// lackFor is how long the stream is asked for an entry that it published.
const lackFor = 10 * time.Second

// mostWait is the longest between two tries of catchUp, complainEvery how often their
// failure is logged: many rooms may fail for one reason.
const mostWait, complainEvery = time.Second, 10 * time.Second

func (l *Log) complain(key roomlog.Room, err error) {
	now := time.Now().UnixNano()
	if last := l.complained.Load(); l.Reachable() && now-last >= int64(complainEvery) && l.complained.CompareAndSwap(last, now) {
		l.options.Logger.Error("room log: a room, and maybe others, cannot read what it lacks; it tries on", "room", key.ID, "error", err)
	}
}

// catchUp delivers what the stream has after the last entry that was delivered,
// and tries until it can.
func (r *room) catchUp() {
	wait, began := 10*time.Millisecond, time.Now()
	for {
		r.mu.Lock()
		after, over := r.last, r.closed
		r.again = false
		r.mu.Unlock()
		if over {
			return
		}
		ctx, cancel := context.WithTimeout(r.log.ctx, r.log.options.Wait)
		e, err := r.log.nextOfAll(ctx, r.key, after)
		cancel()
		switch {
		case err == nil:
			wait, began = 10*time.Millisecond, time.Now()
			r.caught(e)
			continue
		case errors.Is(err, jetstream.ErrMsgNotFound):
			r.mu.Lock()
			lacks := r.heard > r.last && time.Since(began) < lackFor // who is asked is not there yet
			if !r.again && !lacks {
				r.catching, r.heard = false, 0
				r.mu.Unlock()
				return
			}
			again := r.again
			r.mu.Unlock()
			if again {
				continue
			}
		case wait == mostWait:
			r.log.complain(r.key, err)
		}
		select {
		case <-r.log.ctx.Done():
			return
		case <-time.After(wait/2 + rand.N(wait)):
			wait = min(2*wait, mostWait)
		}
	}
}

func (r *room) caught(e stored) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || e.Seq <= r.last {
		return
	}
	if e.Prev > r.last {
		r.log.options.Logger.Error("room log: entries are gone from the stream before this node had them",
			"room", r.key.ID, "after", r.last, "before", e.Seq)
	}
	r.deliver(e)
}
