package bench

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Arrivals is how sends are spread over time.
type Arrivals string

// The kinds of arrivals.
const (
	Even    Arrivals = "even"
	Poisson Arrivals = "poisson"
)

// connectionRate is what one connection may send per second (spec: quotas.md).
const connectionRate = 10

// planned is one message to be sent.
type planned struct {
	at     int64 // nanoseconds after the run's beginning
	room   uint32
	sender uint32
	seq    uint32
}

// plan is the timeline of a run: it is fixed before the first send, so that a
// service that stalls cannot thin out what is asked of it.
type plan struct {
	sends  []planned
	counts [][]int // messages by room and sender
}

// planRoom is what a plan needs to know of a room.
type planRoom struct {
	rate    float64
	limit   int // the most messages the room takes in one second
	senders int
}

// slack is added to the second over which a service counts: messages arrive
// nearer to each other than they were sent.
const slack = 20 * time.Millisecond

func newPlan(rooms []planRoom, length time.Duration, arrivals Arrivals, seed uint64) *plan {
	p := &plan{counts: make([][]int, len(rooms))}
	for i, r := range rooms {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		p.counts[i] = make([]int, r.senders)
		if r.rate <= 0 {
			continue
		}
		times := arrive(r, length, arrivals, rng)
		for n, at := range times {
			sender := n % r.senders
			p.sends = append(p.sends, planned{
				at: int64(at), room: uint32(i), sender: uint32(sender), seq: uint32(p.counts[i][sender]),
			})
			p.counts[i][sender]++
		}
	}
	slices.SortStableFunc(p.sends, func(a, b planned) int { return cmp.Compare(a.at, b.at) })
	return p
}

// arrive draws a room's times. A random burst that the room's or a sender's
// rate would refuse is stretched here, on the timeline, where it costs no
// latency.
func arrive(r planRoom, length time.Duration, arrivals Arrivals, rng *rand.Rand) []time.Duration {
	gap := time.Duration(float64(time.Second) / r.rate)
	next := time.Duration(rng.Int64N(int64(gap) + 1)) // rooms must not beat together
	var times []time.Duration
	own := connectionRate * r.senders // a sender's turn comes every r.senders messages
	for next < length {
		at := next
		if arrivals == Poisson {
			for _, window := range []int{r.limit, own} {
				if window > 0 && len(times) >= window {
					at = max(at, times[len(times)-window]+time.Second+slack)
				}
			}
			if len(times) > 0 {
				at = max(at, times[len(times)-1])
			}
			if at >= length {
				break
			}
		}
		times = append(times, at)
		if arrivals == Poisson {
			next += time.Duration(rng.ExpFloat64() * float64(gap))
		} else {
			next += gap
		}
	}
	return times
}
