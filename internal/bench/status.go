package bench

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Status is how a run stands.
type Status struct {
	Phase     string // connect, run, drain…
	Elapsed   time.Duration
	Length    time.Duration // of the phase, 0 if nobody knows
	Opened    int           // connections
	Wanted    int
	Sent      int
	Delivered int
	In, Out   float64       // messages sent and delivered per second since the last status
	P99       time.Duration // of the deliveries so far
	Units     int           // done, where nothing is delivered
	End       bool          // the phase's last status
}

// wait waits for a time on the engine's clock; false means that ctx ended first.
func (e *engine) wait(ctx context.Context, at int64) bool {
	return wait(ctx, time.Duration(at-e.now()))
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}

// every is how often a status is told.
const every = time.Second

// progress tells the status of a phase until the returned function is called.
func (c *chat) progress(phase string, length time.Duration) (stop func()) {
	last := Status{Sent: c.sent(), Delivered: int(c.engine.snapshot().delivered)}
	return ticker(c.notify, func(elapsed time.Duration) Status {
		s := c.engine.snapshot()
		now := Status{
			Phase: phase, Elapsed: elapsed, Length: length, Opened: int(s.opened), Wanted: len(c.engine.conns),
			Sent: c.sent(), Delivered: int(s.delivered),
		}
		if seconds := (elapsed - last.Elapsed).Seconds(); seconds > 0 {
			now.In, now.Out = float64(now.Sent-last.Sent)/seconds, float64(now.Delivered-last.Delivered)/seconds
		}
		now.P99 = time.Duration(c.engine.merged(func(l *loop) *hdrhistogram.Histogram { return l.deliver }).ValueAtQuantile(99))
		last = now
		return now
	})
}

// ticker tells what look finds every second, and once more when it is stopped.
func ticker(notify func(Status), look func(elapsed time.Duration) Status) (stop func()) {
	began := time.Now()
	ended := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				notify(look(time.Since(began)))
			case <-ended:
				s := look(time.Since(began))
				s.End = true
				notify(s)
				return
			}
		}
	})
	return func() {
		close(ended)
		group.Wait()
	}
}

// reasons writes counted reasons, the most frequent first.
func reasons(m map[string]int) string {
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s ×%d", name, m[name])
	}
	return strings.Join(names, ", ")
}
