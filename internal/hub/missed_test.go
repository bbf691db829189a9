package hub_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/hub"
	"github.com/parleychat/parley/internal/roomlog"
)

// missed returns the ids of what a member missed since a place.
func (b bench) missed(m *hub.Member, place uint64) (ids []string) {
	b.t.Helper()
	frames, err := m.Missed(b.t.Context(), place)
	if err != nil {
		b.t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(frames), "<") {
		if id, _, found := strings.Cut(part, ">"); found {
			ids = append(ids, id)
		}
	}
	return ids
}

// A user goes from session to session, in rooms that are busy or not: what the old
// one was given up to its place, what the new one missed since, and what it is given
// then, are the log without gaps.
func TestWhoComesBackMissesNothing(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, hub.Options{Workers: 2, ShardSize: 2, Window: 20 * time.Millisecond})
			random := rand.New(rand.NewPCG(seed, 0))
			for i := range random.IntN(5) {
				b.join(fmt.Sprint(i), &conn{})
			}
			n, old := 0, &conn{}
			member := b.join("user", old)
			more := func() {
				for range random.IntN(30) {
					b.message(fmt.Sprint(n))
					n++
					if random.IntN(4) == 0 {
						b.append(roomlog.Entry{Kind: roomlog.KindControl})
					}
					time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
				}
			}
			var got []string
			for range 5 {
				more()
				place := member.Place()
				had := old.ids() // what it had then is up to the place, and perhaps more
				more()
				member.Leave()
				more()
				next := &conn{}
				member = b.join("user", next)
				got = append(got, had...)
				for _, id := range b.missed(member, place) {
					if !slices.Contains(got, id) {
						got = append(got, id)
					}
				}
				old = next
			}
			more()
			synctest.Wait()
			time.Sleep(time.Second)
			got = append(got, old.ids()...)
			for i := range n {
				if i >= len(got) || got[i] != fmt.Sprint(i) {
					t.Fatalf("seed %d: after %d entries the user has %v", seed, n, got)
				}
			}
			if len(got) != n {
				t.Errorf("seed %d: the user has %d of %d entries", seed, len(got), n)
			}
		})
	}
}
