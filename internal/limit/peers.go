package limit

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Peers holds limits over several nodes: each tells the others what it allowed, and
// charges itself with what they did. A node that does not hear the others holds the
// limits alone. Between two words nodes do not know of each other: for n nodes that
// tell each other every d, the excess over a rate r is at most (n-1)·r once, after
// idling, and n·r·d within any second; over a limit of a gauge, what others add
// within d.
type Peers struct {
	// ID names this node.
	ID string
	// Rates and Gauges are what is held together, by names that all nodes use.
	Rates  map[string]*Rates
	Gauges map[string]*Gauge

	mu     sync.Mutex // guards what follows
	others map[string]heard
	said   time.Time
	last   map[string]map[Key]int // of the gauges, as said
}

type heard struct {
	at     time.Time
	counts map[string]map[Key]int
}

// word is what a node tells of one name.
type word struct {
	Node string `json:"node"`
	Of   string `json:"of"`
	Uses []used `json:"uses"`
	Part bool   `json:"part,omitzero"` // more of a gauge that another word began
}

type used struct {
	Account string `json:"a"`
	Region  string `json:"r"`
	What    string `json:"w,omitzero"`
	N       int    `json:"n"`
}

const (
	// wordUses is the most uses of a word, well within what a message may be.
	wordUses = 2000
	// gaugesEvery is how often gauges are told that did not change; a node that is not
	// heard for forgottenAfter times as long has none.
	gaugesEvery, forgottenAfter = 500 * time.Millisecond, 10
)

// Words returns what the others are to hear now.
func (p *Peers) Words(now time.Time) (words [][]byte) {
	say := func(of string, uses map[Key]int, gauge bool) {
		list := make([]used, 0, len(uses))
		for k, n := range uses {
			list = append(list, used{k.Account, k.Region, k.What, n})
		}
		part := false
		for chunk := range slices.Chunk(list, wordUses) {
			words = append(words, encode(word{p.ID, of, chunk, part}))
			part = true
		}
		if gauge && len(list) == 0 {
			words = append(words, encode(word{Node: p.ID, Of: of}))
		}
	}
	for name, r := range p.Rates {
		say(name, r.Spent(), false)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	again := now.Sub(p.said) >= gaugesEvery
	if again {
		p.said = now
		p.forget(now)
	}
	for name, g := range p.Gauges {
		if uses := g.Use(); again || !maps.Equal(uses, p.last[name]) {
			say(name, uses, true)
			if p.last == nil {
				p.last = map[string]map[Key]int{}
			}
			p.last[name] = uses
		}
	}
	return words
}

func encode(w word) []byte {
	data, err := json.Marshal(w)
	if err != nil {
		panic(fmt.Sprintf("limit: a word of strings and numbers cannot be encoded: %v", err))
	}
	return data
}

// Hear takes in a word of another node; its own are ignored.
func (p *Peers) Hear(data []byte, now time.Time) error {
	var w word
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("a word of another node: %w", err)
	}
	if w.Node == p.ID {
		return nil
	}
	if r := p.Rates[w.Of]; r != nil {
		for _, u := range w.Uses {
			if u.N > 0 {
				r.Charge(Key{u.Account, u.Region, u.What}, u.N)
			}
		}
	}
	if p.Gauges[w.Of] == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.others == nil {
		p.others = map[string]heard{}
	}
	h := p.others[w.Node]
	h.at = now
	if h.counts == nil {
		h.counts = map[string]map[Key]int{}
	}
	if !w.Part || h.counts[w.Of] == nil {
		h.counts[w.Of] = map[Key]int{}
	}
	for _, u := range w.Uses {
		h.counts[w.Of][Key{u.Account, u.Region, u.What}] = max(0, u.N)
	}
	p.others[w.Node] = h
	p.sum()
	return nil
}

// sum needs mu. It has the gauges know what the others have.
func (p *Peers) sum() {
	for name, g := range p.Gauges {
		all := map[Key]int{}
		for _, h := range p.others {
			for key, n := range h.counts[name] {
				all[key] += n
			}
		}
		g.Elsewhere(all)
	}
}

// forget needs mu. It drops the nodes that are not heard any more.
func (p *Peers) forget(now time.Time) {
	before := len(p.others)
	for id, h := range p.others {
		if now.Sub(h.at) > forgottenAfter*gaugesEvery {
			delete(p.others, id)
		}
	}
	if len(p.others) != before {
		p.sum()
	}
}

// Nodes returns how many other nodes were heard lately.
func (p *Peers) Nodes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.others)
}
