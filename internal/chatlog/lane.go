package chatlog

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// lane is one logging configuration's way to its destination.
type lane struct {
	*Shipper
	arn    string
	logger *slog.Logger
	wake   chan struct{}

	mu        sync.Mutex // guards what follows
	rooms     map[string]*gathering
	finishing bool

	// run's alone.
	configured  ivschat.DestinationConfiguration
	destination Destination
	failures    int // rounds that failed, in a row
	since       time.Time
}

// gathering is what a room has in the outbox for this destination.
type gathering struct {
	records int
	bytes   int64
	oldest  time.Time   // when the first of them came, or earlier
	through int64       // the last record of a batch that failed
	owed    *settlement // of a batch that was taken, which the outbox could not be told
	dropped bool        // some that are counted were dropped, perhaps of a batch under way
}

func (l *lane) add(roomID string, records int, bytes int64, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.rooms[roomID]
	begins := g == nil
	if begins {
		g = &gathering{oldest: at}
		l.rooms[roomID] = g
	}
	g.records += records
	g.bytes += bytes
	if begins || l.full(g) {
		l.signal()
	}
}

func (l *lane) drop(roomID string, records int, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.rooms[roomID]; g != nil {
		g.records, g.bytes, g.dropped = max(0, g.records-records), max(0, g.bytes-bytes), true
	}
}

func (l *lane) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finishing = true
	l.signal()
}

func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
}

// run ships in rounds: one batch of each room that is due.
func (l *lane) run() {
	for {
		failed := l.round()
		finishing, wait := l.next(failed)
		if finishing && (failed != nil || wait < 0) || l.ctx.Err() != nil {
			return
		}
		if !l.pause(failed != nil, wait) {
			return
		}
	}
}

// next tells how long to wait for the next round; negative is until something comes.
func (l *lane) next(failed error) (finishing bool, wait time.Duration) {
	if failed != nil {
		wait = l.backoff(l.failures)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	waiting, oldest := 0, now
	for _, g := range l.rooms {
		waiting += g.records
		if g.oldest.Before(oldest) {
			oldest = g.oldest
		}
	}
	l.o.Observer.LogsWaiting(l.arn, waiting, now.Sub(oldest))
	if failed != nil {
		return l.finishing, wait
	}
	wait = -1
	for _, g := range l.rooms {
		if left := l.left(g, now); wait < 0 || left < wait {
			wait = left
		}
	}
	return l.finishing, wait
}

// left needs mu. It is how long a room's records wait for more.
func (l *lane) left(g *gathering, now time.Time) time.Duration {
	if l.finishing || l.destination == nil || l.full(g) {
		return 0
	}
	return max(0, g.oldest.Add(l.destination.Limits().Age).Sub(now))
}

// full needs mu.
func (l *lane) full(g *gathering) bool {
	if l.destination == nil {
		return false
	}
	limits := l.destination.Limits()
	return g.records >= limits.Records || g.bytes+int64(g.records*limits.Overhead) >= int64(limits.Bytes)
}

// pause waits: for the whole time after a failure, else also for news. It
// is false when the shipper has ended.
func (l *lane) pause(failed bool, wait time.Duration) bool {
	if wait == 0 {
		return true
	}
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	for {
		select {
		case <-l.ctx.Done():
			return false
		case <-over:
			return true
		case <-l.wake:
			l.mu.Lock()
			finishing := l.finishing
			l.mu.Unlock()
			if !failed || finishing {
				return true
			}
		}
	}
}

// atOnce is how many rooms' batches are on their way to a destination at a time.
const atOnce = 16

// round puts a batch of each room that is due. An error says that some room's
// failed; the others' did not wait for it.
func (l *lane) round() error {
	if l.destination == nil { // how long records wait is the destination's to say
		if gone, err := l.configure(); gone || err != nil {
			return l.lost(gone, err)
		}
	}
	due := l.due()
	if len(due) == 0 {
		return nil
	}
	if gone, err := l.configure(); gone || err != nil {
		return l.lost(gone, err)
	}
	places := make(chan struct{}, atOnce)
	errs := make([]error, len(due))
	var all sync.WaitGroup
	for i, room := range due {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			errs[i] = l.ship(room)
		})
	}
	all.Wait()
	return l.note(errors.Join(errs...))
}

// note counts rounds that fail in a row, and says when they begin and end to.
func (l *lane) note(err error) error {
	switch {
	case err == nil && l.failures == 0:
		return nil
	case err == nil:
		l.failures = 0
		l.logger.Info("chat logs: the destination takes records again", "failed_for", time.Since(l.since).Round(time.Millisecond))
		l.o.Notify(Notice{LoggingConfiguration: l.arn, Since: l.since})
		return nil
	}
	begins := l.failures == 0
	l.failures++
	if begins {
		l.since = time.Now()
		l.logger.Error("chat logs: the destination does not take records; they wait in the outbox", "error", err)
	}
	if l.ctx.Err() == nil { // else it was given up, not refused
		l.o.Notify(Notice{LoggingConfiguration: l.arn, Since: l.since, Begins: begins, Err: err})
	}
	return err
}

func (l *lane) due() (rooms []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for room, g := range l.rooms {
		if l.left(g, now) <= 0 {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// configure reads the logging configuration: it may have changed since the last
// round, and what waits goes where it says now.
func (l *lane) configure() (gone bool, err error) {
	of, ok := arn.Parse(l.arn)
	if !ok {
		return true, nil
	}
	lc, err := l.o.Outbox.LoggingConfiguration(l.ctx, store.Tenant{Account: of.Account, Region: of.Region}, of.ID)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if l.destination != nil && reflect.DeepEqual(l.configured, lc.DestinationConfiguration) {
		return false, nil
	}
	opened, err := l.o.Open(of.Account, of.Region, lc.DestinationConfiguration)
	if err != nil {
		return false, fmt.Errorf("open destination: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.configured, l.destination = lc.DestinationConfiguration, opened
	return false, nil
}

// lost is what a round without a destination comes to.
func (l *lane) lost(gone bool, err error) error {
	if gone {
		return l.note(l.orphan())
	}
	l.o.Observer.LogsFailed(l.arn, err)
	return l.note(err)
}

// orphan lets go of records whose logging configuration is gone. It could be
// deleted as no room refers to it any more: nobody can say where they should go.
func (l *lane) orphan() error {
	l.mu.Lock()
	rooms := slices.Collect(maps.Keys(l.rooms))
	l.mu.Unlock()
	for _, room := range rooms {
		if err := l.o.Outbox.AcceptOutbox(l.ctx, l.arn, room, 0, math.MaxInt64); err != nil {
			return err
		}
		l.mu.Lock()
		n := l.rooms[room].records
		delete(l.rooms, room)
		l.mu.Unlock()
		l.o.Observer.LogsOrphaned(l.arn, n)
		l.logger.Error("chat logs: the logging configuration was deleted; what it had not shipped is dropped", "room", room, "records", n)
	}
	return nil
}
