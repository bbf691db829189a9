package bench

import (
	"context"
	"math/rand/v2"
	"time"
)

// churn lets members who do not send leave and come back, at a steady rate.
func (c *chat) churn(ctx context.Context, base int64) {
	rng := rand.New(rand.NewPCG(c.o.Seed, 1<<32))
	gap := int64(float64(time.Second) / c.o.Churn)
	for n := int64(0); ctx.Err() == nil; n++ {
		inTime := c.engine.wait(ctx, base+n*gap)
		slot := rng.IntN(c.healthy)
		if !inTime || c.engine.conns[slot].sender != nil {
			continue
		}
		if !c.rejoin(ctx, slot) {
			c.engine.leave(slot)
		}
	}
}

// rejoin connects a slot whose connection has ended because it left; what it
// saw until then is kept for the verdict.
func (c *chat) rejoin(ctx context.Context, slot int) bool {
	conn := &c.engine.conns[slot]
	conn.loop.mu.Lock()
	left := conn.state == gone && conn.left
	if left {
		c.former = append(c.former, former{conn.room, conn.view, conn.opened})
		conn.view, conn.opened = viewer{next: late}, 0
	}
	conn.loop.mu.Unlock()
	if left {
		// A token that cannot be had leaves the slot empty: the run's end says so.
		_ = c.join(ctx, slot)
	}
	return left
}
