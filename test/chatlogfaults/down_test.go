package chatlogfaults

import (
	"syscall"
	"testing"

	"github.com/parleychat/parley/ivschat/messaging"
)

// every waits until viewers of every logged room have got n entries more.
func (r *rig) every(n int) {
	r.t.Helper()
	count := func() map[string]int {
		r.mu.Lock()
		defer r.mu.Unlock()
		have := map[string]int{}
		for room := range r.logged {
			have[room] = len(r.got[room])
		}
		return have
	}
	before := count()
	wait(r.t, "deliveries in every logged room", func() bool {
		for room, have := range count() {
			if have < before[room]+n {
				return false
			}
		}
		return true
	})
}

// No destination answers, from before the first message to after the last, with
// a new server in between. Rooms chat on, and all of it arrives in the end.
func TestDestinationsThatAreDown(t *testing.T) {
	n := times(t, "CHATLOG_DOWN", 40)
	e := newEndpoint(t)
	r := newRig(t, t.TempDir(), everywhere(), e.flags()...)
	e.set(true, nil)
	for range 2 {
		stop := r.chat()
		r.every(n)
		stop()
		r.end(syscall.SIGTERM)
		r.start()
	}
	for name, logged := range e.holds() {
		if logged.count() > 0 {
			t.Fatalf("%d records came to the %s, which is down", logged.count(), name)
		}
	}
	e.set(false, nil)
	wait(t, "what waits to be shipped without another start", func() bool { return e.has(r) })
	r.end(syscall.SIGTERM)
	r.hold("destinations down", e.holds(), 0)
	if r.failures() > 0 {
		t.Errorf("%d messages were refused, though there was room in the outbox", r.failures())
	}
}

// The outbox has as much as it may have. Logged rooms refuse, the other one goes
// on, and with the destinations back everything does.
func TestOutboxThatIsFull(t *testing.T) {
	e := newEndpoint(t)
	r := newRig(t, t.TempDir(), everywhere(), append(e.flags(), "--outbox-limit", "1MiB")...)
	r.long = true
	e.set(true, nil)
	stop := r.chat()
	defer stop()
	r.refuses()
	e.set(false, nil)
	r.every(40)
	stop()
	wait(t, "what waits to be shipped", func() bool { return e.has(r) })
	r.end(syscall.SIGTERM)
	r.hold("outbox full", e.holds(), 0)
}

// refuses waits until every logged room answers with an error, and sees that the
// other one does not.
func (r *rig) refuses() {
	r.t.Helper()
	wait(r.t, "refusals", func() bool { return r.failures() > 0 })
	wait(r.t, "refusals in every logged room", func() bool { return r.sendEvents() })
	before := r.unlogged()
	wait(r.t, "deliveries in the room that is not logged", func() bool { return r.unlogged() >= before+50 })
	r.mu.Lock()
	defer r.mu.Unlock()
	for code := range r.refused {
		if code != messaging.ErrorInternal && code != messaging.ErrorThrottled {
			r.t.Errorf("senders got ERROR %d", code)
		}
	}
}
