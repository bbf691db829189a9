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
