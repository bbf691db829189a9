package messaging

import "errors"

// receive takes in one frame from a session.
func (r *Room) receive(s *stay, x *session, text []byte) {
	f, err := ParseFrame(text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stay != s {
		return // disconnected: nothing is to come after that notice
	}
	if err != nil {
		r.unread(err)
		return
	}
	r.stats.Received++
	frameID, requestID := f.ids()
	if frameID != "" {
		if r.overlap != nil && r.overlap.again(frameID) {
			r.stats.Duplicates++
			return
		}
		r.recent.add(frameID)
	}
	r.answer(requestID, f)
	e, ok := f.(*Error)
	if !ok {
		r.notices.put(noticeOf(f))
		return
	}
	r.config.Logger.Debug("messaging error frame", "code", int(e.Code))
	if e.Code == ErrorExpired {
		r.expire(s, x, e)
	}
}

// unread counts a frame that is ignored.
func (r *Room) unread(err error) {
	if errors.Is(err, ErrUnknownType) {
		r.stats.Unknown++
	} else {
		r.stats.Undecodable++
	}
	r.config.Logger.Warn("messaging frame ignored", "error", err)
}

// answer hands a frame to the request it answers, if any.
func (r *Room) answer(requestID string, f Frame) {
	p := r.pending[requestID]
	if p == nil || !p.answers(f) {
		return
	}
	a := answer{frame: f}
	if e, ok := f.(*Error); ok {
		a = answer{err: e}
	}
	p.answer <- a
	r.finish(requestID, p)
}
