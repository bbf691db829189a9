package chatlog

import (
	"time"

	"github.com/parleychat/parley/internal/store"
)

// acceptAtOnce is how many records are accepted in one go: new entries wait for the
// transaction, so it is short, and there is one at a time.
const acceptAtOnce = 500

// settlement is what the outbox is still to be told of a batch that was put.
type settlement struct {
	refused  []refusedRow
	accepted []span

	records int       // that leave the room's gathering
	bytes   int64     // of theirs
	shipped int       // of them, those the destination has
	left    time.Time // the rest came no earlier
	again   int       // records that are to be put again
	err     error     // why
}

type refusedRow struct {
	row    store.OutboxRecord
	reason string
}

// span is records by their ids, both included.
type span struct{ from, to int64 }

func settlementOf(rows []store.OutboxRecord, outcome Outcome, oldest time.Time) *settlement {
	s := &settlement{left: oldest, again: len(outcome.Again), err: outcome.Err}
	if s.again == 0 {
		s.left = rows[len(rows)-1].Time
	}
	stays := make(map[int]bool, len(outcome.Again))
	for _, i := range outcome.Again {
		stays[i] = true
	}
	for _, refusal := range outcome.Refused {
		s.refused = append(s.refused, refusedRow{rows[refusal.Index], refusal.Err.Error()})
	}
	for begin := 0; begin < len(rows); {
		end := begin
		for end < len(rows) && end-begin < acceptAtOnce && !stays[end] {
			s.bytes += int64(len(rows[end].Payload))
			end++
		}
		if end > begin {
			s.accepted = append(s.accepted, span{rows[begin].ID, rows[end-1].ID})
			s.records += end - begin
		}
		begin = max(end, begin+1)
	}
	s.shipped = s.records - len(outcome.Refused)
	return s
}
