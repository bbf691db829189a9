package main

import (
	"math"
	"math/rand/v2"
	"slices"
)

// kind is what happens.
type kind int

const (
	arrives kind = iota // an entry
	due                 // a shard
	done                // a core, with what it did
	knocks              // a viewer who comes back
)

type event struct {
	at    float64
	kind  kind
	shard *shard
	job   job
}

// events is a heap, the earliest first.
type events []event

func (e *events) push(x event) {
	h := append(*e, x)
	i := len(h) - 1
	for up := (i - 1) / 2; i > 0 && h[i].at < h[up].at; up = (i - 1) / 2 {
		h[i], h[up] = h[up], h[i]
		i = up
	}
	*e = h
}

func (e *events) pop() event {
	h := *e
	x, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; 2*i+1 < last; {
		least := 2*i + 1
		if least+1 < last && h[least+1].at < h[least].at {
			least++
		}
		if h[i].at <= h[least].at {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	*e = h
	return x
}

// shard is members of the room on a node. The entries from next on wait for it.
type shard struct {
	members int
	next    int
	first   float64 // when the oldest that waits came
	queued  bool
	turn    float64
}

// job is what a core does at a time: some writes of a shard, or a handshake.
type job struct {
	shard    *shard // nil is a handshake
	from, to int    // entries
	members  int    // as many as there were when it began
	written  int    // of the members
	now      int    // are written to this time
}

// node is a hub and its cores, as internal/hub has them: as many workers as cores,
// each with a shard until all its members have their write, letting others run after
// every 64 writes. Handshakes wait in the same line.
type node struct {
	s      scenario
	costs  *costs
	random *rand.Rand
	slow   float64

	now    float64
	queue  events
	shards []*shard
	size   int
	ready  []*shard // wait for a worker
	busy   int      // workers
	line   []job    // waits for a core
	free   int      // cores
	wire   float64  // when the network has sent all it has

	sent    []float64
	arrived int
	last    float64
	gap     float64
	window  float64

	seen latencies
	back []float64
	used float64
}

func newNode(c *costs, s scenario, number int, sent []float64, random *rand.Rand) *node {
	n := &node{s: s, costs: c, random: random, slow: 1, free: s.cores, sent: sent, gap: 1}
	if number == 0 && s.slow > 0 {
		n.slow = s.slow
	}
	return n
}

func (n *node) members(count int) {
	for range count {
		n.join()
	}
}

func (n *node) join() {
	n.size++
	if last := len(n.shards) - 1; last >= 0 && n.shards[last].members < shardSize {
		n.shards[last].members++
		return
	}
	n.shards = append(n.shards, &shard{members: 1, next: n.arrived})
}

// returning has viewers come back, at random and as fast as their tokens are claimed.
func (n *node) returning(count int, claims float64) {
	var at []float64
	for range count {
		at = append(at, warmUp+n.random.Float64()*n.s.within)
	}
	slices.Sort(at)
	free := 0.0
	for _, t := range at {
		free = max(free, t) + 1/claims
		n.queue.push(event{at: free, kind: knocks})
	}
}

// run goes on after the end until all that was sent is delivered.
func (n *node) run(end float64) {
	for len(n.queue) > 0 {
		e := n.queue.pop()
		n.now = e.at
		switch e.kind {
		case arrives:
			n.arrive()
		case due:
			n.ready = append(n.ready, e.shard)
		case knocks:
			n.line = append(n.line, job{})
		case done:
			n.free++
			n.finish(e.job, end)
		}
		n.dispatch(end)
	}
}

// arrive is Deliver of internal/hub.
func (n *node) arrive() {
	w := windowOf(float64(n.size))
	n.gap += (min(n.now-n.last, 1+8*w) - n.gap) / 4
	n.last = n.now
	if n.gap > 2*w || float64(n.size) < busyDeliveries*n.gap {
		w = 0
	}
	n.window = w
	n.arrived++
	for i, s := range n.shards {
		if s.next == n.arrived-1 {
			s.first = n.now
		}
		s.turn = w * float64(i) / float64(len(n.shards))
		if !s.queued {
			s.queued = true
			n.await(s)
		}
	}
}

// await has a shard flushed when it is due, at its turn in the window.
func (n *node) await(s *shard) {
	if n.window == 0 {
		n.ready = append(n.ready, s)
		return
	}
	since := math.Mod(s.first+n.window-s.turn, n.window)
	at := s.first + n.window - since
	if at <= n.now {
		n.ready = append(n.ready, s)
		return
	}
	n.queue.push(event{at: at, kind: due, shard: s})
}

// dispatch gives shards to workers that have none, and cores what waits for them.
func (n *node) dispatch(end float64) {
	for n.busy < n.s.cores && len(n.ready) > 0 {
		s := n.ready[0]
		n.ready = n.ready[1:]
		n.busy++
		n.line = append(n.line, job{shard: s, from: s.next, to: n.arrived, members: s.members})
		s.next = n.arrived
	}
	for n.free > 0 && len(n.line) > 0 {
		j := n.line[0]
		n.line = n.line[1:]
		n.free--
		takes := n.s.handshake
		if j.shard != nil {
			j.now = min(yieldEvery, j.members-j.written)
			takes = float64(j.now) * n.s.write * (1 + n.s.spread*(2*n.random.Float64()-1))
		}
		takes *= n.slow
		if n.now >= warmUp && n.now < end {
			n.used += takes
		}
		n.queue.push(event{at: n.now + takes, kind: done, job: j})
	}
}

func (n *node) finish(j job, end float64) {
	if j.shard == nil {
		n.join()
		n.back = append(n.back, n.now-warmUp)
		return
	}
	n.deliver(j, end)
	j.written += j.now
	if j.written < j.members {
		n.line = append(n.line, j)
		return
	}
	n.busy--
	if j.shard.queued = j.shard.next < n.arrived; j.shard.queued {
		n.await(j.shard)
	}
}

// deliver puts what was written on the network, after what is there.
func (n *node) deliver(j job, end float64) {
	at := n.now
	if n.s.network > 0 {
		bytes := float64(j.to-j.from) * n.costs.of("frame")
		if n.s.tls {
			bytes += n.costs.of("record")
		}
		n.wire = max(n.wire, n.now) + float64(j.now)*n.costs.onWire(bytes)/n.s.network
		at = n.wire
	}
	for k := j.from; k < j.to; k++ {
		if n.sent[k] >= warmUp && n.sent[k] < end {
			n.seen.add(at-n.sent[k], j.now)
		}
	}
}
