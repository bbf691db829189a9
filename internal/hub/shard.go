package hub

import (
	"runtime"
	"sync"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
)

// shard is the unit of fan-out: some members of one room, and the frames they
// are to get. It is in the work queue at most once, so one worker at a time
// writes to its members and order holds.
type shard struct {
	hub *Hub

	mu      sync.Mutex
	members []*Member // replaced, never changed in place: flush reads it without mu
	pending []byte    // frames, in log order; members that are slow keep it, so it is never used again
	entries []entry   // what is in pending
	spare   []entry   // the slice flushed last, to be used again
	queued  bool      // in the work queue, or being flushed
	last    uint64    // the place of the newest entry
	flushed uint64    // of the newest that every member was given
	// generation counts flushes: a member that joined while frames were pending
	// knows by it which they were.
	generation uint64

	first  time.Time     // when the oldest pending entry came
	window time.Duration // the room's, at the newest entry
	turn   time.Duration // how far into each window the shard is written to
}

// entry is an entry in pending: its frame ends at byte end.
type entry struct {
	end    int
	kind   roomlog.Kind
	userID string // KindDisconnect: whose connections end behind it
}

// maxWrite is about how much one write gives a member: more at a time would
// overflow the queue of one that reads as fast as it can.
const maxWrite = 32 << 10

func (s *shard) add(m *Member, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.members) >= most {
		return false
	}
	m.shard = s
	m.index = len(s.members)
	m.skip, m.generation, m.after = len(s.pending), s.generation, s.last
	grown := make([]*Member, len(s.members)+1)
	copy(grown, s.members)
	grown[m.index] = m
	s.members = grown
	return true
}

// begin tells the shard of a room's first member where the room's deliveries begin.
func (s *shard) begin(m *Member, after uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.after = after
	s.last, s.flushed = max(s.last, after), max(s.flushed, after)
}

func (s *shard) remove(m *Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.members) - 1
	moved := s.members[last]
	shrunk := make([]*Member, last)
	copy(shrunk, s.members)
	if m.index < last {
		shrunk[m.index] = moved
		moved.index = m.index
	}
	s.members = shrunk
}

// append queues an entry for every member; encoded is its frame, shared with
// other shards.
func (s *shard) append(e *roomlog.Entry, encoded []byte, now time.Time, window, turn time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.window, s.turn = window, turn
	s.last = e.Seq
	if len(s.members) == 0 {
		if !s.queued {
			s.flushed = s.last
		}
		return
	}
	if len(s.pending) == 0 {
		s.first = now
		s.pending = encoded[:len(encoded):len(encoded)] // alone it is not copied
	} else {
		s.pending = append(s.pending, encoded...)
	}
	s.entries = append(s.entries, entry{len(s.pending), e.Kind, e.UserID})
	switch {
	case !s.queued:
		s.queued = true
		s.hub.work.put(s, s.due(now))
	case len(s.pending) >= maxWrite && len(s.pending)-len(encoded) < maxWrite:
		s.hub.work.hurry(s)
	}
}

// due is when what is pending should be written: at once, or, in a busy room, at
// the shard's next turn, no later than a window after the oldest entry. If all
// wrote when a window is over, the last members would wait for the writes to all
// others on top of it.
func (s *shard) due(now time.Time) time.Time {
	if s.window == 0 || len(s.pending) >= maxWrite {
		return now
	}
	since := (s.first.Sub(s.hub.began) + s.window - s.turn) % s.window
	return s.first.Add(s.window - since)
}

func (s *shard) behind() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

// batch is what one flush gives to its members.
type batch struct {
	frames     []byte
	entries    []entry
	members    []*Member
	generation uint64
	last       uint64 // the place of the last entry
	cuts       bool   // some entry ends a user's connections
}

// flush gives every member what is pending, in one write each unless it is much.
func (s *shard) flush() {
	b := s.take()
	var counts [roomlog.KindControl + 1]int
	for i, begin := 0, 0; i < len(b.entries); i++ {
		counts[b.entries[i].kind]++
		end := b.entries[i].end
		if end-begin < maxWrite && i < len(b.entries)-1 {
			continue
		}
		for n, m := range b.members {
			m.write(&b, begin, end)
			if n%yieldEvery == yieldEvery-1 {
				runtime.Gosched()
			}
		}
		begin = end
	}
	for kind, n := range counts {
		if n > 0 {
			s.hub.options.Delivered(roomlog.Kind(kind), n*len(b.members))
		}
	}
	s.finish(&b)
}

// yieldEvery is after how many writes, about half a millisecond's, a worker
// lets others run: those who accept, read and send are behind it otherwise.
const yieldEvery = 64

func (s *shard) take() batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := batch{frames: s.pending, entries: s.entries, members: s.members, generation: s.generation, last: s.last}
	for _, e := range b.entries {
		b.cuts = b.cuts || e.kind == roomlog.KindDisconnect
	}
	s.pending, s.entries, s.spare = nil, s.spare[:0], nil
	s.generation++
	return b
}

func (s *shard) finish(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spare, s.flushed = b.entries, b.last
	s.queued = len(s.pending) > 0
	if s.queued {
		s.hub.work.put(s, s.due(time.Now()))
	}
}

// write gives the member its part of the frames from begin to end. A
// disconnected user gets the event that says so, then the Close frame, and
// nothing after it: its connection takes no more.
func (m *Member) write(b *batch, begin, end int) {
	if m.generation == b.generation {
		begin = max(begin, m.skip)
	}
	if b.cuts {
		for _, e := range b.entries {
			if e.kind == roomlog.KindDisconnect && e.userID == m.userID && begin < e.end && e.end <= end {
				m.conn.WriteThenClose(b.frames[begin:e.end], closeDisconnected, "")
				return
			}
		}
	}
	if begin < end {
		m.conn.Write(b.frames[begin:end])
	}
}
