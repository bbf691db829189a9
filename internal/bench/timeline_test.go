package bench

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// No timeline asks for what the service must refuse, and each is one that its
// seed alone decides.
func TestTimeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.5, 95).Draw(t, "rate")
		o := ChatOptions{Rate: rate, Members: 100}.withDefaults()
		rooms := []planRoom{{rate, roomRate, o.Senders}, {rate, roomRate, o.Senders}}
		arrivals := rapid.SampledFrom([]Arrivals{Even, Poisson}).Draw(t, "arrivals")
		seed := rapid.Uint64().Draw(t, "seed")
		const length = 8 * time.Second
		p := newPlan(rooms, length, arrivals, seed)
		again := newPlan(rooms, length, arrivals, seed)
		if diff := cmp.Diff(p.sends, again.sends, cmp.AllowUnexported(planned{})); diff != "" {
			t.Fatalf("the same seed, another timeline:\n%s", diff)
		}
		last := int64(0)
		byRoom, bySender := map[uint32][]int64{}, map[[2]uint32][]int64{}
		for _, s := range p.sends {
			if s.at < last || s.at >= int64(length) {
				t.Fatalf("a send at %d after %d of %d", s.at, last, length)
			}
			last = s.at
			who := [2]uint32{s.room, s.sender}
			if int(s.seq) != len(bySender[who]) {
				t.Fatalf("sender %v sends %d as its %d", who, s.seq, len(bySender[who]))
			}
			byRoom[s.room] = append(byRoom[s.room], s.at)
			bySender[who] = append(bySender[who], s.at)
		}
		for room, times := range byRoom {
			within(t, times, roomRate)
			if want := rate * length.Seconds(); float64(len(times)) > 2*want+20 {
				t.Fatalf("room %d: %d messages, about %.0f were asked for", room, len(times), want)
			}
		}
		for _, times := range bySender {
			within(t, times, connectionRate)
		}
	})
}

func within(t *rapid.T, times []int64, most int) {
	for i := most; i < len(times); i++ {
		if times[i]-times[i-most] < int64(time.Second) {
			t.Fatalf("%d messages within %v", most+1, time.Duration(times[i]-times[i-most]))
		}
	}
}
