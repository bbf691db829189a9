package chatlog

import (
	"time"

	"github.com/parleychat/parley/internal/store"
)

const (
	// lookEvery is how often a server looks for what others appended to an outbox
	// that they share. Looking reads all of it, so it takes at most one part in
	// lookShare of the time.
	lookEvery = time.Second
	lookShare = 20
	// abandoned is how long the oldest record of a lane waits until a server tries to
	// hold it that has its part of the lanes.
	abandoned = 30 * time.Second
	// adoptedFor is how long it then keeps it: who should have it may not be able to.
	adoptedFor = 10 * time.Minute
	// seenFor is how long a lane counts in which nothing waits any more.
	seenFor = time.Minute
)

// look has the lanes that this server holds know what waits, until the shipper
// closes, and then once more.
func (s *Shipper) look() {
	for {
		began := time.Now()
		s.lookOnce()
		timer := time.NewTimer(max(lookEvery, lookShare*time.Since(began)))
		select {
		case <-timer.C:
		case <-s.closing:
			timer.Stop()
			s.lookOnce()
			return
		}
	}
}

func (s *Shipper) lookOnce() {
	waiting, err := s.o.Outbox.OutboxWaiting(s.ctx)
	if err != nil { // what is known can be shipped, but not be settled
		s.o.Logger.Warn("chat logs: what waits in the outbox cannot be read", "error", err)
		return
	}
	lanes := map[string][]store.OutboxWaiting{}
	for _, w := range waiting {
		lanes[w.LoggingConfiguration] = append(lanes[w.LoggingConfiguration], w)
	}
	now := time.Now()
	for lc := range lanes {
		s.seen[lc] = now
	}
	mine := 0
	for lc, at := range s.seen {
		if now.Sub(at) > seenFor {
			delete(s.seen, lc)
		} else if s.ships(lc) {
			mine++
		}
	}
	part := max(1, (len(s.seen)+s.o.Servers()-1)/max(1, s.o.Servers()))
	for lc, rooms := range lanes {
		switch {
		case !s.ships(lc) && mine >= part && waited(rooms) < abandoned:
			continue // others have room for it
		case s.ships(lc) && mine > part && s.known(lc).yield():
			mine--
			if err := s.o.Shared.ReleaseLane(s.ctx, lc); err != nil {
				s.o.Logger.Warn("chat logs: who ships cannot be agreed on", "logging_configuration", lc, "error", err)
			}
			continue
		}
		before := s.ships(lc)
		held, err := s.o.Shared.HoldLane(s.ctx, lc)
		if err != nil {
			s.o.Logger.Warn("chat logs: who ships cannot be agreed on", "logging_configuration", lc, "error", err)
		}
		if held {
			if !before && mine >= part {
				s.lane(lc).adopt(now)
			}
			s.lane(lc).stand(rooms)
		} else if l := s.known(lc); l != nil {
			l.leave()
		}
		if now := s.ships(lc); now && !before {
			mine++
		} else if before && !now {
			mine--
		}
	}
}

// ships tells whether this server holds a lane, as far as it knows.
func (s *Shipper) ships(loggingConfiguration string) bool {
	l := s.known(loggingConfiguration)
	return l != nil && !l.away()
}

// waited tells how long the oldest record has.
func waited(rooms []store.OutboxWaiting) (longest time.Duration) {
	for _, w := range rooms {
		longest = max(longest, time.Since(w.Oldest))
	}
	return longest
}

func (l *lane) adopt(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.adopted = at
}

// yield lets another server ship, unless a batch is under way.
func (l *lane) yield() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shipping || time.Since(l.adopted) < adoptedFor {
		return false
	}
	l.elsewhere = true
	return true
}

// known returns a lane that this server has shipped in.
func (s *Shipper) known(loggingConfiguration string) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lanes[loggingConfiguration]
}

// stand takes over what the rooms have in the outbox. It may count records of a
// batch that is just leaving it: a later batch then finds fewer.
func (l *lane) stand(rooms []store.OutboxWaiting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.elsewhere = false
	news := false
	for _, w := range rooms {
		g := l.rooms[w.RoomID]
		if g == nil {
			g = &gathering{oldest: w.Oldest}
			l.rooms[w.RoomID] = g
			news = true
		}
		g.records, g.bytes = w.Records, w.Bytes
		news = news || g.failed == 0 && l.full(g)
	}
	if news {
		l.signal()
	}
}

// leave lets another server ship.
func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.elsewhere = true
}

func (l *lane) away() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.elsewhere
}
