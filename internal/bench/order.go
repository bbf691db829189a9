package bench

import (
	"sync"
	"sync/atomic"
)

// roomLog is the order of a room's messages as its viewers see it: the first
// viewer to see a message gives it its position, and all others must see it
// there. A viewer that loses a message but is the first to see what follows
// makes those of the others count as reordered: the loss itself is still
// counted once. Its size is fixed by what the run will send.
type roomLog struct {
	mu        sync.Mutex // guards appends
	n         atomic.Int32
	entries   []uint64         // keys by position; an entry is written before n passes it
	places    [][]atomic.Int32 // position + 1 by sender and sequence number; 0 for none yet
	last      []int64          // sequence number seen last, by sender; -1 before the first
	backwards int              // messages of one sender whose order the service changed
}

// newRoomLog makes a log for senders that will send so many messages each.
func newRoomLog(counts []int) *roomLog {
	l := &roomLog{places: make([][]atomic.Int32, len(counts)), last: make([]int64, len(counts))}
	total := 0
	for i, n := range counts {
		l.places[i] = make([]atomic.Int32, n)
		l.last[i] = -1
		total += n
	}
	l.entries = make([]uint64, total)
	return l
}

func key(sender, seq uint32) uint64 { return uint64(sender)<<32 | uint64(seq) }

// known tells whether the run sends such a message at all.
func (l *roomLog) known(sender, seq uint32) bool {
	return int(sender) < len(l.places) && int(seq) < len(l.places[sender])
}

// position returns the message's place, the next one if nobody saw it before.
func (l *roomLog) position(sender, seq uint32) int32 {
	place := &l.places[sender][seq]
	if p := place.Load(); p != 0 {
		return p - 1
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := place.Load(); p != 0 {
		return p - 1
	}
	if int64(seq) < l.last[sender] {
		l.backwards++
	}
	l.last[sender] = max(l.last[sender], int64(seq))
	at := l.n.Load()
	l.entries[at] = key(sender, seq)
	l.n.Store(at + 1)
	place.Store(at + 1)
	return at
}

// viewer is what one connection has seen of its room's log.
type viewer struct {
	begin   int32              // position of the first message seen, or meant to be seen
	next    int32              // position expected next; late while nothing was seen
	missing map[int32]struct{} // positions that were passed over
}

// late is the next position of a viewer that joined a room in use: the first
// message it sees says where it begins.
const late = -1

// verdict is what a delivery was.
type verdict uint8

const (
	inOrder   verdict = iota
	ahead             // others that came before it have not been seen: lost, so far
	reordered         // one that was passed over came after all
	doubled
)

// see notes a message that the log knows.
func (v *viewer) see(l *roomLog, sender, seq uint32) verdict {
	if v.next >= 0 && v.next < l.n.Load() && l.entries[v.next] == key(sender, seq) {
		v.next++
		return inOrder
	}
	at := l.position(sender, seq)
	if v.next == late {
		v.begin, v.next = at, at+1
		return inOrder
	}
	switch {
	case at == v.next:
		v.next++
		return inOrder
	case at > v.next:
		if v.missing == nil {
			v.missing = make(map[int32]struct{})
		}
		for ; v.next < at; v.next++ {
			v.missing[v.next] = struct{}{}
		}
		v.next++
		return ahead
	}
	if _, ok := v.missing[at]; ok {
		delete(v.missing, at)
		return reordered
	}
	return doubled
}

// lost returns how many messages the viewer passed over, and with toEnd those
// it still waits for.
func (v *viewer) lost(l *roomLog, toEnd bool) int {
	lost := len(v.missing)
	if toEnd && v.next != late {
		lost += int(l.n.Load() - v.next)
	}
	return lost
}

// owed returns how many messages were sent after the viewer's connection was
// open and lie before the first it saw. sent tells when one was.
func (v *viewer) owed(l *roomLog, opened int64, sent func(sender, seq uint32) int64) (owed int) {
	end := v.begin
	if v.next == late {
		end = l.n.Load()
	}
	for _, k := range l.entries[:end] {
		if sent(uint32(k>>32), uint32(k)) > opened {
			owed++
		}
	}
	return owed
}
