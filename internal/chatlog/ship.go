package chatlog

import (
	"fmt"
	"time"

	"github.com/parleychat/parley/internal/store"
)

// page is how many records are read in one go.
const page = 500

// ship puts the room's first records, unless some that were taken before are still
// to be noted: they must not be put again because the disk is full.
func (l *lane) ship(roomID string) error {
	l.mu.Lock()
	g := *l.rooms[roomID]
	l.mu.Unlock()
	s := g.owed
	if s == nil {
		var err error
		if s, err = l.put(roomID, g); s == nil {
			return err
		}
	}
	if err := l.settle(roomID, s); err != nil {
		l.owe(roomID, s)
		return err
	}
	l.taken(roomID, s)
	if s.again > 0 {
		l.o.Observer.LogsFailed(l.arn, s.err)
		return fmt.Errorf("room %s: %d of %d records: %w", roomID, s.again, s.again+s.records, s.err)
	}
	return nil
}

// put puts the room's first records. What it returns is to be settled.
func (l *lane) put(roomID string, g gathering) (*settlement, error) {
	rows, err := l.gather(roomID, g.through)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 { // counted after an earlier batch had them
		l.taken(roomID, &settlement{records: g.records, left: g.oldest})
		return nil, nil
	}
	b := Batch{Account: rows[0].Account, Region: rows[0].Region, RoomID: roomID, Window: g.oldest}
	for i := range rows {
		b.Records = append(b.Records, record(&rows[i]))
	}
	outcome, err := l.destination.Put(l.ctx, b)
	if err != nil {
		l.o.Observer.LogsFailed(l.arn, err)
		l.again(roomID, rows[len(rows)-1].ID)
		return nil, fmt.Errorf("room %s: %w", roomID, err)
	}
	return settlementOf(rows, outcome, g.oldest), nil
}

// gather reads as many of the room's first records as one batch may have, but one
// at least, and none behind the one with the id through, if that is not 0.
func (l *lane) gather(roomID string, through int64) (rows []store.OutboxRecord, err error) {
	limits := l.destination.Limits()
	bytes, after := 0, int64(0)
	var first time.Time
	for len(rows) < limits.Records {
		more, err := l.o.Outbox.OutboxFor(l.ctx, l.arn, roomID, after, min(page, limits.Records-len(rows)))
		if err != nil || len(more) == 0 {
			return rows, err
		}
		for _, r := range more {
			if through > 0 && r.ID > through {
				return rows, nil
			}
			if len(rows) == 0 {
				first = r.Time
			}
			bytes += len(r.Payload) + envelope + limits.Overhead
			span := r.Time.Sub(first).Abs()
			if len(rows) > 0 && (bytes > limits.Bytes || limits.Span > 0 && span > limits.Span) {
				return rows, nil
			}
			rows = append(rows, r)
			after = r.ID
		}
	}
	return rows, nil
}

// settle has what was taken, or refused for good, leave the outbox. What it has
// done it takes off the settlement.
func (l *lane) settle(roomID string, s *settlement) error {
	for ; len(s.refused) > 0; s.refused = s.refused[1:] {
		r := s.refused[0]
		if err := l.o.Outbox.RefuseOutbox(l.ctx, l.arn, &r.row, r.reason); err != nil {
			return err
		}
		l.o.Observer.LogsRefused(l.arn)
		l.logger.Error("chat logs: the destination refuses a record for good; it is kept as a dead letter", "room", roomID, "id", r.row.EntryID, "error", r.reason)
	}
	for ; len(s.accepted) > 0; s.accepted = s.accepted[1:] {
		if err := l.accept(roomID, s.accepted[0].from, s.accepted[0].to); err != nil {
			return err
		}
	}
	l.o.Observer.LogsShipped(l.arn, s.shipped)
	return nil
}

func (l *lane) accept(roomID string, from, to int64) error {
	l.accepting.Lock()
	defer l.accepting.Unlock()
	return l.o.Outbox.AcceptOutbox(l.ctx, l.arn, roomID, from, to)
}

// again has the next batch end where this one, which failed, did: a destination
// that took it all the same can tell that it is the same.
func (l *lane) again(roomID string, through int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rooms[roomID].through = through
}

// owe keeps what could not be settled for the next round.
func (l *lane) owe(roomID string, s *settlement) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rooms[roomID].owed = s
}

// taken takes what was settled off the room's gathering.
func (l *lane) taken(roomID string, s *settlement) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.rooms[roomID]
	g.through, g.owed = 0, nil
	if s.records > 0 || s.again == 0 {
		g.failed = 0
	}
	if g.records <= s.records {
		if s.again == 0 && !g.dropped {
			delete(l.rooms, roomID)
			return
		}
		// The count is off: records were dropped, or shipped before they were counted.
		// A batch that finds nothing is the last.
		g.records, g.bytes, g.dropped = s.records+max(1, s.again), s.bytes, false
	}
	g.records -= s.records
	g.bytes = max(0, g.bytes-s.bytes)
	if s.left.After(g.oldest) {
		g.oldest = s.left
	}
}
