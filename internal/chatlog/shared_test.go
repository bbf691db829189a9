package chatlog_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/chatlog"
	stored "github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// locks are the lanes of servers that share an outbox.
type locks struct {
	mu     sync.Mutex
	owners map[string]string
	taken  int // how often a lane changed hands
}

type server struct {
	*locks
	name string
}

func (s server) HoldLane(_ context.Context, lc string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[lc] == "" {
		s.owners[lc] = s.name
		s.taken++
	}
	return s.owners[lc] == s.name, nil
}

func (s server) ReleaseLane(_ context.Context, lc string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[lc] == s.name {
		delete(s.owners, lc)
	}
	return nil
}

// gone is what a database does when a server's connection ends.
func (s server) gone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for lc, name := range s.owners {
		if name == s.name {
			delete(s.owners, lc)
		}
	}
}

func (l *locks) counts(names ...string) (counts []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		n := 0
		for _, owner := range l.owners {
			if owner == name {
				n++
			}
		}
		counts = append(counts, n)
	}
	return counts
}

// Lanes that always have records are spread over the servers there are, who ship each
// record once and in order while some end and others come.
func TestServersShareTheLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, l := newOutbox(), &locks{owners: map[string]string{}}
		p := &place{limits: chatlog.Limits{Records: 100, Bytes: 1 << 20, Age: 300 * time.Millisecond}, took: map[string][]string{}}
		var servers atomic.Int64
		start := func(name string) (stop func()) {
			s, err := chatlog.NewShipper(t.Context(), chatlog.ShipperOptions{
				Outbox: o, Shared: server{l, name}, Servers: func() int { return int(servers.Load()) }, Observer: &counts{}, Logger: slog.New(slog.DiscardHandler),
				Open: func(string, string, ivschat.DestinationConfiguration) (chatlog.Destination, error) { return p, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				s.Close(t.Context())
				server{l, name}.gone()
			}
		}
		const lanes = 9
		sent := map[string][]string{}
		chat := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				for i := range lanes {
					room, id := fmt.Sprintf("room%08d", i), fmt.Sprint(len(sent[fmt.Sprintf("room%08d", i)]))
					lc := fmt.Sprintf("arn:aws:ivschat:us-west-2:123456789012:logging-configuration/aaaaaaaaaaa%d", i)
					o.append(stored.OutboxRecord{
						Tenant: stored.Tenant{Account: "123456789012", Region: "us-west-2"}, RoomID: room,
						LoggingConfigurations: []string{lc}, EntryID: id, Type: "MESSAGE", Time: time.Now(), Payload: []byte("{}"),
					})
					sent[room] = append(sent[room], id)
				}
			}
		}
		servers.Store(3)
		var stops []func()
		for _, name := range []string{"a", "b", "c"} {
			stops = append(stops, start(name))
		}
		chat(10 * time.Second)
		if got := l.counts("a", "b", "c"); !slices.Equal(got, []int{3, 3, 3}) {
			t.Errorf("three servers hold %v", got)
		}
		servers.Store(2)
		stops[2]()
		chat(10 * time.Second)
		if got := l.counts("a", "b"); got[0]+got[1] != lanes || min(got[0], got[1]) != 4 {
			t.Errorf("two servers hold %v", got)
		}
		servers.Store(3)
		stops[2] = start("c")
		chat(20 * time.Second)
		if got := l.counts("a", "b", "c"); !slices.Equal(got, []int{3, 3, 3}) {
			t.Errorf("three servers hold %v once one has come back", got)
		}
		before := l.taken
		chat(20 * time.Second)
		if l.taken != before {
			t.Errorf("lanes changed hands %d times although nothing else changed", l.taken-before)
		}
		servers.Store(5) // two of which do nothing
		chat(time.Minute)
		time.Sleep(time.Minute) // no lane waits longer for them
		if list, err := o.OutboxWaiting(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("%d records wait for servers that do nothing", len(list))
		}
		for _, stop := range stops {
			stop()
		}
		for room, ids := range sent {
			if got := p.got(room); !slices.Equal(got, ids) {
				t.Errorf("%s: %d records were sent, and %d came, or in another order", room, len(ids), len(got))
			}
		}
	})
}
