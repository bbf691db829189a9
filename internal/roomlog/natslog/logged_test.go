//go:build cluster

package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/natslog"
	"github.com/parleychat/parley/test/cluster"
)

// shelf is where a reader puts what is to be logged, with the place of the last.
type shelf struct {
	mu       sync.Mutex
	position uint64
	ids      map[string][]string // by room
	times    int
}

var errPut = errors.New("the shelf is stuck")

// put fails now and then, and then keeps nothing.
func (s *shelf) put(records []roomlog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times++; s.times%3 == 2 {
		return errPut
	}
	for _, r := range records {
		s.ids[r.Room.ID] = append(s.ids[r.Room.ID], r.Entry.ID)
	}
	s.position = records[len(records)-1].Entry.Seq
	return nil
}

func (s *shelf) place() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

func (s *shelf) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ids := range s.ids {
		n += len(ids)
	}
	return n
}

// fill has the shelf filled from one of the logs after the other until the test ends.
func (s *shelf) fill(t *testing.T, logs ...*natslog.Log) {
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			l := logs[i%len(logs)]
			err := l.Logged(ctx, l.Origin(), s.place(), s.put)
			if err == nil {
				t.Error("reading ended without an error")
			}
		}
	})
	t.Cleanup(func() { stop(); done.Wait() })
}

func TestWhatIsToBeLoggedIsReadOnceAndInOrder(t *testing.T) {
	server := cluster.StartNATS(t, 1)[0]
	open := opener(t, server.URL())
	logs := []*natslog.Log{open(), open()}
	s := &shelf{ids: map[string][]string{}}
	s.fill(t, logs...)
	accepted := map[string][]string{}
	var mu sync.Mutex
	n := 0
	send := func(count int) {
		var all sync.WaitGroup
		for r := range 3 {
			all.Go(func() {
				room := where
				room.ID = fmt.Sprintf("room%08d", r)
				for i := range count {
					terms := roomlog.Terms{LoggingConfigurations: []string{"arn"}}
					if i%4 == 3 {
						terms.LoggingConfigurations = nil
					}
					id := fmt.Sprintf("%d-%d-%d", count, r, i)
					if _, err := logs[i%2].Append(t.Context(), room, message(id), terms); err != nil {
						t.Errorf("append: %v", err)
					} else if terms.LoggingConfigurations != nil {
						mu.Lock()
						accepted[room.ID] = append(accepted[room.ID], id)
						n++
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
	}
	send(50)
	server.Kill()
	server.Start(t)
	cluster.Until(t, "NATS is in reach again", func() bool { return logs[0].Reachable() && logs[1].Reachable() })
	send(40)
	cluster.Until(t, "all is read", func() bool { return s.count() >= n })
	for room, ids := range accepted {
		if fmt.Sprint(s.ids[room]) != fmt.Sprint(ids) {
			t.Errorf("room %s: read were\n%v, accepted\n%v", room, s.ids[room], ids)
		}
	}
}

func TestWhatWasReadLeavesTheStream(t *testing.T) {
	server := cluster.StartNATS(t, 1)[0]
	open := opener(t, server.URL())
	log := open(func(o *natslog.Options) { o.Keep = time.Second })
	seen := follow(t, log)
	logged := roomlog.Terms{LoggingConfigurations: []string{"arn"}}
	for i := range 10 {
		if _, err := log.Append(t.Context(), where, message(fmt.Sprint(i)), logged); err != nil {
			t.Fatal(err)
		}
	}
	s := &shelf{ids: map[string][]string{}}
	s.fill(t, log)
	stranger := open() // who has nothing of the room but what the stream has
	cluster.Until(t, "the stream is empty", func() bool {
		left, err := stranger.Read(t.Context(), where, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 0
	})
	if s.count() != 10 {
		t.Errorf("%d entries left the stream unread", 10-s.count())
	}
	if _, err := log.Append(t.Context(), where, message("more"), logged); err != nil {
		t.Fatal(err)
	}
	same(t, 11, seen)
	cluster.Until(t, "the next is read", func() bool { return s.count() == 11 })
}

func TestAStreamThatIsGoneIsMadeAnew(t *testing.T) {
	server := cluster.StartNATS(t, 1)[0]
	open := opener(t, server.URL())
	var name string
	remember := func(o *natslog.Options) { name = o.Name }
	one, two := open(remember), open()
	a, b := follow(t, one), follow(t, two)
	append := func(id string) error {
		_, err := one.Append(t.Context(), where, message(id), roomlog.Terms{})
		return err
	}
	for i := range 5 {
		if err := append(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	same(t, 5, a, b)
	origin := one.Origin()
	conn, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	cluster.Until(t, "entries are taken again", func() bool { return append("later") == nil })
	if one.Origin() == origin {
		t.Error("the new stream has the origin of the old")
	}
	err = one.Logged(t.Context(), origin, 0, func([]roomlog.Record) error { return errPut })
	if err == nil || errors.Is(err, errPut) {
		t.Errorf("reading on from places of the old stream: %v", err)
	}
	cluster.Until(t, "both nodes have what was sent", func() bool { return len(a.Wait(t, 0)) > 5 && len(b.Wait(t, 0)) > 5 })
	if last := b.Wait(t, 6)[5]; last.ID != "later" {
		t.Errorf("the other node has %s", last.ID)
	}
}
