package chatlog

import (
	"fmt"
	"time"

	"github.com/parleychat/parley/internal/store"
)

const (
	// page is how many records are read in one go.
	page = 500
	// acceptAtOnce is how many are accepted in one: new entries wait for the
	// transaction, so it is short, and there is one at a time.
	acceptAtOnce = 500
)

// ship puts the room's first records.
func (l *lane) ship(roomID string) error {
	l.mu.Lock()
	g := *l.rooms[roomID]
	l.mu.Unlock()
	rows, err := l.gather(roomID, g.through)
	if err != nil {
		return err
	}
	if len(rows) == 0 { // counted after an earlier batch had them
		l.taken(roomID, g.records, 0, g.oldest)
		return nil
	}
	b := Batch{Account: rows[0].Account, Region: rows[0].Region, RoomID: roomID, Window: g.oldest}
	for i := range rows {
		b.Records = append(b.Records, record(&rows[i]))
	}
	outcome, err := l.destination.Put(l.ctx, b)
	if err != nil {
		l.o.Observer.LogsFailed(l.arn, err)
		l.again(roomID, rows[len(rows)-1].ID)
		return fmt.Errorf("room %s: %w", roomID, err)
	}
	n, bytes, err := l.settle(roomID, rows, outcome)
	if err != nil {
		return err
	}
	left := g.oldest
	if len(outcome.Again) == 0 {
		left = rows[len(rows)-1].Time
	}
	l.taken(roomID, n, bytes, left)
	if len(outcome.Again) > 0 {
		l.o.Observer.LogsFailed(l.arn, outcome.Err)
		return fmt.Errorf("room %s: %d of %d records: %w", roomID, len(outcome.Again), len(rows), outcome.Err)
	}
	return nil
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

// settle has what was taken, or refused for good, leave the outbox.
func (l *lane) settle(roomID string, rows []store.OutboxRecord, outcome Outcome) (n int, bytes int64, err error) {
	stays := make(map[int]bool, len(outcome.Again))
	for _, i := range outcome.Again {
		stays[i] = true
	}
	for _, refusal := range outcome.Refused {
		r := &rows[refusal.Index]
		if err := l.o.Outbox.RefuseOutbox(l.ctx, l.arn, r, refusal.Err.Error()); err != nil {
			return 0, 0, err
		}
		l.o.Observer.LogsRefused(l.arn)
		l.logger.Error("chat logs: the destination refuses a record for good; it is kept as a dead letter", "room", roomID, "id", r.EntryID, "error", refusal.Err)
	}
	for begin := 0; begin < len(rows); {
		end := begin
		for end < len(rows) && end-begin < acceptAtOnce && !stays[end] {
			bytes += int64(len(rows[end].Payload))
			end++
		}
		if end > begin {
			if err := l.accept(roomID, rows[begin].ID, rows[end-1].ID); err != nil {
				return 0, 0, err
			}
			n += end - begin
		}
		begin = max(end, begin+1)
	}
	l.o.Observer.LogsShipped(l.arn, n-len(outcome.Refused))
	return n, bytes, nil
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

// taken takes records off the room's gathering. What is left of it came no
// earlier than at.
func (l *lane) taken(roomID string, records int, bytes int64, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.rooms[roomID]
	g.through = 0
	if g.records <= records {
		if !g.dropped {
			delete(l.rooms, roomID)
			return
		}
		// The count is off; the next batch, if it finds nothing, is the last.
		g.records, g.bytes, g.dropped = records+1, bytes, false
	}
	g.records -= records
	g.bytes = max(0, g.bytes-bytes)
	if at.After(g.oldest) {
		g.oldest = at
	}
}
