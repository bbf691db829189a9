package natslog

import (
	"strconv"
	"time"
)

// Core NATS delivers at most once, and a leader may die between storing an entry and
// publishing it: a node may not be told of what the stream has. The room's next entry
// shows it, but after the last of a burst none comes. So the node that appended tells
// the others where the room's log ends once it is quiet, and again later; who lacks
// something reads it.

// confirmAfter is how long after the last entry that this node appended its place is
// told, each time counted from the time before.
var confirmAfter = [...]time.Duration{500 * time.Millisecond, 2 * time.Second, 8 * time.Second}

// confirmation is what of a room's end is still to be told.
type confirmation struct {
	timer    *time.Timer
	runs     bool      // the timer does
	appended time.Time // when this node last did, or tried to
	told     int       // how often its place was, since
	doubt    bool      // an entry was sent that was never answered for
}

// confirmLater needs mu. It is for when this node has appended.
func (r *room) confirmLater() {
	c := &r.confirmation
	c.appended = time.Now()
	switch {
	case c.timer == nil:
		c.timer = time.AfterFunc(confirmAfter[0], r.confirm)
	case !c.runs || c.told > 0:
		c.timer.Reset(confirmAfter[0])
	}
	c.runs, c.told = true, 0
}

// confirm tells the room's end, if the room has been quiet for long enough.
func (r *room) confirm() {
	if at := r.toConfirm(); at > 0 && r.log.Reachable() {
		// An error is that the connection ended, after which every node reads again.
		r.log.conn.Publish(r.log.subject("deliver", end, r.key), strconv.AppendUint(nil, at, 10))
	}
}

// toConfirm returns the end that is to be told now, if any, and sees to the next time.
func (r *room) toConfirm() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.confirmation
	if r.closed || r.log.ctx.Err() != nil {
		return 0
	}
	if quiet := time.Since(c.appended); c.told == 0 && quiet < confirmAfter[0] {
		c.timer.Reset(confirmAfter[0] - quiet)
		return 0
	}
	if c.doubt || r.known > r.last {
		c.doubt, r.heard = false, max(r.heard, r.known)
		r.catch()
	}
	if c.told++; c.told < len(confirmAfter) {
		c.timer.Reset(confirmAfter[c.told])
	} else {
		c.runs = false
	}
	return r.known
}

// confirmed takes a node's word for where the log ends.
func (r *room) confirmed(at uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at > r.last {
		r.heard = max(r.heard, at)
		r.catch()
	}
}
