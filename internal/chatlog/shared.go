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
	for lc, rooms := range lanes {
		held, err := s.o.Shared.HoldLane(s.ctx, lc)
		if err != nil {
			s.o.Logger.Warn("chat logs: who ships cannot be agreed on", "logging_configuration", lc, "error", err)
		}
		if held {
			s.lane(lc).stand(rooms)
		} else if l := s.known(lc); l != nil {
			l.leave()
		}
	}
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
