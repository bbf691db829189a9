package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// scenario is one room, whose viewers are spread evenly over nodes.
type scenario struct {
	viewers, nodes int
	rate           float64 // messages a second
	cores          int     // of a node
	write          float64 // seconds of a core
	spread         float64 // a write takes up to this part more or less
	network        float64 // bits a second of a node, to viewers; 0 is without end
	tls            bool
	log            bool    // entries come over NATS, else they are there at once
	slow           float64 // one node takes so many times as long, and only it is looked at
	lost           bool    // one node more was there, and is lost when measuring begins
	within         float64 // seconds in which its viewers try again
	handshake      float64 // seconds of a core
	seed           uint64
}

// Measuring begins when the hub knows that the room is busy, and takes measured seconds.
const warmUp, measured = 2.0, 6.0

// sampled is how many nodes are simulated of many: apart from the slow one they differ
// by chance only.
const sampled = 10

// outcome is what viewers saw.
type outcome struct {
	seen latencies
	busy float64   // part of the nodes' cores in use, on average
	back []float64 // when viewers of the lost node were back, in seconds after it
	lost int       // viewers of the lost node
}

// latencies is how many deliveries took how long, in steps of half a millisecond.
type latencies struct {
	steps []int
	n     int
	most  float64
}

const step = 0.0005

func (h *latencies) add(seconds float64, n int) {
	at := int(seconds / step)
	for len(h.steps) <= at {
		h.steps = append(h.steps, make([]int, at+1)...)
	}
	h.steps[at] += n
	h.n += n
	h.most = max(h.most, seconds)
}

func (h *latencies) merge(o latencies) {
	for at, n := range o.steps {
		if n > 0 {
			h.add((float64(at)+0.5)*step, n)
		}
	}
	h.most = max(h.most, o.most)
}

// percentile is in seconds.
func (h *latencies) percentile(p float64) float64 {
	left := int(math.Ceil(p / 100 * float64(h.n)))
	for at, n := range h.steps {
		if left -= n; left <= 0 {
			return float64(at+1) * step
		}
	}
	return h.most
}

// run simulates the scenario: when messages are sent and stored, then each node.
func (c *costs) run(s scenario) outcome {
	random := rand.New(rand.NewPCG(s.seed, 0))
	sent, stored := c.messages(s, random)
	var o outcome
	lost := 0
	if s.lost {
		lost = s.viewers / (s.nodes + 1)
	}
	o.lost = lost
	used := 0.0
	numbers := sample(s)
	for _, i := range numbers {
		n := newNode(c, s, i, sent, rand.New(rand.NewPCG(s.seed, uint64(i)+1)))
		n.members((s.viewers - lost) / s.nodes)
		for _, at := range stored {
			n.queue.push(event{at: at + c.way(s, i), kind: arrives})
		}
		n.returning(lost/s.nodes, c.of("use")*c.of("claims")/float64(s.nodes))
		n.run(warmUp + measured)
		o.seen.merge(n.seen)
		o.back = append(o.back, n.back...)
		used += n.used
	}
	slices.Sort(o.back)
	o.busy = used / (measured * float64(len(numbers)*s.cores))
	return o
}

// sample is the nodes that are simulated: the slow one, or some from first to last.
func sample(s scenario) (numbers []int) {
	if s.slow > 0 {
		return []int{0}
	}
	count := min(s.nodes, sampled)
	for i := range count {
		numbers = append(numbers, i*s.nodes/count)
	}
	return numbers
}

// messages is when each message was sent, at random within its turn, and when it had
// its place in the log, in the order of the log.
func (c *costs) messages(s scenario, random *rand.Rand) (sent, stored []float64) {
	p50, p99 := c.seconds("contended-p50"), c.seconds("contended-p99")
	spread := math.Log(p99/p50) / 2.326 // that of a log-normal distribution
	type message struct{ sent, stored float64 }
	var all []message
	for i := range int((warmUp + measured) * s.rate) {
		at := (float64(i) + random.Float64()) / s.rate
		m := message{at, at}
		if s.log {
			m.stored += p50 * math.Exp(spread*random.NormFloat64())
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b message) int { return cmp.Compare(a.stored, b.stored) })
	for _, m := range all {
		sent, stored = append(sent, m.sent), append(stored, m.stored)
	}
	return sent, stored
}

// way is how long a stored entry takes to a node: to its NATS server, after the
// server's other nodes, to the node.
func (c *costs) way(s scenario, node int) float64 {
	if !s.log {
		return 0
	}
	return 2*c.seconds("hop") + float64(node/first)*c.seconds("fanout") + c.seconds("receive")
}
