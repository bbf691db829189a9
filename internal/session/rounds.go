package session

import (
	"maps"
	"slices"
	"time"

	"github.com/parleychat/parley/internal/limit"
)

// slots divide the open sessions: one slot's are pinged at a time, so that
// pings are spread evenly and no session needs a timer of its own.
const slots = 64

// goRound pings every session once per PingEvery and drops those that have not
// answered PongWithin later.
func (s *Server) goRound() {
	every := max(s.options.PingEvery/slots, time.Millisecond)
	behind := min(int((s.options.PongWithin+every-1)/every), slots) // slots between ping and check
	var pinged [slots]time.Time
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for slot := 0; ; slot = (slot + 1) % slots {
		var now time.Time
		select {
		case <-s.ctx.Done():
			return
		case now = <-ticker.C:
		}
		due := (slot + slots - behind) % slots
		// When rounds are late, the answers may be as well: the process or its
		// machine was stopped.
		if at := pinged[due]; !at.IsZero() && now.Sub(at) < s.options.PongWithin+every+time.Second {
			for _, x := range s.in(due) {
				x.check(at)
			}
		}
		pinged[slot] = now
		s.mu.Lock()
		s.last = slot
		s.mu.Unlock()
		for _, x := range s.in(slot) {
			x.ping(now)
		}
	}
}

// in returns the sessions of a slot.
func (s *Server) in(slot int) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.slots[slot]))
}

// register makes the session one of the open ones. Its first ping is a whole
// round away.
func (s *Server) register(x *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return errDraining
	case s.options.MaxSessions > 0 && s.open >= s.options.MaxSessions:
		s.options.Observer.Throttled(limit.QuotaNodeConnections)
		return errFull
	}
	x.slot = uint8(s.last)
	s.slots[x.slot][x] = struct{}{}
	s.open++
	s.begun++
	s.ended.Add(1)
	return nil
}

func (s *Server) unregister(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.slots[x.slot], x)
	s.open--
	s.ended.Done()
}

func (s *Server) snapshot() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, s.open)
	for _, slot := range s.slots {
		all = slices.AppendSeq(all, maps.Keys(slot))
	}
	return all
}

// Begun returns how many sessions there ever were.
func (s *Server) Begun() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// Gauge is the accounts' open sessions, for nodes that count them together.
func (s *Server) Gauge() *limit.Gauge { return &s.gauge }

// Use returns how many sessions each account has open in each region.
func (s *Server) Use() map[limit.Key]int { return s.gauge.Use() }

// Sessions returns how many sessions are open.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}
