package session

import (
	"context"
	"math/rand/v2"
	"time"
)

// drainBatch is how many sessions are asked to leave at a time; the pauses
// between spread the reconnects over the drain's time.
const drainBatch = 50

// Drain refuses new sessions and asks the open ones, in random order and in
// batches over the given time, to connect elsewhere: ERROR 401, then after the
// grace a cut without a Close frame (spec: messaging.md §4.3). It returns when
// all have ended, or with the context, which cuts the leftovers at once.
func (s *Server) Drain(ctx context.Context, over time.Duration) {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	open := s.snapshot()
	rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	batches := (len(open) + drainBatch - 1) / drainBatch
	for i := 0; len(open) > 0 && ctx.Err() == nil; i++ {
		n := min(drainBatch, len(open))
		for _, x := range open[:n] {
			x.expire("The service is shutting down; connect again")
		}
		open = open[n:]
		if len(open) > 0 {
			wait(ctx, jitter(over/time.Duration(batches)))
		}
	}
	ended := make(chan struct{})
	go func() {
		s.ended.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	s.cancel()
	for _, x := range s.snapshot() {
		x.abort()
	}
	<-ended
	s.rounds.Wait()
}

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.5 + rand.Float64()))
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
