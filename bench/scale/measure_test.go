//go:build cluster && linux

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/hub"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/natslog"
	"github.com/parleychat/parley/test/cluster"
)

// These benchmarks measure what costs.json says was measured by them. They need
// TEST_NATS_SERVER, as the tests of test/cluster do. docs/scale.md says how each is run.

// payload is a message as viewers get it, without its frame's header.
var payload = []byte(`{"Type":"MESSAGE","Id":"` + strings.Repeat("i", 12) + `","RequestId":"` + strings.Repeat("r", 12) + `","Attributes":{},"Content":"` +
	strings.Repeat("c", 100) + `","SendTime":"2026-11-23T12:00:00.000Z","Sender":{"UserId":"` + strings.Repeat("u", 12) + `","Attributes":{}}}`)

func entry() roomlog.Entry {
	return roomlog.Entry{Kind: roomlog.KindMessage, ID: "abcdefghijkl", UserID: "viewer", Time: time.Now(), Payload: payload}
}

func roomNumber(i int) roomlog.Room {
	return roomlog.Room{Account: "123456789012", Region: "us-west-2", ID: fmt.Sprintf("room%08d", i)}
}

func openLog(b *testing.B, o natslog.Options) *natslog.Log {
	b.Helper()
	l, err := natslog.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

func urls(servers []*cluster.NATS) (list []string) {
	for _, s := range servers {
		list = append(list, s.URL())
	}
	return list
}

// percentiles reports latencies.
func percentiles(b *testing.B, all []time.Duration) {
	slices.Sort(all)
	for _, p := range []float64{50, 99} {
		at := int(math.Ceil(p/100*float64(len(all)))) - 1
		b.ReportMetric(float64(all[at].Nanoseconds())/1000, fmt.Sprintf("p%.0f-µs", p))
	}
}

// BenchmarkAppend appends to rooms of one stream: one at a time in one room, and in
// 200 rooms at once.
func BenchmarkAppend(b *testing.B) {
	for _, replicas := range []int{1, 3} {
		for _, memory := range []bool{false, true} {
			storage := map[bool]string{false: "file", true: "memory"}[memory]
			b.Run(fmt.Sprintf("R%d-%s", replicas, storage), func(b *testing.B) {
				servers := cluster.StartNATS(b, replicas)
				l := openLog(b, natslog.Options{URLs: urls(servers), Replicas: replicas, Memory: memory})
				for _, rooms := range []int{1, 200} {
					b.Run(fmt.Sprintf("rooms-%d", rooms), func(b *testing.B) { benchAppend(b, l, rooms) })
				}
			})
		}
	}
}

func benchAppend(b *testing.B, l *natslog.Log, rooms int) {
	for i := range rooms { // open them
		if _, err := l.Append(b.Context(), roomNumber(i), entry(), roomlog.Terms{}); err != nil {
			b.Fatal(err)
		}
	}
	var mu sync.Mutex
	var took []time.Duration
	var left atomic.Int64
	left.Store(int64(b.N))
	m := newMeter(b)
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range rooms {
		all.Go(func() {
			var mine []time.Duration
			for left.Add(-1) >= 0 {
				began := time.Now()
				if _, err := l.Append(context.Background(), roomNumber(i), entry(), roomlog.Terms{}); err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	all.Wait()
	m.report(float64(b.N))
	percentiles(b, took)
}

// BenchmarkOneRoomManyNodes has nodes append to one room, 100 a second in all, at
// random times: what a node does not know yet costs it another round.
func BenchmarkOneRoomManyNodes(b *testing.B) {
	servers := cluster.StartNATS(b, 3)
	for _, nodes := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("nodes-%d", nodes), func(b *testing.B) {
			var logs []*natslog.Log
			for range nodes {
				l := openLog(b, natslog.Options{URLs: urls(servers)})
				_, cancel, err := l.Subscribe(b.Context(), roomNumber(nodes), counter{new(atomic.Int64)})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(cancel)
				logs = append(logs, l)
			}
			took := make([]time.Duration, b.N)
			random := rand.New(rand.NewPCG(1, 1))
			m := newMeter(b)
			next := time.Now()
			var all sync.WaitGroup
			for i := range took {
				next = next.Add(time.Duration(random.ExpFloat64() * float64(10*time.Millisecond)))
				time.Sleep(time.Until(next))
				l := logs[random.IntN(nodes)]
				all.Go(func() {
					began := time.Now()
					if _, err := l.Append(context.Background(), roomNumber(nodes), entry(), roomlog.Terms{}); err != nil {
						b.Error(err)
					}
					took[i] = time.Since(began)
				})
			}
			all.Wait()
			m.report(float64(b.N))
			percentiles(b, took)
		})
	}
}

// counter is a roomlog.Subscriber, and a hub.Conn, that counts.
type counter struct{ n *atomic.Int64 }

func (c counter) Deliver(roomlog.Room, roomlog.Entry)   { c.n.Add(1) }
func (c counter) Write([]byte) bool                     { c.n.Add(1); return true }
func (c counter) WriteThenClose([]byte, uint16, string) {}
func (c counter) reached(b *testing.B, n int64, what string) {
	b.Helper()
	cluster.Until(b, what, func() bool { return c.n.Load() >= n })
}

// BenchmarkFanout publishes 300 bytes to so many connections of one server, each a
// node's. With 1 in flight nothing shares a write; with 16, as much as falls together.
func BenchmarkFanout(b *testing.B) {
	server := cluster.StartNATS(b, 1)[0]
	message := "PUB bench.room 300\r\n" + strings.Repeat("x", 300) + "\r\n"
	for _, n := range []int{1, 10, 100, 300} {
		for _, flight := range []int{1, 16} {
			b.Run(fmt.Sprintf("nodes-%d/flight-%d", n, flight), func(b *testing.B) {
				got := counter{new(atomic.Int64)}
				done := make(chan struct{}, flight)
				var readers sync.WaitGroup
				var conns []*wire
				for range n {
					w := dial(b, server.Address)
					conns = append(conns, w)
					w.send(b, "SUB bench.room 1\r\nPING\r\n")
					w.pong(b)
					readers.Go(func() {
						for {
							if _, _, err := w.next(); err != nil {
								return
							}
							if got.n.Add(1)%int64(n) == 0 {
								done <- struct{}{}
							}
						}
					})
				}
				from := dial(b, server.Address)
				for range flight {
					done <- struct{}{}
				}
				m := newMeter(b)
				b.ResetTimer()
				for range b.N {
					<-done
					from.send(b, message)
				}
				got.reached(b, int64(b.N)*int64(n), "all messages")
				m.report(float64(b.N))
				for _, w := range conns {
					w.Close()
				}
				for range flight {
					select {
					case <-done:
					default:
					}
				}
				readers.Wait()
			})
		}
	}
}

// BenchmarkReceive has a node take entries of rooms in each of which it has one
// member, a socket that only counts, and measures the node's CPU time. The entries
// come from a wire of ours, whose own time is taken off.
func BenchmarkReceive(b *testing.B) {
	server := cluster.StartNATS(b, 1)[0]
	for _, flight := range []int{1, 64} {
		b.Run(fmt.Sprintf("flight-%d", flight), func(b *testing.B) {
			l := openLog(b, natslog.Options{URLs: []string{server.URL()}})
			got := counter{new(atomic.Int64)}
			var want atomic.Int64
			reached := make(chan struct{}, 1)
			h := hub.New(l, hub.Options{Delivered: func(_ roomlog.Kind, n int) {
				if got.n.Add(int64(n)) == want.Load() {
					reached <- struct{}{}
				}
			}})
			b.Cleanup(h.Close)
			member, err := h.Join(b.Context(), roomNumber(1), "viewer", counter{new(atomic.Int64)})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(member.Leave)
			w := dial(b, server.Address)
			w.send(b, "SUB parley.deliver.> 1\r\nPING\r\n")
			w.pong(b)
			first, err := l.Append(b.Context(), roomNumber(1), entry(), roomlog.Terms{})
			if err != nil {
				b.Fatal(err)
			}
			line, body, err := w.next()
			if err != nil {
				b.Fatal(err)
			}
			overhead := float64(len(line) + len(body) + 2 - len(payload))
			subject := strings.Fields(line)[1]
			_, text, _ := strings.Cut(string(body), "\r\n\r\n")
			w.send(b, "UNSUB 1\r\nPING\r\n")
			w.pong(b)
			got.reached(b, 1, "the first entry")

			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			m := newMeter(b)
			ours := ownCPU(syscall.RUSAGE_THREAD) // after the meter, whose own work is before its time
			b.ResetTimer()
			for sent := 0; sent < b.N; {
				var out strings.Builder
				for range min(flight, b.N-sent) {
					sent++
					head := fmt.Sprintf("NATS/1.0\r\nNats-Sequence: %d\r\n\r\n", first+uint64(sent))
					fmt.Fprintf(&out, "HPUB %s %d %d\r\n%s%s\r\n", subject, len(head), len(head)+len(text), head, text)
				}
				want.Store(int64(sent + 1))
				w.send(b, out.String())
				<-reached
			}
			b.StopTimer()
			node := ownCPU(syscall.RUSAGE_SELF) - m.own - (ownCPU(syscall.RUSAGE_THREAD) - ours)
			m.report(float64(b.N))
			b.ReportMetric(overhead, "overhead-B")
			b.ReportMetric(float64(node.Microseconds())/float64(b.N), "node-µs/op")
		})
	}
}

// BenchmarkOpenRooms opens rooms, one member in each, and measures what each holds.
func BenchmarkOpenRooms(b *testing.B) {
	server := cluster.StartNATS(b, 1)[0]
	l := openLog(b, natslog.Options{URLs: []string{server.URL()}})
	h := hub.New(l, hub.Options{})
	b.Cleanup(h.Close)
	nobody := counter{new(atomic.Int64)}
	m := newMeter(b)
	before, stored := heap(), residentKB(b, m.pids[0])
	m.reset()
	b.ResetTimer()
	members := make([]*hub.Member, 0, b.N)
	for i := range b.N {
		member, err := h.Join(b.Context(), roomNumber(i), "viewer", nobody)
		if err != nil {
			b.Fatal(err)
		}
		members = append(members, member)
	}
	m.report(float64(b.N))
	b.StopTimer()
	b.ReportMetric((heap()-before)/float64(b.N), "node-B/op")
	b.ReportMetric(1024*(residentKB(b, m.pids[0])-stored)/float64(b.N), "server-B/op")
	for _, member := range members {
		member.Leave()
	}
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc + s.StackInuse)
}
