//go:build cluster

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
	"github.com/parleychat/parley/test/cluster"
)

// Of each seed: how many rooms and sessions, and how long things go wrong.
const rooms, sessions, shortRun = 50, 2000, 20 * time.Second

func number(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// TestChaos runs CHAOS_SEEDS seeds (1) from CHAOS_SEED (1) on, each for CHAOS_FOR
// seconds (20).
func TestChaos(t *testing.T) {
	c := cluster.Start(t)
	first := number(t, "CHAOS_SEED", 1)
	for seed := first; seed < first+number(t, "CHAOS_SEEDS", 1) && !t.Failed(); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			run(t, c, seed, time.Duration(number(t, "CHAOS_FOR", uint64(shortRun/time.Second)))*time.Second)
		})
	}
}

func run(t *testing.T, c *cluster.Cluster, seed uint64, d time.Duration) {
	f := &faults{Cluster: c, t: t, rand: rand.New(rand.NewPCG(seed, 0))}
	crowd := cluster.NewCrowd(t, c.Balancer)
	crowd.Torn = true
	bucket := fmt.Sprintf("seed-%d", seed)
	logging := c.LoggingConfiguration(t, bucket)
	logged := map[string]bool{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sending sync.WaitGroup
	for i := range rooms {
		var by []string
		if i%2 == 0 {
			by = []string{logging}
		}
		room := crowd.MakeRoom(t, []int{2, 5, 20}[i%3], by...)
		logged[room.ID] = by != nil
		speakers := gather(t, crowd, room, sessions/rooms)[:3]
		for _, s := range speakers {
			sending.Go(func() { crowd.Send(ctx, room, s, 700*time.Millisecond) })
		}
	}
	began := time.Now()
	wait := func(d time.Duration) { cluster.Within(d, func() bool { return false }) }
	names := f.run(d, wait)
	took := time.Since(began)
	for _, p := range c.NATS {
		cluster.Until(t, p.Name+" is well", p.Healthy)
	}
	for _, n := range c.Nodes {
		cluster.Until(t, n.Name+" is ready", func() bool { return n.Answers("/readyz") })
	}
	from := crowd.Accepted()
	cluster.Until(t, "messages are accepted at last", func() bool { return crowd.Accepted() > from+rooms })
	stop()
	sending.Wait()
	settled := crowd.Settle(20 * time.Second)
	crowd.Leave()
	var findings cluster.Findings
	var counts cluster.Counts
	cluster.Within(time.Minute, func() bool {
		records := c.Logged(t, bucket)
		findings, counts = crowd.Check(func(room string) []string {
			if !logged[room] {
				return nil
			}
			return append([]string{}, records[room]...)
		})
		return findings.Unlogged == 0
	})
	t.Logf("seed %d, %v, %d faults: %q", seed, took.Round(time.Second), len(names), names)
	t.Logf("%+v", counts)
	t.Logf("found: %+v", findings)
	if findings.Bad() || !settled {
		t.Errorf("all sessions have all of their rooms: %v", settled)
	}
	if counts.Accepted < rooms || counts.Delivered < counts.Accepted*sessions/rooms/4 {
		t.Errorf("too little was accepted or delivered to tell")
	}
}

// gather has so many users join a room.
func gather(t *testing.T, crowd *cluster.Crowd, room *ivschat.Room, n int) []*messaging.Room {
	t.Helper()
	var mu sync.Mutex
	var all []*messaging.Room
	var joining sync.WaitGroup
	for u := range n {
		joining.Go(func() {
			session, err := crowd.Join(t.Context(), room, fmt.Sprint("user-", u))
			if err != nil {
				t.Errorf("join: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, session)
		})
	}
	joining.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return slices.Clip(all)
}
