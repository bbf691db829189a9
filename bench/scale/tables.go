package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// table is one of the page's.
type table struct{ name, text string }

func (c *costs) tables() []table {
	return []table{
		{"summary", c.summary()},
		{"inputs", c.inputs()},
		{"check", c.check()},
		{"nodes", c.nodeTable(false)},
		{"together", c.nodeTable(true)},
		{"nats", c.brokerTable()},
		{"room", c.roomTable()},
		{"lost", c.lostTable()},
		{"factors", c.factors()},
	}
}

// markdown is a table's text.
func markdown(head string, rows [][]string) string {
	var t strings.Builder
	t.WriteString("| " + head + " |\n|" + strings.Repeat(" --- |", strings.Count(head, "|")+1) + "\n")
	for _, r := range rows {
		t.WriteString("| " + strings.Join(r, " | ") + " |\n")
	}
	return t.String()
}

// short is a number with three figures at most, in thousands, millions, billions.
func short(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if v >= 0.9995*unit.size {
			return figures(v/unit.size) + unit.name
		}
	}
	return figures(v)
}

func figures(v float64) string {
	digits := 0
	if v > 0 && v < 99.95 {
		digits = min(2, max(0, 1-int(math.Floor(math.Log10(v)))))
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func milliseconds(seconds float64) string { return strconv.FormatFloat(1000*seconds, 'f', 0, 64) }

func (c *costs) inputs() string {
	var rows [][]string
	for _, one := range c.list {
		exact := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
		value := exact(one.Value)
		if one.Least > 0 {
			value += " (" + exact(one.Least) + "–" + exact(one.Most) + ")"
		}
		rows = append(rows, []string{one.What, strings.TrimSpace(value + " " + one.Unit), one.From})
	}
	return markdown("what | value | from", rows)
}

// run of docs/performance.md that the model can be held against.
type known struct {
	name           string
	rooms, members int
	rate           float64
	off, idle      bool    // no window; each message wakes an idle server
	cpu, p99       float64 // CPU-s per million deliveries, ms
}

// knowns are from docs/performance.md: targets, and growth by rate and by members.
func knowns() []known {
	return []known{
		{name: "P1", rooms: 1, members: 10_000, rate: 5, cpu: 7.50, p99: 79.82},
		{name: "P2", rooms: 1, members: 1_000, rate: 50, cpu: 4.61, p99: 19.02},
		{name: "P3", rooms: 100, members: 100, rate: 5, idle: true, cpu: 9.25, p99: 3.20},
		{name: "P4", rooms: 1, members: 10_000, rate: 100, cpu: 0.80, p99: 84.34},
		{name: "members 10", rooms: 5, members: 10, rate: 10, idle: true, cpu: 21.19, p99: 0.6},
		{name: "members 19000", rooms: 1, members: 19_000, rate: 1, off: true, cpu: 7.51, p99: 97.4},
	}
}

// perMillion is the model's CPU-s per million deliveries of one node alone.
func (c *costs) perMillion(k known) float64 {
	message, s := c.of("message"), 1.0
	if k.idle {
		message = c.of("message-idle")
	}
	if !k.off {
		s = share(float64(k.members), k.rate)
	}
	return message/float64(k.members) + c.of("write")/s
}

// alone is a run on one core: the other was the generator's.
func (c *costs) alone(k known) scenario {
	return scenario{viewers: k.members, nodes: 1, rate: k.rate, cores: 1, write: c.seconds("write"), spread: c.spread(), seed: 1}
}

// spread is how far the runs of a write's cost were from their median, as a part of it.
func (c *costs) spread() float64 {
	w := c.named["write"]
	return (w.Most - w.Least) / 2 / w.Value
}

func (c *costs) check() string {
	var rows [][]string
	for _, k := range knowns() {
		modelled := c.perMillion(k)
		row := []string{k.name, fmt.Sprintf("%.2f", k.cpu), fmt.Sprintf("%.2f", modelled), fmt.Sprintf("%+.0f %%", math.Round(100*(modelled/k.cpu-1))+0), "–", "–"}
		if k.rooms == 1 {
			o := c.run(c.alone(k))
			row[4], row[5] = fmt.Sprintf("%.0f", k.p99), milliseconds(o.seen.percentile(99))
		}
		rows = append(rows, row)
	}
	return markdown("run of performance.md | CPU-s per million, measured | model | | p99 ms, measured | simulation", rows)
}

// loads are what the tables have rows for.
func loads() (list []load) {
	for _, viewers := range []float64{1e5, 1e6, 1e7} {
		for _, members := range []float64{10, 1_000, 100_000} {
			for _, rate := range []float64{1, 10, 100} {
				list = append(list, load{viewers: viewers, members: members, rate: rate})
			}
		}
	}
	for _, rate := range []float64{1, 10, 100} {
		list = append(list, load{viewers: 1e6, members: 1e6, rate: rate})
	}
	return list
}

func (l load) names() []string {
	room := short(l.members)
	if l.members == l.viewers && l.viewers == 1e6 {
		room = "one of " + room
	}
	return []string{short(l.viewers), room, short(l.rate)}
}

func (c *costs) nodeTable(together bool) string {
	var rows [][]string
	for _, l := range loads() {
		if together && l.members > 1_000 {
			continue
		}
		l.together = together
		n := c.nodes(l)
		row := l.names()
		for _, v := range []float64{l.deliveries(), n.cpu, n.cpuTLS, n.memory, n.files, n.net1, n.net10, n.net25} {
			row = append(row, short(v))
		}
		rows = append(rows, append(row, "**"+short(n.all)+"** "+n.why, short(l.writes(n.all)/n.all)))
	}
	return markdown("viewers | room | msg/s each | deliveries/s | CPU | CPU, TLS | memory | files | 1 Gbit/s | 10 | 25 | nodes, by | writes/s a node", rows)
}

// summary is the loads that the page begins with.
func (c *costs) summary() string {
	var rows [][]string
	for _, l := range []load{
		{viewers: 1e6, members: 1e6, rate: 100}, {viewers: 1e7, members: 1e5, rate: 10}, {viewers: 1e7, members: 1e3, rate: 1},
		{viewers: 1e6, members: 1e3, rate: 10}, {viewers: 1e6, members: 10, rate: 1}, {viewers: 1e7, members: 10, rate: 1},
	} {
		n := c.nodes(l)
		b := c.broker(l, n.all)
		rows = append(rows, append(l.names(), short(l.deliveries()), short(n.all), n.why, short(b.streams), short(b.servers), b.first()))
	}
	return markdown("viewers | room | msg/s each | deliveries/s | nodes | by | streams | NATS servers | breaks first in a cluster of today", rows)
}

func (c *costs) brokerTable() string {
	var rows [][]string
	for _, l := range loads() {
		n := c.nodes(l).all
		row := append(l.names(), short(n))
		if n == 1 {
			rows = append(rows, append(row, strings.Split(strings.Repeat("–,", 7)+"one node needs no NATS", ",")...))
			continue
		}
		b := c.broker(l, n)
		l.together = true
		near := c.broker(l, c.nodes(l).all)
		rows = append(rows, append(row, short(b.appends), short(b.entries), short(near.entries), short(b.bits/1e6),
			short(b.subscriptions), short(b.streams), short(b.servers), b.first()))
	}
	return markdown("viewers | room | msg/s each | nodes | appends/s | entries/s to nodes | … rooms kept together | Mbit/s to nodes | rooms open on nodes | streams | NATS servers | breaks first", rows)
}

// first is what breaks first, and how many times over it is asked for.
func (b broker) first() string {
	switch {
	case b.over <= 1:
		return "nothing"
	case b.over < 100:
		return fmt.Sprintf("%s, %.3g×", b.limit, b.over)
	}
	return fmt.Sprintf("%s, %s×", b.limit, short(b.over))
}

// wide is one room of a million viewers at 100 messages a second, with TLS.
func (c *costs) wide(nodes int, gigabits float64) scenario {
	return scenario{
		viewers: 1_000_000, nodes: nodes, rate: 100, cores: int(c.of("cores")), log: true, tls: true,
		write: c.seconds("write") + c.seconds("write-tls"), spread: c.spread(), handshake: c.seconds("handshake-tls"),
		network: gigabits * 1e9, seed: 1,
	}
}

// clusters are nodes and their network that the simulation is run with.
func clusters() []struct {
	nodes    int
	gigabits float64
} {
	return []struct {
		nodes    int
		gigabits float64
	}{{10, 25}, {20, 25}, {40, 10}, {80, 10}, {160, 10}}
}

func row3(h latencies) []string {
	return []string{milliseconds(h.percentile(50)), milliseconds(h.percentile(99)), milliseconds(h.most)}
}

func (c *costs) roomTable() string {
	var rows [][]string
	for _, k := range clusters() {
		s := c.wide(k.nodes, k.gigabits)
		o := c.run(s)
		row := append([]string{strconv.Itoa(k.nodes), short(k.gigabits), short(float64(s.viewers / s.nodes)), fmt.Sprintf("%.0f %%", 100*o.busy)}, row3(o.seen)...)
		s.slow = 2
		rows = append(rows, append(row, row3(c.run(s).seen)...))
	}
	return markdown("nodes | Gbit/s | viewers each | cores busy | p50 ms | p99 | max | node at half speed: p50 ms | p99 | max", rows)
}

func (c *costs) lostTable() string {
	var rows [][]string
	for _, within := range []float64{c.of("return"), 0} {
		for _, k := range clusters() {
			s := c.wide(k.nodes, k.gigabits)
			s.lost, s.within = true, within
			s.nodes--
			o := c.run(s)
			part := func(p float64) string { return fmt.Sprintf("%.1f", o.back[int(p*float64(len(o.back)-1))]) }
			sum := 0.0
			for _, b := range o.back {
				sum += b
			}
			try := "at once"
			if within > 0 {
				try = short(within) + " s"
			}
			rows = append(rows, append([]string{try, fmt.Sprintf("%d of %d", s.nodes, k.nodes), short(float64(o.lost)), part(0.5), part(0.99), part(1),
				short(s.rate * sum / float64(len(o.back))), fmt.Sprintf("%.0f %%", 100*o.busy)}, row3(o.seen)...))
		}
	}
	return markdown("they try again within | nodes left | viewers lost | half back after s | 99 % | all | messages missed by each, mean | cores busy | others: p50 ms | p99 | max", rows)
}

// factors are how far the page goes beyond what was measured.
func (c *costs) factors() string {
	var most struct{ deliveries, viewers, local, nodes, entries, appends, rooms float64 }
	for _, l := range loads() {
		n := c.nodes(l).all
		b := c.broker(l, n)
		most.deliveries = max(most.deliveries, l.deliveries()/n)
		most.viewers = max(most.viewers, l.viewers/n)
		most.local = max(most.local, l.members/l.nodesOf(n))
		most.nodes = max(most.nodes, n)
		most.entries = max(most.entries, b.entries/b.servers)
		most.appends = max(most.appends, b.appends/b.streams)
		most.rooms = max(most.rooms, b.subscriptions/b.servers)
	}
	var rows [][]string
	for _, f := range []struct {
		what           string
		measured, used float64
	}{
		{"deliveries/s of a node", 980_709, most.deliveries},
		{"cores of a node", 2, c.of("cores")},
		{"viewers of a node", 19_000, most.viewers},
		{"viewers of one room on a node", 19_000, most.local},
		{"nodes that a NATS server tells of an entry", 300, most.nodes / first},
		{"nodes that append to a room", 16, most.nodes},
		{"entries/s from a NATS server to nodes", c.of("fanout-rate"), most.entries},
		{"appends/s to a stream", c.of("append-rate"), most.appends},
		{"rooms open on nodes, for each NATS server", 10_000, most.rooms},
	} {
		rows = append(rows, []string{f.what, short(f.measured), short(f.used), fmt.Sprintf("%s×", figures(f.used/f.measured))})
	}
	return markdown("what | measured up to | used up to | factor", rows)
}
