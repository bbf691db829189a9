package messaging

// seenLimit is how many ids are remembered. Two connections overlap for about
// as long as a handshake takes; this is that at a thousand frames a second.
const seenLimit = 4096

// seen remembers the last ids that came, while two connections overlap and
// both bring the same frames.
type seen struct {
	ids   map[string]struct{}
	order []string
	next  int // of order, to be forgotten first once it is full
}

// again remembers an id and tells whether it came before.
func (s *seen) again(id string) bool {
	if _, ok := s.ids[id]; ok {
		return true
	}
	if s.ids == nil {
		s.ids = map[string]struct{}{}
	}
	s.ids[id] = struct{}{}
	if len(s.order) < seenLimit {
		s.order = append(s.order, id)
		return false
	}
	delete(s.ids, s.order[s.next])
	s.order[s.next] = id
	s.next = (s.next + 1) % seenLimit
	return false
}

// recentLimit is how many ids are remembered at any time: as much as nodes of a
// service may differ by in when they deliver a frame.
const recentLimit = 128

// recent remembers the last ids that came. Another connection may bring them again
// although they had come before it was opened.
type recent struct {
	ids  []string
	next int
}

func (r *recent) add(id string) {
	if len(r.ids) < recentLimit {
		r.ids = append(r.ids, id)
		return
	}
	r.ids[r.next] = id
	r.next = (r.next + 1) % recentLimit
}

// seen begins to remember all ids that come from now on, and has the recent ones.
func (r *recent) seen() *seen {
	s := &seen{}
	for i := range r.ids {
		s.again(r.ids[(r.next+i)%len(r.ids)])
	}
	return s
}
