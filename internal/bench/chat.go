package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// former is a view of a connection that was left.
type former struct {
	room   *room
	view   viewer
	opened int64
}

// chat is a run of messages.
type chat struct {
	target *Target
	o      ChatOptions
	engine *engine
	rooms  []*room
	plan   *plan
	prefix string
	notify func(Status)

	healthy int // connections that read: the first ones of the engine's
	former  []former
}

// Fanout sends messages into rooms and checks every delivery of every member.
// notify is called now and then; it must not wait.
func Fanout(ctx context.Context, t *Target, o ChatOptions, notify func(Status)) (*Report, error) {
	return runChat(ctx, "fanout", t, o, notify)
}

// Send is Fanout for the latency of few members, whose sends are apart.
func Send(ctx context.Context, t *Target, o ChatOptions, notify func(Status)) (*Report, error) {
	return runChat(ctx, "send", t, o, notify)
}

// Mixed is Fanout with rooms of different sizes and members who come and go.
func Mixed(ctx context.Context, t *Target, o ChatOptions, notify func(Status)) (*Report, error) {
	return runChat(ctx, "mixed", t, o, notify)
}

func runChat(ctx context.Context, command string, t *Target, o ChatOptions, notify func(Status)) (report *Report, err error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	healthy := 0
	for _, n := range o.Sizes {
		healthy += n
	}
	if err := t.Check(healthy + o.Stalled); err != nil {
		return nil, err
	}
	arns := []string{o.RoomARN}
	if t.Dialect != nil {
		arns = make([]string, o.Rooms)
	} else if o.RoomARN == "" {
		arns, err = t.makeRooms(ctx, o.Rooms)
		defer func() { err = errors.Join(err, t.dropRooms(ctx, arns)) }()
		if err != nil {
			return nil, err
		}
	}
	c := &chat{target: t, o: o, notify: notify, prefix: runPrefix(rand.Uint32()), healthy: healthy}
	if err := c.prepare(arns); err != nil {
		return nil, err
	}
	defer c.engine.stop()
	report = newReport(command, "delivery", t)
	return report, c.run(ctx, report)
}

// prepare makes the timeline, the rooms' logs and a slot for each connection.
func (c *chat) prepare(arns []string) error {
	rooms := make([]planRoom, len(c.o.Sizes))
	for i := range rooms {
		rooms[i] = planRoom{rate: c.o.Rate, limit: roomRate, senders: c.o.Senders}
	}
	c.plan = newPlan(rooms, c.o.WarmUp+c.o.For, c.o.Arrivals, c.o.Seed)
	var err error
	c.engine, err = newEngine(engineOptions{
		conns: c.healthy + c.o.Stalled, loops: c.target.Loops, dialing: c.o.Dialing, urls: c.target.URLs,
		locals: c.target.sources(c.healthy + c.o.Stalled), prefix: c.prefix, portable: c.target.Portable, rootCAs: c.target.RootCAs,
		dialect: c.target.Dialect,
	})
	if err != nil {
		return err
	}
	slot := 0
	for i, size := range c.o.Sizes {
		r := &room{index: i, arn: arns[i], log: newRoomLog(c.plan.counts[i])}
		c.rooms = append(c.rooms, r)
		for m := range size {
			conn := &c.engine.conns[slot]
			slot++
			conn.room = r
			conn.node = (i + m) % len(c.engine.places) // senders of rooms of equal size on all nodes
			if m < c.o.Senders {
				n := c.plan.counts[i][m]
				s := &sender{room: r, index: m, conn: conn, at: make([]int64, n), answered: make([]bool, n), times: make([]int64, n)}
				conn.sender = s
				r.senders = append(r.senders, s)
			}
		}
	}
	for i := range c.o.Stalled {
		conn := &c.engine.conns[slot+i]
		conn.room, conn.role = c.rooms[i%len(c.rooms)], stalled
	}
	for _, p := range c.plan.sends {
		c.rooms[p.room].senders[p.sender].at[p.seq] = p.at
	}
	return nil
}

func (c *chat) run(ctx context.Context, report *Report) error {
	defer c.engine.closeAll(3 * time.Second)
	meter := meter{c.target.servers()}
	began := time.Now()
	stop := c.progress("connect", 0)
	err := c.target.parallel(ctx, len(c.engine.conns), c.join)
	c.engine.settle(ctx)
	stop()
	report.Connections.Wanted, report.Connections.Stalled = len(c.engine.conns), c.o.Stalled
	report.Connections.Seconds = time.Since(began).Seconds()
	report.Connections.PerSecond = float64(c.engine.snapshot().opened) / report.Connections.Seconds
	if err != nil && ctx.Err() == nil {
		return err
	}
	if c.engine.snapshot().opened == 0 && ctx.Err() == nil {
		report.fill(c.engine, c.engine.counts())
		return fmt.Errorf("no connection could be opened: %s", reasons(report.Connections.Failed))
	}
	sending := c.load(ctx, report, meter)
	c.drain()
	report.Interrupted = ctx.Err() != nil
	report.Connections.Wanted += len(c.former) // who came back
	c.conclude(report, sending)
	return nil
}

// join connects a slot as a member of its room.
func (c *chat) join(ctx context.Context, slot int) error {
	conn := &c.engine.conns[slot]
	if c.target.Dialect != nil {
		return c.engine.dial(ctx, slot, "")
	}
	token, err := c.target.tokenFor(ctx, conn.room.arn, "bench-"+strconv.Itoa(slot), conn.sender != nil)
	if err != nil {
		return err
	}
	return c.engine.dial(ctx, slot, token.Token)
}

// load carries out the plan and reads the meters at the window's ends.
func (c *chat) load(ctx context.Context, report *Report, m meter) *sending {
	base := c.engine.now() + int64(100*time.Millisecond)
	from, to := base+int64(c.o.WarmUp), base+int64(c.o.WarmUp+c.o.For)
	for _, r := range c.rooms {
		for _, s := range r.senders {
			s.conn.loop.mu.Lock()
			s.base = base
			s.conn.loop.mu.Unlock()
		}
	}
	c.engine.measure(from, to)
	c.engine.pause.Store(int64(c.o.coalesce()))
	report.Machine.Coalesce = float64(c.o.coalesce()) / 1e6
	sending := &sending{
		engine: c.engine, rooms: c.rooms, plan: c.plan, prefix: c.prefix, payload: c.o.Payload,
		base: base, from: from, window: int64(c.o.Window), lag: histogram(), unsent: map[string]int{},
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { sending.run(ctx) })
	if c.o.Churn > 0 {
		group.Go(func() { c.churn(ctx, base) })
	}
	stop := c.progress("run", c.o.WarmUp+c.o.For)
	c.engine.wait(ctx, from)
	before, first, sent := m.read(), c.engine.snapshot(), c.sent()
	c.engine.wait(ctx, to)
	after, last := m.read(), c.engine.snapshot()
	report.Window.Sent = c.sent() - sent
	report.Window.Reads, report.Window.Bytes = int(last.reads-first.reads), int(last.bytes-first.bytes)
	report.Window.Wakeups = int(last.wakeups - first.wakeups)
	if report.Window.Reads > 0 {
		report.Window.FramesPerRead = float64(last.frames-first.frames) / float64(report.Window.Reads)
	}
	for i := range report.Nodes {
		report.Nodes[i].Deliveries = int(last.nodes[i].delivered - first.nodes[i].delivered)
	}
	report.measure(before, after, int(last.delivered-first.delivered), m)
	cancel()
	group.Wait()
	stop()
	return sending
}

func (c *chat) sent() (n int) {
	for _, r := range c.rooms {
		for _, s := range r.senders {
			n += int(s.sent.Load())
		}
	}
	return n
}

// drain waits for what is under way, as long as anything still comes.
func (c *chat) drain() {
	const patience, most = 3 * time.Second, time.Minute
	stop := c.progress("drain", 0)
	defer stop()
	for end := time.Now().Add(most); time.Now().Before(end); {
		before := c.engine.snapshot().delivered
		if c.engine.await(patience, c.complete) || c.engine.snapshot().delivered == before {
			return
		}
	}
}

// complete tells whether every viewer that is there has what its room's log
// has, and every send its answer.
func (c *chat) complete() bool {
	all := true
	c.engine.each(func(_ *loop, n *conn) {
		switch {
		case n.state != open || n.role == stalled || n.leaving:
		case n.view.next != late && n.view.next < n.room.log.n.Load():
			all = false
		case n.sender != nil && n.sender.answers < int(n.sender.sent.Load()):
			all = false
		}
	})
	return all
}

// conclude judges what every viewer saw.
func (c *chat) conclude(report *Report, s *sending) {
	c.engine.each(func(l *loop, n *conn) {
		if c.engine.raw && n.role == stalled && n.state == open {
			l.look(n)
		}
	})
	counts := c.engine.counts()
	stats := c.engine.snapshot()
	report.fill(c.engine, counts)
	m := &Messages{
		Planned: len(c.plan.sends), Sent: c.sent(), Refused: map[string]int{}, Unsent: s.unsent,
		Delivered: int(stats.delivered), Doubled: int(stats.doubled), Reordered: int(stats.reordered),
		Misrouted: int(stats.misrouted), Foreign: int(stats.foreign), Throttled: counts.refused[429],
	}
	for code, n := range counts.refused {
		m.Refused[strconv.Itoa(code)] = n
	}
	viewers := make([]int, len(c.rooms)) // that were there to the end
	c.engine.each(func(_ *loop, n *conn) {
		if n.role == stalled || n.opened == 0 {
			return
		}
		toEnd := !n.left && !n.leaving
		if toEnd {
			viewers[n.room.index]++
		}
		m.Lost += c.missed(former{n.room, n.view, n.opened}, toEnd)
		if n.sender != nil && n.state == open {
			m.Unanswered += int(n.sender.sent.Load()) - n.sender.answers
		}
	})
	for _, f := range c.former {
		m.Lost += c.missed(f, false)
	}
	for i, r := range c.rooms {
		m.Accepted += int(r.log.n.Load())
		m.Reordered += r.log.backwards
		m.Lost += r.vanished() * viewers[i]
	}
	m.Expected = m.Delivered + m.Lost
	report.Messages = m
	report.latency("deliver", c.engine.merged(func(l *loop) *hdrhistogram.Histogram { return l.deliver }))
	report.latency("deliver_same", c.engine.merged(func(l *loop) *hdrhistogram.Histogram { return l.same }))
	report.latency("deliver_other", c.engine.merged(func(l *loop) *hdrhistogram.Histogram { return l.other }))
	report.latency("ack", c.engine.merged(func(l *loop) *hdrhistogram.Histogram { return l.ack }))
	report.latency("send_lag", s.lag)
	report.judge()
}

// missed returns what a viewer lost.
func (c *chat) missed(f former, toEnd bool) int {
	lost := f.view.lost(f.room.log, toEnd)
	if f.view.begin == 0 && f.view.next != late {
		return lost
	}
	if f.view.next == late && !toEnd {
		return lost
	}
	return lost + f.view.owed(f.room.log, f.opened, func(sender, seq uint32) int64 { return f.room.senders[sender].times[seq] })
}

// vanished returns how many messages were sent, never answered and never seen
// by anybody, though their sender was there to the end.
func (r *room) vanished() (n int) {
	for i, s := range r.senders {
		s.conn.loop.mu.Lock()
		if s.conn.state == open {
			for seq, at := range s.times {
				if at != 0 && !s.answered[seq] && r.log.places[i][seq].Load() == 0 {
					n++
				}
			}
		}
		s.conn.loop.mu.Unlock()
	}
	return n
}
