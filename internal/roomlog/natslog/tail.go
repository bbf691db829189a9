package natslog

import (
	"slices"
	"sort"

	"github.com/parleychat/parley/internal/roomlog"
)

// tailEntries and tailBytes bound what a node keeps of each room that it has open.
const tailEntries, tailBytes = 128, 64 << 10

// tail is the last entries that a room delivered, so that who reads them does not
// ask the servers.
type tail struct {
	entries []roomlog.Entry
	bytes   int
}

func (t *tail) add(e roomlog.Entry) {
	t.entries = append(t.entries, e)
	t.bytes += len(e.Payload)
	drop := 0
	for n := len(t.entries); n-drop > tailEntries || t.bytes > tailBytes && n-drop > 1; drop++ {
		t.bytes -= len(t.entries[drop].Payload)
	}
	if drop > 0 {
		t.entries = slices.Delete(t.entries, 0, drop)
	}
}

// read returns entries after a place, if the tail has all of them.
func (r *room) read(after uint64, n int) (list []roomlog.Entry, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.catching || r.closed {
		return nil, false
	}
	if after >= r.last {
		return nil, true
	}
	all := r.tail.entries
	if len(all) == 0 || all[0].Prev > after {
		return nil, false
	}
	from := sort.Search(len(all), func(i int) bool { return all[i].Seq > after })
	return slices.Clone(all[from:min(len(all), from+n)]), true
}
