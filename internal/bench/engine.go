package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// handshakeTimeout bounds one connect.
const handshakeTimeout = 20 * time.Second

// place is where connections go to.
type place struct {
	url  *url.URL
	addr netip.AddrPort
}

// engine owns the run's connections. They lie in one slice whose length never
// changes, so that a loop finds one by its index.
type engine struct {
	dialect *Dialect // nil for IVS's own

	epoch  time.Time // zero of the run's clock
	conns  []conn
	loops  []*loop
	places []place
	locals []netip.Addr // source addresses; none for the system's choice
	slots  chan struct{}
	done   chan struct{} // closed when the loops are to end
	group  sync.WaitGroup
	raw    bool
	tls    *tls.Config
	dials  atomic.Int64
	pause  atomic.Int64 // nanoseconds a loop lets events gather after it was woken
}

// loop receives for some of the connections. A mutex may be held for one batch
// of events; the engine's user takes it to look or to change.
type loop struct {
	engine *engine
	poll   poller // not in use on the portable way

	mu          sync.Mutex // guards what follows, and the loop's connections
	find        finder
	from, to    int64 // intended times of the measured sends
	stats       stats
	refused     map[int]int // ERROR frames by code
	failed      map[string]int
	ends        map[string]int
	stalledEnds map[string]int
	connect     *hdrhistogram.Histogram
	deliver     *hdrhistogram.Histogram
	same, other *hdrhistogram.Histogram // of deliver, where its sender is on the same node or not
	ack         *hdrhistogram.Histogram
}

// stats counts; all of it only grows.
type stats struct {
	opened, ended, left   int64
	frames                int64 // text frames
	delivered             int64 // messages of the run, each once per viewer
	doubled, reordered    int64
	misrouted, foreign    int64
	pings                 int64
	reads, bytes, wakeups int64
	nodes                 []nodeStats // of each place
}

type nodeStats struct{ opened, delivered int64 }

func (s *stats) add(o stats) {
	s.opened += o.opened
	s.ended += o.ended
	s.left += o.left
	s.frames += o.frames
	s.delivered += o.delivered
	s.doubled += o.doubled
	s.reordered += o.reordered
	s.misrouted += o.misrouted
	s.foreign += o.foreign
	s.pings += o.pings
	s.reads += o.reads
	s.bytes += o.bytes
	s.wakeups += o.wakeups
	if s.nodes == nil {
		s.nodes = make([]nodeStats, len(o.nodes))
	}
	for i, n := range o.nodes {
		s.nodes[i].opened += n.opened
		s.nodes[i].delivered += n.delivered
	}
}

// histogram takes nanoseconds up to a minute and a half.
func histogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(90*time.Second), 3) }

// engineOptions is what an engine is made of.
type engineOptions struct {
	conns    int
	loops    int // 0 for one per two cores: the service needs some too
	dialing  int // handshakes under way at once
	urls     []string
	locals   []netip.Addr
	prefix   string
	portable bool
	rootCAs  *x509.CertPool

	dialect *Dialect
}

func newEngine(o engineOptions) (*engine, error) {
	if o.loops <= 0 {
		o.loops = max(1, runtime.GOMAXPROCS(0)/2)
	}
	e := &engine{
		epoch: time.Now(), conns: make([]conn, o.conns), locals: o.locals,
		slots: make(chan struct{}, max(1, o.dialing)), done: make(chan struct{}), raw: rawSupported && !o.portable,
		dialect: o.dialect,
	}
	for _, raw := range o.urls {
		p, err := resolve(raw)
		if err != nil {
			return nil, err
		}
		if p.url.Scheme == "wss" {
			e.raw, e.tls = false, &tls.Config{ServerName: p.url.Hostname(), RootCAs: o.rootCAs}
		}
		e.places = append(e.places, p)
	}
	for range o.loops {
		l := &loop{
			engine: e, find: finder{prefix: o.prefix}, refused: map[int]int{}, failed: map[string]int{},
			ends: map[string]int{}, stalledEnds: map[string]int{},
			connect: histogram(), deliver: histogram(), ack: histogram(), same: histogram(), other: histogram(),
			stats: stats{nodes: make([]nodeStats, len(e.places))},
		}
		e.loops = append(e.loops, l)
	}
	for i := range e.conns {
		c := &e.conns[i]
		c.loop, c.slot, c.fd, c.node = e.loops[i%len(e.loops)], int32(i), -1, i%len(e.places)
	}
	if !e.raw {
		return e, nil
	}
	for i, l := range e.loops {
		var err error
		if l.poll, err = newPoller(); err != nil {
			for _, started := range e.loops[:i] {
				started.poll.close()
			}
			return nil, fmt.Errorf("make a receiver loop: %w", err)
		}
	}
	for _, l := range e.loops {
		e.group.Go(l.run)
	}
	return e, nil
}

func resolve(raw string) (place, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" {
		return place{}, fmt.Errorf("%q is no ws or wss URL", raw)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	}
	a, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return place{}, fmt.Errorf("resolve %s: %w", raw, err)
	}
	addr := a.AddrPort()
	return place{url: u, addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}, nil
}

// now is the time on the engine's clock.
func (e *engine) now() int64 { return int64(time.Since(e.epoch)) }

// dial begins to connect a slot that is not in use; it waits while too many
// handshakes are under way.
func (e *engine) dial(ctx context.Context, slot int, token string) error {
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	c := &e.conns[slot]
	n := int(e.dials.Add(1))
	p := e.places[c.node]
	var local netip.Addr
	if len(e.locals) > 0 {
		local = e.locals[n/len(e.places)%len(e.locals)]
	}
	began := e.now()
	l := c.loop
	l.mu.Lock()
	c.state, c.leaving, c.left, c.verdict = dialing, false, false, ""
	c.hello = newHello(p.url, token, began)
	c.generation++
	l.mu.Unlock()
	if !e.raw {
		generation := c.generation
		e.group.Go(func() { e.portable(c, generation, p, local) })
		return nil
	}
	fd, err := connectFD(p.addr, local, c.role == stalled)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		c.wmu.Lock()
		c.fd = fd
		c.wmu.Unlock()
		err = l.poll.add(fd, c.slot, c.generation, c.role == stalled)
	}
	if err != nil {
		l.drop(c, err)
	}
	return nil
}

func (e *engine) dialed() { <-e.slots }

// settle waits until no handshake is under way; those that take too long end.
func (e *engine) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	for taken := range cap(e.slots) {
		select {
		case e.slots <- struct{}{}:
			continue
		case <-ctx.Done():
		}
		for range taken {
			<-e.slots
		}
		e.each(func(l *loop, c *conn) {
			if c.state == dialing || c.state == shaking {
				l.drop(c, os.ErrDeadlineExceeded)
			}
		})
		return
	}
	for range cap(e.slots) {
		<-e.slots
	}
}

// each visits all connections under their loop's mutex.
func (e *engine) each(visit func(*loop, *conn)) {
	for i := range e.conns {
		c := &e.conns[i]
		c.loop.mu.Lock()
		visit(c.loop, c)
		c.loop.mu.Unlock()
	}
}

// snapshot returns the counters' sum.
func (e *engine) snapshot() (sum stats) {
	for _, l := range e.loops {
		l.mu.Lock()
		sum.add(l.stats)
		l.mu.Unlock()
	}
	return sum
}

// measure sets which sends count for the latencies, by their intended time.
func (e *engine) measure(from, to int64) {
	for _, l := range e.loops {
		l.mu.Lock()
		l.from, l.to = from, to
		l.mu.Unlock()
	}
}

// leave asks the service to end a connection, as a client does.
func (e *engine) leave(slot int) {
	c := &e.conns[slot]
	c.loop.mu.Lock()
	defer c.loop.mu.Unlock()
	if c.state != open || c.leaving {
		return
	}
	c.leaving = true
	if c.role == stalled || c.write(appendFrame(nil, opClose, []byte{0x03, 0xe8})) != nil {
		c.loop.drop(c, errNotOpen)
	}
}

// closeAll ends every connection and waits a little for the service to agree.
func (e *engine) closeAll(patience time.Duration) {
	for i := range e.conns {
		e.leave(i)
	}
	e.await(patience, func() bool {
		s := e.snapshot()
		return s.ended >= s.opened
	})
	e.each(func(l *loop, c *conn) { l.drop(c, errNotOpen) })
}

// await polls a condition; false means that the time was over.
func (e *engine) await(patience time.Duration, done func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// stop ends the loops; the connections must be closed.
func (e *engine) stop() {
	close(e.done)
	e.group.Wait()
	if e.raw {
		for _, l := range e.loops {
			l.poll.close()
		}
	}
}

func (e *engine) stopping() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// counts are the maps of all loops together.
type counts struct {
	refused                   map[int]int
	failed, ends, stalledEnds map[string]int
}

func (e *engine) counts() counts {
	all := counts{map[int]int{}, map[string]int{}, map[string]int{}, map[string]int{}}
	for _, l := range e.loops {
		l.mu.Lock()
		merge(all.refused, l.refused)
		merge(all.failed, l.failed)
		merge(all.ends, l.ends)
		merge(all.stalledEnds, l.stalledEnds)
		l.mu.Unlock()
	}
	return all
}

func merge[K comparable](into, from map[K]int) {
	for k := range maps.Keys(from) {
		into[k] += from[k]
	}
}

// merged returns the sum of one histogram of each loop.
func (e *engine) merged(pick func(*loop) *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	sum := histogram()
	for _, l := range e.loops {
		l.mu.Lock()
		sum.Merge(pick(l))
		l.mu.Unlock()
	}
	return sum
}
