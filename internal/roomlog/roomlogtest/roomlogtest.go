// Package roomlogtest is the conformance suite of roomlog.Log: what hubs and
// the service rely on, whatever the engine.
package roomlogtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/roomlog"
)

// Collector is a subscriber that keeps what it gets.
type Collector struct {
	mu      sync.Mutex
	entries []roomlog.Entry
	more    chan struct{}
}

// NewCollector returns an empty collector.
func NewCollector() *Collector { return &Collector{more: make(chan struct{}, 1)} }

// Deliver implements roomlog.Subscriber.
func (c *Collector) Deliver(_ roomlog.Room, e roomlog.Entry) {
	c.mu.Lock()
	c.entries = append(c.entries, e)
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// Wait returns the first n entries.
func (c *Collector) Wait(t testing.TB, n int) []roomlog.Entry {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		entries := slices.Clone(c.entries)
		c.mu.Unlock()
		if len(entries) >= n {
			return entries
		}
		select {
		case <-c.more:
		case <-deadline:
			t.Fatalf("got %d entries, want %d", len(entries), n)
		}
	}
}

func room(id string) roomlog.Room {
	return roomlog.Room{Account: "123456789012", Region: "us-west-2", ID: id}
}

func message(id string) roomlog.Entry {
	return roomlog.Entry{Kind: roomlog.KindMessage, ID: id, Time: time.Now(), Payload: []byte(`{"Id":"` + id + `"}`)}
}

// logged are the terms of a logged room.
func logged() roomlog.Terms {
	return roomlog.Terms{LoggingConfigurations: []string{"arn:aws:ivschat:us-west-2:123456789012:logging-configuration/abcdABCDefgh"}}
}

// Run runs the suite; open returns a fresh, empty log with stable storage.
func Run(t *testing.T, open func(*testing.T) roomlog.Log) {
	for name, test := range map[string]func(*testing.T, roomlog.Log){
		"every subscriber gets every entry in one order":   testOneOrder,
		"a room's order holds when it begins to be logged": testMixedOrder,
		"rooms do not see each other":                      testIsolation,
		"entries name their predecessor":                   testPredecessor,
		"no second holds more messages than the rate":      testRate,
		"events are not counted by the rate":               testEventsUncounted,
		"what is admitted is counted once":                 testAdmit,
		"cancel ends delivery":                             testCancel,
		"the tail can be read":                             testRead,
		"a closed log refuses":                             testClosed,
	} {
		t.Run(name, func(t *testing.T) {
			log := open(t)
			t.Cleanup(func() {
				if err := log.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test(t, log)
		})
	}
}

func mustAppend(t *testing.T, log roomlog.Log, r roomlog.Room, e roomlog.Entry, terms roomlog.Terms) uint64 {
	t.Helper()
	seq, err := log.Append(t.Context(), r, e, terms)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return seq
}

func subscribe(t *testing.T, log roomlog.Log, r roomlog.Room) *Collector {
	t.Helper()
	c := NewCollector()
	_, cancel, err := log.Subscribe(t.Context(), r, c)
	if err != nil {
		t.Fatalf("Subscribe: %v", err)
	}
	t.Cleanup(cancel)
	return c
}

func ids(entries []roomlog.Entry) []string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.ID
	}
	return out
}

func testOneOrder(t *testing.T, log roomlog.Log) {
	first, second := subscribe(t, log, room("a")), subscribe(t, log, room("a"))
	appendFromMany(t, log, func(int) roomlog.Terms { return roomlog.Terms{} })
	a, b := first.Wait(t, writers*each), second.Wait(t, writers*each)
	checkOrder(t, a)
	if diff := cmp.Diff(ids(a), ids(b)); diff != "" {
		t.Errorf("two subscribers saw two orders: %s", diff)
	}
}

func testMixedOrder(t *testing.T, log roomlog.Log) {
	c := subscribe(t, log, room("a"))
	appendFromMany(t, log, func(n int) roomlog.Terms {
		if n%3 == 0 {
			return logged()
		}
		return roomlog.Terms{}
	})
	checkOrder(t, c.Wait(t, writers*each))
}

const writers, each = 8, 50

func appendFromMany(t *testing.T, log roomlog.Log, terms func(n int) roomlog.Terms) {
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				if _, err := log.Append(t.Context(), room("a"), message(fmt.Sprintf("%d-%d", w, n)), terms(n)); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
		})
	}
	all.Wait()
}

// checkOrder checks that places grow, that nothing is missing or doubled, and
// that each writer's entries are in the order it wrote them.
func checkOrder(t *testing.T, entries []roomlog.Entry) {
	t.Helper()
	if len(entries) != writers*each {
		t.Fatalf("got %d entries, want %d", len(entries), writers*each)
	}
	next := make([]int, writers)
	for i, e := range entries {
		if i > 0 && (e.Seq <= entries[i-1].Seq || e.Prev != entries[i-1].Seq) {
			t.Fatalf("entry %d has seq %d after %d, prev %d", i, e.Seq, entries[i-1].Seq, e.Prev)
		}
		var w, n int
		if _, err := fmt.Sscanf(e.ID, "%d-%d", &w, &n); err != nil {
			t.Fatal(err)
		}
		if n != next[w] {
			t.Fatalf("writer %d's entry %d came when %d was due", w, n, next[w])
		}
		next[w]++
	}
}

func testIsolation(t *testing.T, log roomlog.Log) {
	a, b := subscribe(t, log, room("a")), subscribe(t, log, room("b"))
	other := room("a")
	other.Account = "210987654321"
	foreign := subscribe(t, log, other)
	for i, r := range []roomlog.Room{room("a"), room("b"), other} {
		mustAppend(t, log, r, message(fmt.Sprint(i)), roomlog.Terms{})
	}
	for i, c := range []*Collector{a, b, foreign} {
		if diff := cmp.Diff([]string{fmt.Sprint(i)}, ids(c.Wait(t, 1))); diff != "" {
			t.Errorf("subscriber %d: %s", i, diff)
		}
	}
}

func testPredecessor(t *testing.T, log roomlog.Log) {
	c := subscribe(t, log, room("a"))
	one := mustAppend(t, log, room("a"), message("one"), roomlog.Terms{})
	mustAppend(t, log, room("b"), message("elsewhere"), roomlog.Terms{})
	two := mustAppend(t, log, room("a"), message("two"), logged())
	got := c.Wait(t, 2)
	if got[0].Seq != one || got[0].Prev != 0 || got[1].Seq != two || got[1].Prev != one {
		t.Errorf("got seq %d prev %d, seq %d prev %d; want %d 0, %d %d",
			got[0].Seq, got[0].Prev, got[1].Seq, got[1].Prev, one, two, one)
	}
}

func testRate(t *testing.T, log roomlog.Log) {
	const rate = 20
	c := subscribe(t, log, room("a"))
	var mu sync.Mutex
	var admitted []time.Time
	end := time.Now().Add(2200 * time.Millisecond)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for time.Now().Before(end) {
				before := time.Now()
				_, err := log.Append(t.Context(), room("a"), message("m"), roomlog.Terms{Rate: rate})
				switch {
				case err == nil:
					mu.Lock()
					admitted = append(admitted, before)
					mu.Unlock()
				case !errors.Is(err, roomlog.ErrRate):
					t.Errorf("Append: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	c.Wait(t, len(admitted))
	if len(admitted) < 2*rate {
		t.Errorf("only %d messages were admitted in more than two seconds at %d/s", len(admitted), rate)
	}
	// An append begins before it is admitted: a second of starts, less the
	// slack of one append, never holds more than the rate.
	slices.SortFunc(admitted, time.Time.Compare)
	for i := rate; i < len(admitted); i++ {
		if gap := admitted[i].Sub(admitted[i-rate]); gap < 900*time.Millisecond {
			t.Fatalf("messages %d to %d were admitted within %v", i-rate, i, gap)
		}
	}
}

func testEventsUncounted(t *testing.T, log roomlog.Log) {
	e := message("event")
	e.Kind = roomlog.KindEvent
	for range 5 {
		mustAppend(t, log, room("a"), e, roomlog.Terms{Rate: 1})
	}
	mustAppend(t, log, room("a"), message("m"), roomlog.Terms{Rate: 1})
	if _, err := log.Append(t.Context(), room("a"), message("m"), roomlog.Terms{Rate: 1}); !errors.Is(err, roomlog.ErrRate) {
		t.Errorf("a second message in the same second: %v, want ErrRate", err)
	}
}

func testAdmit(t *testing.T, log roomlog.Log) {
	for range 2 {
		if err := log.Admit(t.Context(), room("a"), 3); err != nil {
			t.Fatalf("Admit: %v", err)
		}
	}
	mustAppend(t, log, room("a"), message("admitted"), roomlog.Terms{})
	mustAppend(t, log, room("a"), message("third"), roomlog.Terms{Rate: 3})
	if err := log.Admit(t.Context(), room("a"), 3); !errors.Is(err, roomlog.ErrRate) {
		t.Errorf("Admit of a fourth in the same second: %v, want ErrRate", err)
	}
	if _, err := log.Append(t.Context(), room("a"), message("m"), roomlog.Terms{Rate: 3}); !errors.Is(err, roomlog.ErrRate) {
		t.Errorf("Append of a fourth in the same second: %v, want ErrRate", err)
	}
	if err := log.Admit(t.Context(), room("b"), 3); err != nil {
		t.Errorf("Admit to another room: %v", err)
	}
	if err := log.Admit(t.Context(), room("a"), 0); err != nil {
		t.Errorf("Admit without a rate: %v", err)
	}
}

func testCancel(t *testing.T, log roomlog.Log) {
	stays := subscribe(t, log, room("a"))
	leaves := NewCollector()
	_, cancel, err := log.Subscribe(t.Context(), room("a"), leaves)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, log, room("a"), message("one"), roomlog.Terms{})
	leaves.Wait(t, 1)
	cancel()
	mustAppend(t, log, room("a"), message("two"), roomlog.Terms{})
	stays.Wait(t, 2)
	if got := leaves.Wait(t, 1); len(got) != 1 {
		t.Errorf("got %d entries after cancel, want none", len(got)-1)
	}
}

func testRead(t *testing.T, log roomlog.Log) {
	var seqs []uint64
	for i := range 10 {
		seqs = append(seqs, mustAppend(t, log, room("a"), message(fmt.Sprint(i)), roomlog.Terms{}))
	}
	got, err := log.Read(context.Background(), room("a"), seqs[3], 4)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"4", "5", "6", "7"}, ids(got)); diff != "" {
		t.Error(diff)
	}
	if got, err = log.Read(context.Background(), room("a"), seqs[9], 4); err != nil || len(got) != 0 {
		t.Errorf("after the last entry: %d entries, %v", len(got), err)
	}
}

func testClosed(t *testing.T, log roomlog.Log) {
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), room("a"), message("m"), roomlog.Terms{}); !errors.Is(err, roomlog.ErrClosed) {
		t.Errorf("Append: %v, want ErrClosed", err)
	}
	if err := log.Admit(t.Context(), room("a"), 1); !errors.Is(err, roomlog.ErrClosed) {
		t.Errorf("Admit: %v, want ErrClosed", err)
	}
	if _, _, err := log.Subscribe(t.Context(), room("a"), NewCollector()); !errors.Is(err, roomlog.ErrClosed) {
		t.Errorf("Subscribe: %v, want ErrClosed", err)
	}
}
