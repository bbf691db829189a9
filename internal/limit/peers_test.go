package limit_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/limit"
)

// node is a node that talks to others.
type node struct {
	limit.Peers
	rates limit.Rates
	gauge limit.Gauge
}

func nodes(n int) []*node {
	all := make([]*node, n)
	for i := range all {
		node := &node{}
		node.Peers = limit.Peers{ID: fmt.Sprint(i), Rates: map[string]*limit.Rates{"rates": &node.rates}, Gauges: map[string]*limit.Gauge{"gauge": &node.gauge}}
		all[i] = node
	}
	return all
}

func talk(t *testing.T, all []*node) {
	t.Helper()
	for _, speaker := range all {
		for _, word := range speaker.Words(time.Now()) {
			for _, hearer := range all {
				if err := hearer.Hear(word, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestNodesHoldARateTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(3)
		key := limit.Key{Account: "a", Region: "r", What: "w"}
		const rate, seconds, every = 50, 60, 100 * time.Millisecond
		allowed, worst := 0, 0
		var recent []int // of each tenth of the last second
		for step := range seconds * 10 {
			n := 0
			for range 40 { // each node is asked for eight times the rate
				for _, node := range all {
					if node.rates.Allow(key, rate) {
						n++
					}
				}
			}
			allowed += n
			recent = append(recent, n)
			if step >= 10 {
				recent = recent[1:]
				sum := 0
				for _, n := range recent {
					sum += n
				}
				if step >= 50 {
					worst = max(worst, sum)
				}
			}
			talk(t, all)
			time.Sleep(every)
		}
		if most := seconds*rate + 3*rate; allowed > most || allowed < seconds*rate*9/10 {
			t.Errorf("%d were allowed in %d s, want %d or a little less, %d at most", allowed, seconds, seconds*rate, most)
		}
		if most := rate + 3*rate/10; worst > most {
			t.Errorf("%d were allowed within a second, want %d at most", worst, most)
		}
	})
}

func TestANodeThatIsAloneHasTheWholeRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(2)
		key := limit.Key{Account: "a"}
		for range 100 {
			all[0].rates.Allow(key, 10)
		}
		// The other was not asked lately; it owes a second at most for what it heard of.
		all[1].rates.Allow(key, 10)
		for range 20 {
			talk(t, all)
			all[0].rates.Charge(key, 100)
		}
		time.Sleep(2 * time.Second)
		n := 0
		for all[0].rates.Allow(key, 10) {
			n++
		}
		if n != 10 {
			t.Errorf("%d were allowed after a pause, want 10", n)
		}
	})
}

func TestNodesHoldAGaugeTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(3)
		key := limit.Key{Account: "a", Region: "r"}
		for range 4 {
			all[0].gauge.Take(key, 10)
			all[1].gauge.Take(key, 10)
		}
		talk(t, all)
		n := 0
		for all[2].gauge.Take(key, 10) {
			n++
		}
		if n != 2 {
			t.Errorf("a third node has room for %d, want 2", n)
		}
		// A node that is gone is forgotten, and so is what it had.
		for range 12 {
			time.Sleep(500 * time.Millisecond)
			talk(t, all[1:])
		}
		for all[2].gauge.Take(key, 10) {
			n++
		}
		if n != 6 || all[2].Nodes() != 1 {
			t.Errorf("with one node gone there was room for %d, want 6; %d others are known", n, all[2].Nodes())
		}
		// And what was released is free.
		for range 4 {
			all[1].gauge.Release(key)
		}
		time.Sleep(time.Second)
		talk(t, all[1:])
		if !all[2].gauge.Take(key, 10) {
			t.Error("what was released elsewhere is not free")
		}
	})
}

func TestManyKeysAreToldInParts(t *testing.T) {
	all := nodes(2)
	for i := range 5000 {
		all[0].gauge.Take(limit.Key{Account: fmt.Sprint(i)}, 0)
	}
	talk(t, all)
	for _, i := range []int{0, 1999, 2000, 4999} {
		if all[1].gauge.Take(limit.Key{Account: fmt.Sprint(i)}, 1) {
			t.Errorf("account %d is not known elsewhere", i)
		}
	}
}

func FuzzHear(f *testing.F) {
	f.Add([]byte(`{"node":"1","of":"gauge","uses":[{"a":"a","r":"r","n":3}]}`))
	f.Add([]byte(`{"node":"1","of":"rates","uses":[{"a":"a","r":"r","w":"w","n":-3}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := nodes(1)[0]
		n.rates.Allow(limit.Key{Account: "a"}, 10)
		n.Hear(data, time.Now())
		for range 10 {
			n.rates.Allow(limit.Key{Account: "a"}, 10)
		}
		n.Words(time.Now())
	})
}
