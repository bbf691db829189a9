package memlog

import (
	"sync"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
)

type subscription struct{ roomlog.Subscriber }

// room is one room's log; mu guards all of it.
type room struct {
	mu          sync.Mutex
	key         roomlog.Room
	keep        int             // entries of the tail
	keepBytes   int             // of their payloads
	last        uint64          // Seq of the newest entry
	entries     []roomlog.Entry // the newest entries, oldest first, behind dropped empty ones
	dropped     int
	tailBytes   int         // of the entries' payloads
	sent        []time.Time // when the messages of the last second were admitted
	subscribers []*subscription
	waiting     int // entries on their way through the outbox
	touched     time.Time
	forgotten   bool // swept: no longer in the map
}

// admit counts a message against the rate, exactly: no second, wherever it
// begins, holds more than rate of them.
func (r *room) admit(now time.Time, rate int) bool {
	if rate <= 0 {
		return true
	}
	old := 0
	for old < len(r.sent) && now.Sub(r.sent[old]) >= time.Second {
		old++
	}
	if old > 0 {
		r.sent = r.sent[:copy(r.sent, r.sent[old:])]
	}
	if len(r.sent) >= rate {
		return false
	}
	r.sent = append(r.sent, now)
	return true
}

// deliver appends the entry and hands it to every subscriber.
func (r *room) deliver(seq uint64, e roomlog.Entry, now time.Time) uint64 {
	e.Seq, e.Prev = seq, r.last
	r.last = seq
	r.touched = now
	r.retain(e)
	for _, s := range r.subscribers {
		s.Deliver(r.key, e)
	}
	return seq
}

// tail is the entries that can be read.
func (r *room) tail() []roomlog.Entry { return r.entries[r.dropped:] }

// retain appends the entry to the tail and drops the oldest beyond its bounds.
func (r *room) retain(e roomlog.Entry) {
	if n := len(r.entries); n == cap(r.entries) && r.dropped > 0 && r.dropped >= n/2 {
		// Back to the array's begin rather than to a new array: an entry moves
		// at most once.
		kept := copy(r.entries, r.tail())
		clear(r.entries[kept:])
		r.entries, r.dropped = r.entries[:kept], 0
	}
	r.entries = append(r.entries, e)
	r.tailBytes += len(e.Payload)
	for n := len(r.tail()); n > r.keep || (r.tailBytes > r.keepBytes && n > 1); n-- {
		r.tailBytes -= len(r.entries[r.dropped].Payload)
		r.entries[r.dropped] = roomlog.Entry{}
		r.dropped++
	}
}
