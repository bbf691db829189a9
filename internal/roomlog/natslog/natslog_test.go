//go:build cluster

package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/natslog"
	"github.com/parleychat/parley/internal/roomlog/roomlogtest"
	"github.com/parleychat/parley/test/cluster"
)

var streams atomic.Int64

// opener opens logs on one stream, which is new.
func opener(t *testing.T, urls ...string) func(change ...func(*natslog.Options)) *natslog.Log {
	name := fmt.Sprint("test", streams.Add(1))
	return func(change ...func(*natslog.Options)) *natslog.Log {
		t.Helper()
		o := natslog.Options{URLs: urls, Name: name, Logger: slog.New(slog.DiscardHandler)}
		for _, c := range change {
			c(&o)
		}
		l, err := natslog.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
}

func TestConformance(t *testing.T) {
	server := cluster.StartNATS(t, 1)[0]
	roomlogtest.Run(t, func(t *testing.T) roomlog.Log { return opener(t, server.URL())() })
}

var where = roomlog.Room{Account: "123456789012", Region: "us-west-2", ID: "abcdABCDefgh"}

func message(id string) roomlog.Entry {
	return roomlog.Entry{Kind: roomlog.KindMessage, ID: id, Time: time.Now(), Payload: []byte(`{"Id":"` + id + `"}`)}
}

func follow(t *testing.T, l roomlog.Log) *roomlogtest.Collector {
	t.Helper()
	c := roomlogtest.NewCollector()
	_, cancel, err := l.Subscribe(t.Context(), where, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	return c
}

// same holds what nodes saw to one order without gaps and doubles.
func same(t *testing.T, n int, collectors ...*roomlogtest.Collector) []roomlog.Entry {
	t.Helper()
	first := collectors[0].Wait(t, n)
	for i, c := range collectors {
		got := c.Wait(t, n)
		if len(got) != len(first) {
			t.Fatalf("node %d saw %d entries, node 0 %d", i, len(got), len(first))
		}
		for k := range got {
			if got[k].ID != first[k].ID || got[k].Seq != first[k].Seq {
				t.Fatalf("entry %d is %s (%d) on node %d, %s (%d) on node 0", k, got[k].ID, got[k].Seq, i, first[k].ID, first[k].Seq)
			}
			if k > 0 && (got[k].Seq <= got[k-1].Seq || got[k].Prev != got[k-1].Seq) {
				t.Fatalf("node %d: entry %d has place %d after %d, and names %d before it", i, k, got[k].Seq, got[k-1].Seq, got[k].Prev)
			}
		}
	}
	return first
}

func TestThreeNodesSeeOneOrder(t *testing.T) {
	open := opener(t, cluster.StartNATS(t, 1)[0].URL())
	var logs []*natslog.Log
	var seen []*roomlogtest.Collector
	for range 3 {
		logs = append(logs, open())
		seen = append(seen, follow(t, logs[len(logs)-1]))
	}
	const each = 100
	var all sync.WaitGroup
	for n, l := range logs {
		for w := range 2 {
			all.Go(func() {
				for i := range each {
					terms := roomlog.Terms{}
					if i%3 == 0 {
						terms.LoggingConfigurations = []string{"arn"}
					}
					if _, err := l.Append(t.Context(), where, message(fmt.Sprintf("%d-%d-%d", n, w, i)), terms); err != nil {
						t.Errorf("node %d: %v", n, err)
					}
				}
			})
		}
	}
	all.Wait()
	same(t, 6*each, seen...)
}

func TestARateHoldsAcrossNodes(t *testing.T) {
	open := opener(t, cluster.StartNATS(t, 1)[0].URL())
	logs := []*natslog.Log{open(), open(), open()}
	seen := follow(t, logs[0])
	const rate = 20
	var mu sync.Mutex
	refused := 0
	end := time.Now().Add(2500 * time.Millisecond)
	var all sync.WaitGroup
	for n, l := range logs {
		all.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				var err error
				if i%2 == 0 {
					_, err = l.Append(t.Context(), where, message(fmt.Sprintf("%d-%d", n, i)), roomlog.Terms{Rate: rate})
				} else if err = l.Admit(t.Context(), where, rate); err == nil {
					_, err = l.Append(t.Context(), where, message(fmt.Sprintf("%d-%d", n, i)), roomlog.Terms{})
				}
				switch {
				case errors.Is(err, roomlog.ErrRate):
					mu.Lock()
					refused++
					mu.Unlock()
				case err != nil:
					t.Errorf("node %d: %v", n, err)
				}
			}
		})
	}
	all.Wait()
	entries := seen.Wait(t, 2*rate)
	if refused == 0 {
		t.Error("nothing was refused")
	}
	// An entry's time is from before it was counted: allow for the longest way.
	times := make([]time.Time, 0, len(entries))
	for _, e := range entries {
		times = append(times, e.Time)
	}
	slices.SortFunc(times, time.Time.Compare)
	for i := rate; i < len(times); i++ {
		if gap := times[i].Sub(times[i-rate]); gap < 800*time.Millisecond {
			t.Errorf("messages %d to %d came within %v", i-rate, i, gap)
		}
	}
}

func TestANodeThatWasCutOffMissesNothing(t *testing.T) {
	server := cluster.StartNATS(t, 1)[0]
	link := cluster.NewLink(t, server.Address)
	open := opener(t, server.URL())
	near := open()
	far := open(func(o *natslog.Options) { o.URLs, o.Wait = []string{"nats://" + link.Address}, 2*time.Second })
	a, b := follow(t, near), follow(t, far)
	n := 0
	some := func(count int) {
		for range count {
			if _, err := near.Append(t.Context(), where, message(fmt.Sprint(n)), roomlog.Terms{}); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	some(20)
	same(t, n, a, b)
	link.Cut()
	some(50)
	began := time.Now()
	if _, err := far.Append(t.Context(), where, message("nowhere"), roomlog.Terms{}); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("an append of a node that is cut off: %v after %v", err, time.Since(began))
	}
	link.Mend()
	some(10)
	cluster.Until(t, "the node has what it missed", func() bool { return len(b.Wait(t, 0)) >= n })
	link.Reset()
	some(50)
	b.Wait(t, n)
	// What was cut off may have been stored when the link was mended.
	got, want := b.Wait(t, n), a.Wait(t, n)
	cluster.Until(t, "both have the same", func() bool {
		got, want = b.Wait(t, n), a.Wait(t, n)
		return len(got) == len(want)
	})
	same(t, n, a, b)
}

func TestAServerThatWasKilledForgetsNothing(t *testing.T) {
	server := cluster.StartNATS(t, 1)[0]
	open := opener(t, server.URL())
	one, two := open(), open()
	a, b := follow(t, one), follow(t, two)
	accepted := 0
	for i := range 60 {
		if i == 20 {
			server.Kill()
		}
		if i == 22 {
			server.Start(t)
		}
		if _, err := one.Append(t.Context(), where, message(fmt.Sprint(i)), roomlog.Terms{}); err == nil {
			accepted++
		}
	}
	if accepted < 55 {
		t.Errorf("%d of 60 were accepted, 2 or so of them sent while the server was gone", accepted)
	}
	cluster.Until(t, "both nodes have all that was accepted", func() bool {
		return len(a.Wait(t, 0)) >= accepted && len(a.Wait(t, 0)) == len(b.Wait(t, 0))
	})
	same(t, accepted, a, b)
}

func TestARoomThatTheStreamForgotGoesOn(t *testing.T) {
	open := opener(t, cluster.StartNATS(t, 1)[0].URL())
	short := func(o *natslog.Options) { o.Keep = time.Second }
	one, two := open(short), open(short)
	a, b := follow(t, one), follow(t, two)
	for i := range 3 {
		if _, err := one.Append(t.Context(), where, message(fmt.Sprint(i)), roomlog.Terms{Rate: 10}); err != nil {
			t.Fatal(err)
		}
	}
	stranger := open(short) // who has nothing of the room but what the stream has
	cluster.Until(t, "the stream has forgotten", func() bool {
		left, err := stranger.Read(t.Context(), where, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 0
	})
	for i := range 3 {
		if _, err := two.Append(t.Context(), where, message(fmt.Sprint("later", i)), roomlog.Terms{Rate: 10}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, 6, a, b)
	three := open(short)
	c := follow(t, three)
	if _, err := three.Append(t.Context(), where, message("new"), roomlog.Terms{Rate: 10}); err != nil {
		t.Fatal(err)
	}
	c.Wait(t, 1)
	same(t, 7, a, b)
}

// An entry that is to be logged stays for days, one that comes after it for minutes.
func TestARoomGoesOnAfterAnEntryThatStays(t *testing.T) {
	open := opener(t, cluster.StartNATS(t, 1)[0].URL())
	l := open(func(o *natslog.Options) { o.Keep = time.Second })
	seen := follow(t, l)
	if _, err := l.Append(t.Context(), where, message("logged"), roomlog.Terms{LoggingConfigurations: []string{"arn"}}); err != nil {
		t.Fatal(err)
	}
	stranger := open()
	last, err := l.Append(t.Context(), where, message("not logged"), roomlog.Terms{})
	if err != nil {
		t.Fatal(err)
	}
	cluster.Until(t, "the stream has forgotten the last entry", func() bool {
		left, err := stranger.Read(t.Context(), where, last-1, 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 0
	})
	for i := range 2 {
		if _, err := l.Append(t.Context(), where, message(fmt.Sprint(i)), roomlog.Terms{}); err != nil {
			t.Fatal(err)
		}
	}
	seen.Wait(t, 4)
}

// A server that was stopped for a while answers before it has caught up.
func TestAReadIsWholeFromAServerThatIsBehind(t *testing.T) {
	servers := cluster.StartNATS(t, 3)
	with := func(servers ...*cluster.NATS) func(*natslog.Options) {
		return func(o *natslog.Options) {
			o.URLs, o.Name, o.Replicas = nil, "behind", 3
			for _, s := range servers {
				o.URLs = append(o.URLs, s.URL())
			}
		}
	}
	open := opener(t)
	open(with(servers...))
	cluster.Until(t, "the stream has a leader", func() bool {
		return slices.ContainsFunc(servers, func(s *cluster.NATS) bool { return s.Leads("behind") })
	})
	at := slices.IndexFunc(servers, func(s *cluster.NATS) bool { return !s.Leads("behind") })
	follower := servers[at]
	near, far := open(with(slices.Delete(slices.Clone(servers), at, at+1)...)), open(with(follower))
	var last uint64
	for round := range 10 {
		follower.Pause()
		after, n := last, 50
		for i := range n {
			var err error
			if last, err = near.Append(t.Context(), where, message(fmt.Sprint(round, "-", i)), roomlog.Terms{}); err != nil {
				t.Fatal(err)
			}
		}
		follower.Resume()
		got, err := far.Read(t.Context(), where, after, 2*n)
		if err != nil || len(got) != n {
			t.Fatalf("round %d: %d of %d entries, %v", round, len(got), n, err)
		}
	}
}

// BenchmarkAppend appends through one node and through three, to rooms of which each
// node has as many: three servers.
func BenchmarkAppend(b *testing.B) {
	var urls []string
	for _, s := range cluster.StartNATS(b, 3) {
		urls = append(urls, s.URL())
	}
	for _, nodes := range []int{1, 3} {
		b.Run(fmt.Sprintf("nodes-%d", nodes), func(b *testing.B) {
			var logs []*natslog.Log
			for range nodes {
				l, err := natslog.Open(b.Context(), natslog.Options{URLs: urls})
				if err != nil {
					b.Fatal(err)
				}
				defer l.Close()
				logs = append(logs, l)
			}
			for _, rooms := range []int{1, 150} {
				b.Run(fmt.Sprintf("rooms-%d", rooms), func(b *testing.B) {
					var left atomic.Int64
					left.Store(int64(b.N))
					var all sync.WaitGroup
					for i := range max(rooms, nodes) { // one room: all nodes append to it
						room := where
						room.ID = fmt.Sprintf("room%08d", i%rooms)
						all.Go(func() {
							for left.Add(-1) >= 0 {
								if _, err := logs[i%nodes].Append(context.Background(), room, message("x"), roomlog.Terms{}); err != nil {
									b.Error(err)
									return
								}
							}
						})
					}
					all.Wait()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
				})
			}
		})
	}
}
