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
	tail        []roomlog.Entry // the newest entries, oldest first
	tailBytes   int             // of their payloads
	sent        []time.Time     // when the messages of the last second were admitted
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
func (r *room) deliver(seq uint64, e roomlog.Entry) uint64 {
	e.Seq, e.Prev = seq, r.last
	r.last = seq
	r.touched = time.Now()
	r.tail = append(r.tail, e)
	r.tailBytes += len(e.Payload)
	for len(r.tail) > r.keep || (r.tailBytes > r.keepBytes && len(r.tail) > 1) {
		r.tailBytes -= len(r.tail[0].Payload)
		r.tail[0] = roomlog.Entry{} // append copies to a new array only now and then
		r.tail = r.tail[1:]
	}
	for _, s := range r.subscribers {
		s.Deliver(r.key, e)
	}
	return seq
}
