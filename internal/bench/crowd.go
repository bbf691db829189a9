package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"
)

// CrowdOptions is a load of connections that send nothing.
type CrowdOptions struct {
	Conns   int
	Rooms   int           // to spread them over
	RoomARN string        // a room to use instead of making some
	Rate    float64       // handshakes per second; 0 for as fast as possible
	Dialing int           // handshakes under way at once
	Rounds  int           // of connecting all and closing them again
	Hold    time.Duration // how long all stay
}

// crowd is connections whose chat tokens are made before they connect.
type crowd struct {
	target *Target
	o      CrowdOptions
	engine *engine
	tokens []string
	notify func(Status)
}

func (o CrowdOptions) check() error {
	switch {
	case o.Conns <= 0 || o.Rooms <= 0 || o.Dialing <= 0 || o.Rounds <= 0:
		return errors.New("the numbers of connections, rooms, rounds and handshakes at once must be over 0")
	case o.Rate < 0 || o.Hold < 0:
		return errors.New("the rate and the time to hold must not be negative")
	case o.RoomARN != "" && o.Rooms != 1:
		return errors.New("one given room cannot stand for several: leave out the number of rooms")
	}
	return nil
}

// withCrowd prepares rooms and slots, calls f, and tidies up.
func withCrowd(ctx context.Context, t *Target, o CrowdOptions, notify func(Status), f func(*crowd) error) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if err := t.Check(o.Conns); err != nil {
		return err
	}
	arns := []string{o.RoomARN}
	if o.RoomARN == "" {
		arns, err = t.makeRooms(ctx, o.Rooms)
		defer func() { err = errors.Join(err, t.dropRooms(ctx, arns)) }()
		if err != nil {
			return err
		}
	}
	c := &crowd{target: t, o: o, notify: notify, tokens: make([]string, o.Conns)}
	c.engine, err = newEngine(engineOptions{
		conns: o.Conns, loops: t.Loops, dialing: o.Dialing, urls: t.URLs, locals: t.sources(o.Conns),
		prefix: runPrefix(rand.Uint32()), portable: t.Portable, rootCAs: t.RootCAs,
	})
	if err != nil {
		return err
	}
	defer c.engine.stop()
	defer c.engine.closeAll(3 * time.Second)
	rooms := make([]*room, len(arns))
	for i, arn := range arns {
		rooms[i] = &room{index: i, arn: arn, log: newRoomLog(nil)}
	}
	for i := range c.engine.conns {
		c.engine.conns[i].room = rooms[i%len(rooms)]
	}
	return f(c)
}

// tokenSpare is how long a token must still be good when connecting begins.
const tokenSpare = 5 * time.Second

// mint makes a token for every slot. They live for a minute or so, which
// bounds how many can be made beforehand.
func (c *crowd) mint(ctx context.Context) error {
	var done atomic.Int64
	defer ticker(c.notify, func(elapsed time.Duration) Status {
		return Status{Phase: "tokens", Elapsed: elapsed, Units: int(done.Load()), Out: float64(done.Load()) / elapsed.Seconds()}
	})()
	expiries := make([]time.Time, len(c.tokens))
	err := c.target.parallel(ctx, len(c.tokens), func(ctx context.Context, i int) error {
		token, err := c.target.tokenFor(ctx, c.engine.conns[i].room.arn, "bench-"+strconv.Itoa(i), false)
		if err != nil {
			return err
		}
		c.tokens[i], expiries[i] = token.Token, token.TokenExpirationTime
		done.Add(1)
		return nil
	})
	if err != nil {
		return err
	}
	for _, expiry := range expiries {
		if time.Until(expiry) < tokenSpare {
			return fmt.Errorf("making %d chat tokens took as long as they live: ask for fewer connections a round, or for more --setup-workers", len(c.tokens))
		}
	}
	return nil
}

// connect dials every slot and waits until each has its answer.
func (c *crowd) connect(ctx context.Context) {
	base := c.engine.snapshot().opened
	defer ticker(c.notify, func(elapsed time.Duration) Status {
		opened := c.engine.snapshot().opened - base
		return Status{Phase: "connect", Elapsed: elapsed, Opened: int(opened), Wanted: len(c.tokens)}
	})()
	began := c.engine.now()
	for slot, token := range c.tokens {
		if c.o.Rate > 0 {
			at := began + int64(float64(slot)/c.o.Rate*float64(time.Second))
			if !c.engine.wait(ctx, at) {
				break
			}
		}
		if c.engine.dial(ctx, slot, token) != nil {
			break // ctx has ended
		}
	}
	c.engine.settle(ctx)
}

// Connect measures handshakes: tokens are made, all connect, all leave, again.
func Connect(ctx context.Context, t *Target, o CrowdOptions, notify func(Status)) (*Report, error) {
	report := newReport("connect", "handshake", t)
	err := withCrowd(ctx, t, o, notify, func(c *crowd) error {
		m := meter{t.servers()}
		var spent span
		for range o.Rounds {
			if err := c.mint(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			if ctx.Err() != nil {
				break
			}
			before := m.read()
			c.connect(ctx)
			spent.add(before, m.read())
			c.hold(ctx)
			// Only once all have left may their slots connect again.
			c.engine.closeAll(10 * time.Second)
		}
		report.Connections.Wanted = o.Conns * o.Rounds
		report.Connections.Seconds = spent.after.at.Sub(spent.before.at).Seconds()
		report.fill(c.engine, c.engine.counts())
		report.measure(spent.before, spent.after, report.Connections.Opened, m)
		report.Interrupted = ctx.Err() != nil
		report.judge()
		return nil
	})
	return report, err
}

// hold waits, with all connections open.
func (c *crowd) hold(ctx context.Context) {
	if c.o.Hold <= 0 {
		return
	}
	defer ticker(c.notify, func(elapsed time.Duration) Status {
		s := c.engine.snapshot()
		return Status{Phase: "hold", Elapsed: elapsed, Length: c.o.Hold, Opened: int(s.opened - s.ended), Wanted: len(c.tokens)}
	})()
	c.engine.wait(ctx, c.engine.now()+int64(c.o.Hold))
}

// Idle measures what connections cost that do nothing: the server's memory
// before and with them, and its CPU while they stay.
func Idle(ctx context.Context, t *Target, o CrowdOptions, notify func(Status)) (*Report, error) {
	report := newReport("idle", "connection", t)
	o.Rounds = 1
	err := withCrowd(ctx, t, o, notify, func(c *crowd) error {
		m := meter{t.servers()}
		// The tokens first: what their making leaves behind is not the connections'.
		if err := c.mint(ctx); err != nil {
			return err
		}
		empty := m.read()
		c.connect(ctx)
		full := m.read()
		c.hold(ctx)
		after := m.read()
		report.Connections.Wanted, report.Connections.Seconds = o.Conns, full.at.Sub(empty.at).Seconds()
		report.fill(c.engine, c.engine.counts())
		report.measure(full, after, 0, m)
		report.memory(empty, after, report.Connections.Opened)
		report.Interrupted = ctx.Err() != nil
		report.judge()
		return nil
	})
	return report, err
}

// span adds up stretches of time that lie apart.
type span struct{ before, after reading }

func (s *span) add(before, after reading) {
	if s.before.at.IsZero() {
		s.before, s.after = before, after
		return
	}
	s.after.at = s.after.at.Add(after.at.Sub(before.at))
	s.after.known = s.after.known && before.known && after.known
	type stretch struct {
		sum           *usage
		before, after usage
	}
	all := []stretch{{&s.after.server, before.server, after.server}, {&s.after.own, before.own, after.own}}
	for i := range after.each {
		all = append(all, stretch{&s.after.each[i], before.each[i], after.each[i]})
	}
	for _, u := range all {
		u.sum.cpu += u.after.cpu - u.before.cpu
		u.sum.user += u.after.user - u.before.user
		u.sum.system += u.after.system - u.before.system
		u.sum.rss, u.sum.threads = u.after.rss, u.after.threads
	}
}
