package hub

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/wsconn"
)

// room is a room's members on this node, in shards.
type room struct {
	hub       *Hub
	key       roomlog.Room
	mu        sync.Mutex    // guards what follows, but for reads of size and shards by Deliver
	size      atomic.Int64  // members
	cancel    func()        // ends the subscription
	gone      bool          // the last member left: no longer the hub's
	delivered atomic.Uint64 // the place of the newest entry
	// shards is replaced, never changed in place: Deliver reads it without mu.
	shards atomic.Pointer[[]*shard]

	// Deliver's alone, whose calls come one at a time.
	last time.Time     // when the newest entry came
	gap  time.Duration // between entries, the newest weighing most
}

// join returns no member and no error when the room is gone.
func (r *room) join(ctx context.Context, userID string, c Conn) (*Member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return nil, nil
	}
	m := &Member{room: r, userID: userID, conn: c}
	r.place(m)
	r.size.Add(1)
	if r.cancel != nil {
		return m, nil
	}
	after, cancel, err := r.hub.log.Subscribe(ctx, r.key, r)
	if err != nil {
		r.remove(m)
		return nil, err
	}
	r.cancel = cancel
	r.delivered.CompareAndSwap(0, after)
	m.shard.begin(m, after)
	return m, nil
}

// place puts the member into the first shard with room, or a new one.
func (r *room) place(m *Member) {
	var shards []*shard
	if p := r.shards.Load(); p != nil {
		shards = *p
	}
	for _, s := range slices.Backward(shards) { // the last is the likeliest
		if s.add(m, r.hub.options.ShardSize) {
			return
		}
	}
	s := &shard{hub: r.hub, last: r.delivered.Load(), flushed: r.delivered.Load()}
	s.add(m, r.hub.options.ShardSize)
	grown := append(shards[:len(shards):len(shards)], s)
	r.shards.Store(&grown)
}

// remove takes the member out and lets the room go with its last.
func (r *room) remove(m *Member) {
	m.shard.remove(m)
	if r.size.Add(-1) > 0 {
		return
	}
	r.gone = true
	if r.cancel != nil {
		r.cancel()
	}
	r.hub.forget(r)
}

// maxHeader is a frame header's length, at most.
const maxHeader = 10

// Deliver implements roomlog.Subscriber.
func (r *room) Deliver(_ roomlog.Room, e roomlog.Entry) {
	r.delivered.Store(e.Seq)
	if e.Kind == roomlog.KindControl {
		r.hub.options.Control(r.key)
		return
	}
	now := time.Now()
	encoded := wsconn.AppendText(make([]byte, 0, len(e.Payload)+maxHeader), e.Payload)
	window := r.window(now)
	shards := *r.shards.Load()
	for i, s := range shards {
		s.append(&e, encoded, now, window, window*time.Duration(i)/time.Duration(len(shards)))
	}
}

// A room is busy, and its entries wait for each other, when it has so many
// deliveries a second that saving writes is worth the wait, and when others are
// likely to come within the window.
const busyDeliveries = 10_000

// The window is for rooms of up to wideRoom members. To write to more takes so
// long in itself that waiting as long adds little, saves writes, and leaves the
// cores to others meanwhile: their window is wider, up to widest times.
const (
	wideRoom = 2_000
	widest   = 10
)

// window is how long the entry that comes now may wait for others.
func (r *room) window(now time.Time) time.Duration {
	size := time.Duration(r.size.Load())
	window := r.hub.options.Window * min(max(size, wideRoom), widest*wideRoom) / wideRoom
	// One long silence ends a busy time: a quarter of it is over 2*window.
	r.gap += (min(now.Sub(r.last), time.Second+8*window) - r.gap) / 4
	r.last = now
	if r.gap > 2*window || size*time.Second < busyDeliveries*r.gap {
		return 0
	}
	return window
}

func (r *room) overloaded(most int) bool {
	shards := r.shards.Load()
	if shards == nil {
		return false
	}
	for _, s := range *shards {
		if s.behind() > most {
			return true
		}
	}
	return false
}

// Member is a session's place in a room.
type Member struct {
	conn Conn
	// The member joined while skip bytes were pending in generation
	// generation; they are not for it. Guarded by the shard's mu.
	generation uint64
	skip       int
	after      uint64 // the place behind which entries are for it
	index      int    // in the shard's members
	userID     string
	room       *room
	shard      *shard
}

// Room is the room that the member is in.
func (m *Member) Room() roomlog.Room { return m.room.key }

// Leave takes the member out of its room; call it once. Frames of entries
// already delivered may still be written.
func (m *Member) Leave() {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	m.room.remove(m)
}

// Place is where the member stands in the room's log: it was given what is up to
// there, and perhaps some of what is behind.
func (m *Member) Place() uint64 {
	m.shard.mu.Lock()
	defer m.shard.mu.Unlock()
	return max(m.after, m.shard.flushed)
}

// maxMissed is the most entries that Missed returns: some seconds of a busy room.
const maxMissed = 500

// Missed returns the frames of what is in the room's log after a place and was
// delivered before the member joined: all of it, or an error.
func (m *Member) Missed(ctx context.Context, place uint64) ([]byte, error) {
	if place >= m.after {
		return nil, nil
	}
	entries, err := m.room.hub.log.Read(ctx, m.room.key, place, maxMissed)
	if err != nil {
		return nil, fmt.Errorf("read what was missed in room %s: %w", m.room.key.ID, err)
	}
	if n := len(entries); n == maxMissed && entries[n-1].Seq < m.after {
		return nil, fmt.Errorf("more than %d entries were missed in room %s", maxMissed, m.room.key.ID)
	}
	var frames []byte
	for _, e := range entries {
		if e.Seq <= m.after && e.Kind != roomlog.KindControl {
			frames = wsconn.AppendText(frames, e.Payload)
		}
	}
	return frames, nil
}
