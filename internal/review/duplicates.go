package review

import (
	"bytes"
	"errors"
	"hash/maphash"
	"sync"
	"time"
)

// maxDuplicates bounds the messages that are remembered, in each of two halves.
const maxDuplicates = 1 << 16

// duplicates denies a message whose text the same user sent to the same room
// within the window. A text is the same if its plain form is.
type duplicates struct {
	window time.Duration
	fold   *folder
	seed   maphash.Seed

	mu sync.Mutex // guards what follows
	// When each text was last let through. Old texts go with the older half,
	// which is dropped when the newer one is a window old, or full.
	newer, older map[uint64]time.Time
	turned       time.Time
}

func newDuplicates(o options, f *folder) (judge, error) {
	d := &duplicates{
		window: 30 * time.Second, fold: f, seed: maphash.MakeSeed(),
		newer: map[uint64]time.Time{}, older: map[uint64]time.Time{}, turned: time.Now(),
	}
	if text := o.one("window"); text != "" {
		var err error
		if d.window, err = time.ParseDuration(text); err != nil || d.window <= 0 || d.window > time.Hour {
			return nil, errors.New("window is not a duration such as 30s, of one hour at most")
		}
	}
	return d, nil
}

// denies implements judge.
func (d *duplicates) denies(q *Request) bool {
	type message struct{ room, user, text string }
	key := maphash.Comparable(d.seed, message{q.RoomARN, q.Sender.UserID, string(bytes.TrimSpace(d.fold.plain(q.Content)))})
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.turned) >= d.window || len(d.newer) >= maxDuplicates {
		d.newer, d.older, d.turned = map[uint64]time.Time{}, d.newer, now
	}
	for _, half := range []map[uint64]time.Time{d.newer, d.older} {
		if at, ok := half[key]; ok && now.Sub(at) < d.window {
			return true
		}
	}
	d.newer[key] = now
	return false
}
