package hub

import (
	"sync"

	"github.com/parleychat/parley/internal/roomlog"
)

// shard is the unit of fan-out: some members of one room, and the frames they
// are to get. It is in the work queue at most once, so one worker at a time
// writes to its members and order holds.
type shard struct {
	work *workQueue

	mu      sync.Mutex
	members []*Member // replaced, never changed in place: flush reads it without mu
	pending []byte    // frames, in log order
	marks   []int     // where in pending one write may end and the next begin
	spare   []byte    // the buffer flushed last, to be used again
	cuts    []cut     // users to disconnect within pending
	queued  bool      // in the work queue, or being flushed
	// generation counts flushes: a member that joined while frames were pending
	// knows by it which they were.
	generation uint64
}

// cut ends a user's connections after the frame that ends at byte end.
type cut struct {
	end    int
	userID string
}

// maxWrite is about how much one write gives a member: more at a time would
// overflow the queue of one that reads as fast as it can.
const maxWrite = 32 << 10

// maxSpare is the largest buffer worth keeping between flushes.
const maxSpare = 64 << 10

func (s *shard) add(m *Member, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.members) >= most {
		return false
	}
	m.shard = s
	m.index = len(s.members)
	m.skip, m.generation = len(s.pending), s.generation
	grown := make([]*Member, len(s.members)+1)
	copy(grown, s.members)
	grown[m.index] = m
	s.members = grown
	return true
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

// append queues an entry for every member; encoded is its frame, if the caller
// has one.
func (s *shard) append(e *roomlog.Entry, encoded []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.members) == 0 {
		return
	}
	if encoded == nil {
		s.pending = frame(s.pending, e)
	} else {
		s.pending = append(s.pending, encoded...)
	}
	if len(s.pending)-s.marked() >= maxWrite {
		s.marks = append(s.marks, len(s.pending))
	}
	if e.Kind == roomlog.KindDisconnect {
		s.cuts = append(s.cuts, cut{len(s.pending), e.UserID})
	}
	if !s.queued {
		s.queued = true
		s.work.put(s)
	}
}

// marked is where the last write so far ends.
func (s *shard) marked() int {
	if len(s.marks) == 0 {
		return 0
	}
	return s.marks[len(s.marks)-1]
}

func (s *shard) behind() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

// flush gives every member what is pending, in one write each unless it is
// much. It returns true when more came meanwhile: the shard then stays queued.
func (s *shard) flush() bool {
	s.mu.Lock()
	frames, cuts, members, generation := s.pending, s.cuts, s.members, s.generation
	ends := s.marks
	if s.marked() < len(frames) {
		ends = append(ends, len(frames))
	}
	s.pending, s.spare, s.cuts, s.marks = s.spare[:0], nil, nil, nil
	s.generation++
	s.mu.Unlock()

	begin := 0
	for _, end := range ends {
		for _, m := range members {
			m.write(frames, begin, end, cuts, generation)
		}
		begin = end
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if cap(frames) <= maxSpare {
		s.spare = frames
	}
	s.queued = len(s.pending) > 0
	return s.queued
}

// write gives the member its part of the frames from begin to end. A
// disconnected user gets the event that says so, then the Close frame, and
// nothing after it: its connection takes no more.
func (m *Member) write(frames []byte, begin, end int, cuts []cut, generation uint64) {
	if m.generation == generation {
		begin = max(begin, m.skip)
	}
	for _, c := range cuts {
		if c.userID == m.userID && begin < c.end && c.end <= end {
			m.conn.WriteThenClose(frames[begin:c.end], closeDisconnected, "")
			return
		}
	}
	if begin < end {
		m.conn.Write(frames[begin:end])
	}
}

// workQueue is the shards that have something to write. Each is in it at most
// once, which bounds it.
type workQueue struct {
	mu     sync.Mutex
	more   *sync.Cond
	shards []*shard
	closed bool
}

func (q *workQueue) init() { q.more = sync.NewCond(&q.mu) }

func (q *workQueue) put(s *shard) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shards = append(q.shards, s)
	q.more.Signal()
}

// take returns the next shard, or nil when the queue is closed and empty.
func (q *workQueue) take() *shard {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.shards) == 0 {
		if q.closed {
			return nil
		}
		q.more.Wait()
	}
	s := q.shards[0]
	q.shards[0] = nil
	q.shards = q.shards[1:]
	return s
}

func (q *workQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}
