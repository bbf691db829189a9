package main

import "math"

// The hub's own rules, of internal/hub: when frames share a write.
const (
	shardSize      = 256
	window         = 0.016  // seconds
	busyDeliveries = 10_000 // a second, of a room on a node
	wideRoom       = 2_000  // members from which on the window grows
	widest         = 10     // times
	yieldEvery     = 64     // writes after which a worker lets others run
)

// load is viewers in rooms of a size, each room with messages at a rate.
type load struct {
	viewers, members, rate float64
	together               bool // a room's viewers are on as few nodes as hold them
}

func (l load) rooms() float64      { return l.viewers / l.members }
func (l load) messages() float64   { return l.rooms() * l.rate }
func (l load) deliveries() float64 { return l.messages() * l.members }

// nodesOf is how many of n nodes a room is open on. Viewers who take a node by chance
// leave some nodes out where they are few.
func (l load) nodesOf(n float64) float64 {
	if l.together {
		return max(1, l.members*n/l.viewers)
	}
	if n == 1 {
		return 1
	}
	return -n * math.Expm1(l.members*math.Log1p(-1/n))
}

// entries is how many entries a second reach nodes, all together.
func (l load) entries(n float64) float64 { return l.messages() * l.nodesOf(n) }

// windowOf is how long the entries of a room wait for others, by its members on a node.
func windowOf(local float64) float64 {
	return window * min(max(local, wideRoom), widest*wideRoom) / wideRoom
}

// share is how many frames share a write: those of a window in which there are any.
func share(local, rate float64) float64 {
	w := windowOf(local)
	if 1/rate > 2*w || local*rate < busyDeliveries {
		return 1
	}
	return rate * w / -math.Expm1(-rate*w)
}

func (l load) share(n float64) float64  { return share(l.members/l.nodesOf(n), l.rate) }
func (l load) writes(n float64) float64 { return l.deliveries() / l.share(n) }

// either is a cost of an entry on its way to a node, or what it is where entries are
// so many that they share writes and reads.
func (c *costs) either(name string, perNode float64) float64 {
	if perNode >= c.of("shared-from") {
		return c.seconds(name + "-shared")
	}
	return c.seconds(name)
}

// cpu is CPU seconds a second of all n nodes.
func (c *costs) cpu(l load, n float64, tls bool) float64 {
	write := c.seconds("write")
	if tls {
		write += c.seconds("write-tls")
	}
	return l.messages()*(c.seconds("message")+c.seconds("append-node")) +
		l.entries(n)*c.either("receive", l.entries(n)/n) +
		l.writes(n)*write
}

// memory is bytes of all n nodes, with TLS.
func (c *costs) memory(l load, n float64) float64 {
	return l.viewers*(c.of("connection-tls")+c.of("connection-kernel")) + l.rooms()*l.nodesOf(n)*c.of("room")
}

// onWire is the bits that so many bytes take which are written at once.
func (c *costs) onWire(bytes float64) float64 {
	return 8 * (bytes + math.Ceil(bytes/c.of("segment"))*c.of("segment-headers"))
}

// network is bits a second of all n nodes, to viewers.
func (c *costs) network(l load, n float64) float64 {
	return l.writes(n) * c.onWire(l.share(n)*c.of("frame")+c.of("record"))
}

// least is the fewest nodes of which each can do its part. A demand grows with the
// nodes or stays, as rooms spread and fewer frames share a write.
func least(demand func(n float64) float64, each float64) float64 {
	n := 1.0
	for {
		need := math.Ceil(demand(n) / each)
		if need <= n {
			return n
		}
		n = need
	}
}

const gib = 1 << 30

// nodes is how many nodes a load needs by each of its demands alone, and by all.
type nodes struct {
	cpu, cpuTLS, memory, files, net1, net10, net25 float64
	all                                            float64
	why                                            string // the demand that decides
}

func (c *costs) nodes(l load) nodes {
	use := c.of("use")
	cpu := func(n float64) float64 { return c.cpu(l, n, true) }
	memory := func(n float64) float64 { return c.memory(l, n) }
	files := func(float64) float64 { return l.viewers }
	network := func(n float64) float64 { return c.network(l, n) }
	var r nodes
	r.cpu = least(func(n float64) float64 { return c.cpu(l, n, false) }, use*c.of("cores"))
	r.cpuTLS = least(cpu, use*c.of("cores"))
	r.memory = least(memory, use*c.of("memory")*gib)
	r.files = least(files, use*c.of("files"))
	r.net1, r.net10, r.net25 = least(network, use*1e9), least(network, use*10e9), least(network, use*25e9)
	// Together they may need more than each alone: more nodes share fewer writes.
	demands := []struct {
		name   string
		demand func(float64) float64
		each   float64
	}{
		{"CPU", cpu, use * c.of("cores")}, {"memory", memory, use * c.of("memory") * gib},
		{"files", files, use * c.of("files")}, {"network", network, use * c.of("network") * 1e9},
	}
	r.all = least(func(n float64) float64 {
		most := 0.0
		for _, d := range demands {
			most = max(most, d.demand(n)/d.each)
		}
		return most
	}, 1)
	worst := 0.0
	for _, d := range demands {
		if part := d.demand(r.all) / d.each; part > worst {
			worst, r.why = part, d.name
		}
	}
	return r
}

// broker is what NATS has to do for n nodes.
type broker struct {
	appends, entries float64 // a second
	bits             float64 // a second, to nodes
	cores            float64
	subscriptions    float64 // of rooms open on nodes
	streams          float64 // that the appends need
	servers          float64 // that the rest needs
	limit            string  // what breaks first with one stream on three servers
	over             float64 // by how much
}

// first is how many servers a cluster has to begin with.
const first = 3

func (c *costs) broker(l load, n float64) broker {
	b := broker{appends: l.messages(), entries: l.entries(n), subscriptions: l.rooms() * l.nodesOf(n)}
	perNode := b.entries / n
	together := 1.0 // entries in a write
	if perNode >= c.of("shared-from") {
		together = c.of("fanout") / c.of("fanout-shared")
	}
	bytes := c.of("frame") + c.of("entry")
	b.bits = b.entries / together * c.onWire(together*bytes)
	// The leader's server hands each entry to the other servers as if to a node.
	b.cores = b.appends*c.seconds("append-servers") + (b.entries+(first-1)*b.appends)*c.either("fanout", perNode)
	use := c.of("use")
	// Each server knows the rooms of its own nodes one by one, those of others once.
	memory := (b.subscriptions + (first-1)*l.rooms()) * c.of("subscription")
	parts := []struct {
		name    string
		servers float64 // that it takes
		of      float64 // what one stream on three servers can do, as a part of what is needed
	}{
		{"appends", first, b.appends / (use * c.of("append-rate"))},
		{"fan-out", first, b.entries / first / (use * c.of("fanout-rate"))},
		{"NATS CPU", b.cores / (use * c.of("cores")), b.cores / (use * c.of("cores")) / first},
		{"NATS network", b.bits / (use * c.of("network") * 1e9), b.bits / (use * c.of("network") * 1e9) / first},
		{"NATS memory", memory / (use * c.of("memory") * gib), memory / (use * c.of("memory") * gib) / first},
	}
	b.servers = first
	for _, p := range parts {
		b.servers = max(b.servers, math.Ceil(p.servers))
		if p.of > b.over {
			b.over, b.limit = p.of, p.name
		}
	}
	// What one stream stores, and what its leader hands on, goes through few goroutines.
	b.streams = math.Ceil(max(b.appends/c.of("append-rate"), b.entries/b.servers/c.of("fanout-rate")) / use)
	return b
}
