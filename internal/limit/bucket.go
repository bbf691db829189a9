package limit

import (
	"maps"
	"sync"
	"time"
)

// Bucket is a token bucket whose burst is one second of its rate. The zero
// Bucket is full. It is not safe for concurrent use.
type Bucket struct {
	spent float64 // of the burst, at last
	last  time.Time
}

// Allow takes one token at a rate per second; a rate of 0 allows everything.
func (b *Bucket) Allow(now time.Time, rate int) bool { return b.AllowBurst(now, rate, rate) }

// AllowBurst is Allow with a burst of its own.
func (b *Bucket) AllowBurst(now time.Time, rate, burst int) bool {
	if rate <= 0 {
		return true
	}
	b.spent = max(0, b.spent-now.Sub(b.last).Seconds()*float64(rate))
	b.last = now
	if b.spent+1 > float64(burst)+1e-6 { // sums of fractions are a little off
		return false
	}
	b.spent++
	return true
}

// Charge takes n tokens whether the bucket has them or not. It owes a second of its
// rate at most.
func (b *Bucket) Charge(now time.Time, rate, n int) {
	b.spent = min(max(0, b.spent-now.Sub(b.last).Seconds()*float64(rate))+float64(n), 2*float64(rate))
	b.last = now
}

// Key names a bucket: what is counted, for whom.
type Key struct {
	Account string
	Region  string
	What    string
}

// Rates is a bucket per key. It forgets keys that were idle long enough to be
// full again, so its size follows the accounts in use.
type Rates struct {
	mu      sync.Mutex // guards what follows
	buckets map[Key]*counted
	swept   time.Time
}

// counted is a bucket and what it allowed.
type counted struct {
	Bucket
	rate      int   // the last it was asked for
	second    int64 // the one that now is of
	now, past int   // allowed in it, and in the one before
	untold    int   // allowed since Spent was called
}

// add notes one more at a time.
func (c *counted) add(at time.Time) {
	c.turn(at)
	c.now++
	c.untold++
}

// turn begins a new second if one has begun.
func (c *counted) turn(at time.Time) {
	second := at.Unix()
	switch {
	case second == c.second+1:
		c.past, c.now = c.now, 0
	case second != c.second:
		c.past, c.now = 0, 0
	}
	c.second = second
}

// Allow takes one token from the key's bucket.
func (r *Rates) Allow(key Key, rate int) bool {
	if rate <= 0 {
		return true
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(now)
	b := r.buckets[key]
	if b == nil {
		b = &counted{}
		r.buckets[key] = b
	}
	b.rate = rate
	if !b.Allow(now, rate) {
		return false
	}
	b.add(now)
	return true
}

// Spent returns how many each key was allowed since Spent was last called.
func (r *Rates) Spent() map[Key]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	spent := map[Key]int{}
	for key, b := range r.buckets {
		if b.untold > 0 {
			spent[key] = b.untold
			b.untold = 0
		}
	}
	return spent
}

// Charge takes n tokens that were allowed elsewhere, also what the key has not: a
// debt, of a second at most. A key that nobody asked for here has none to take.
func (r *Rates) Charge(key Key, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buckets[key]
	if b == nil {
		return
	}
	b.Charge(time.Now(), b.rate, n)
}

// Use returns how many each key was allowed within the last whole second or, if
// that is more, in this one so far. Keys that have no limit are not counted.
func (r *Rates) Use() map[Key]int {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	use := make(map[Key]int, len(r.buckets))
	for key, b := range r.buckets {
		b.turn(now)
		use[key] = max(b.past, b.now)
	}
	return use
}

// Return gives back a token that was taken for something that was then refused.
func (r *Rates) Return(key Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.buckets[key]; b != nil {
		b.spent = max(0, b.spent-1)
		b.now = max(0, b.now-1)
		b.untold = max(0, b.untold-1)
	}
}

// sweep drops, once a minute, the buckets that have been full since the last.
func (r *Rates) sweep(now time.Time) {
	const every = time.Minute
	if r.buckets == nil {
		r.buckets, r.swept = map[Key]*counted{}, now
	}
	if now.Sub(r.swept) < every {
		return
	}
	r.swept = now
	for key, b := range r.buckets {
		if now.Sub(b.last) >= every {
			delete(r.buckets, key)
		}
	}
}

// Gauge counts what exists now per key, such as open connections.
type Gauge struct {
	mu        sync.Mutex // guards what follows
	counts    map[Key]int
	elsewhere map[Key]int // what others count
}

// Take adds one unless the key has limit already, here and elsewhere; a limit of 0
// is none.
func (g *Gauge) Take(key Key, limit int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if limit > 0 && g.counts[key]+g.elsewhere[key] >= limit {
		return false
	}
	if g.counts == nil {
		g.counts = map[Key]int{}
	}
	g.counts[key]++
	return true
}

// Use returns how many each key has.
func (g *Gauge) Use() map[Key]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.counts)
}

// Elsewhere sets what others count, for all keys at once. The map must not change.
func (g *Gauge) Elsewhere(counts map[Key]int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.elsewhere = counts
}

// Release takes one away.
func (g *Gauge) Release(key Key) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counts[key]--; g.counts[key] == 0 {
		delete(g.counts, key)
	}
}
