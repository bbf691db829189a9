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
	elsewhere bool      // another server ships
	shipping  bool      // a round is under way
	adopted   time.Time // when this server took it although it had its part

	// run's alone, and what ship reads of it.
	configured  ivschat.DestinationConfiguration
	destination Destination
	failures    int       // times that no destination could be opened, in a row
	since       time.Time // when records began to fail; zero if they do not
	last        bool      // no batch that fails is put again
}

// gathering is what a room has in the outbox for this destination.
type gathering struct {
	records int
	bytes   int64
	oldest  time.Time   // when the first of them came, or earlier
	through int64       // the last record of a batch that failed
	owed    *settlement // of a batch that was taken, which the outbox could not be told
	failed  int         // batches, in a row
	rest    time.Time   // until then, as they failed
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
	if begins || g.failed == 0 && l.full(g) {
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
		err := l.round()
		finishing, wait := l.next(err)
		if finishing && (err != nil || wait < 0) || l.ctx.Err() != nil {
			return
		}
		if !l.pause(err != nil, wait) {
			return
		}
	}
}

// next tells how long to wait for the next round; negative is until something
// comes. An error says that there was no destination to have one with.
func (l *lane) next(err error) (finishing bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	waiting, oldest := 0, now
	for _, g := range l.rooms {
		if l.elsewhere {
			break
		}
		waiting += g.records
		if g.oldest.Before(oldest) {
			oldest = g.oldest
		}
	}
	l.o.Observer.LogsWaiting(l.arn, waiting, now.Sub(oldest))
	if err != nil {
		return l.finishing, l.backoff(l.failures)
	}
	wait = -1
	if l.elsewhere {
		return l.finishing, wait
	}
	for _, g := range l.rooms {
		if left := l.left(g, now); wait < 0 || left < wait {
			wait = left
		}
	}
	return l.finishing, wait
}

// left needs mu. It is how long a room's records wait for more, or after a failure.
func (l *lane) left(g *gathering, now time.Time) time.Duration {
	switch {
	case l.finishing || l.destination == nil:
		return 0
	case g.failed > 0:
		return max(0, g.rest.Sub(now))
	case l.full(g):
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

// pause waits: for the whole time if all rooms must, else also for news. It is
// false when the shipper has ended.
func (l *lane) pause(all bool, wait time.Duration) bool {
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
			if !all || finishing {
				return true
			}
		}
	}
}

// atOnce is how many rooms' batches are on their way to a destination at a time.
const atOnce = 16

// round puts a batch of each room that is due. Rooms whose batches fail rest; the
// others do not wait for them. An error says that there is no destination.
func (l *lane) round() error {
	if l.away() {
		return nil
	}
	if l.destination == nil { // how long records wait is the destination's to say
		if gone, err := l.configure(); gone || err != nil {
			return l.lost(gone, err)
		}
	}
	due := l.due()
	if len(due) == 0 {
		return nil
	}
	defer l.shipped()
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
			if errs[i] = l.ship(room); errs[i] != nil {
				l.setback(room)
			}
		})
	}
	all.Wait()
	l.failures = 0
	l.note(errors.Join(errs...))
	return nil
}

// note says when batches begin to fail, and when none does any more.
func (l *lane) note(err error) {
	if err != nil {
		begins := l.since.IsZero()
		if begins {
			l.since = time.Now()
			l.logger.Error("chat logs: the destination does not take records; they wait in the outbox", "error", err)
		}
		if l.ctx.Err() == nil { // else it was given up, not refused
			l.o.Notify(Notice{LoggingConfiguration: l.arn, Since: l.since, Begins: begins, Err: err})
		}
		return
	}
	if l.since.IsZero() || l.resting() {
		return
	}
	l.logger.Info("chat logs: the destination takes records again", "failed_for", time.Since(l.since).Round(time.Millisecond))
	l.o.Notify(Notice{LoggingConfiguration: l.arn, Since: l.since})
	l.since = time.Time{}
}

// resting tells whether some room's last batch failed.
func (l *lane) resting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.rooms {
		if g.failed > 0 {
			return true
		}
	}
	return false
}

// setback has a room whose batch failed rest, or wait for the next start.
func (l *lane) setback(roomID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last {
		delete(l.rooms, roomID)
		return
	}
	g := l.rooms[roomID]
	g.failed++
	g.rest = time.Now().Add(l.backoff(g.failed))
}

func (l *lane) due() (rooms []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = l.finishing
	if l.elsewhere {
		return nil
	}
	now := time.Now()
	for room, g := range l.rooms {
		if l.left(g, now) <= 0 {
			rooms = append(rooms, room)
		}
	}
	l.shipping = len(rooms) > 0
	return rooms
}

func (l *lane) shipped() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shipping = false
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
		err = l.orphan()
	} else {
		l.o.Observer.LogsFailed(l.arn, err)
	}
	l.note(err)
	if err == nil {
		l.failures = 0
		return nil
	}
	l.failures++
	return err
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
