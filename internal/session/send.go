package session

import (
	"sync/atomic"

	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/ivschat/messaging"
)

// maxSends bounds the requests of one session that wait: a second of its rate and
// what a slow handler's budget adds. Beyond it, 429.
const maxSends = 16

// sends are a session's requests that wait, for their reviews or the room log. The
// reviews run side by side; each request waits for the one before it.
type sends struct {
	waiting atomic.Int32
	last    chan struct{} // the reader's alone: closed when the newest is through
}

// sendMessage sends at once or, when that would keep the reader waiting, starts
// what does the rest. A message that was admitted is sent even if its session
// ends meanwhile, so the server waits for it and not the session.
func (s *session) sendMessage(r *messaging.Request) error {
	return s.inTurn(r, func(behind bool) (func(func()) error, error) {
		return s.server.options.Chat.SendMessage(s.server.ctx, s.user, r, behind)
	})
}

// inTurn does what a request asks for, or starts what does the rest of it in turn.
func (s *session) inTurn(r *messaging.Request, do func(behind bool) (func(turn func()) error, error)) error {
	order := &s.rates.sends
	waiting := order.waiting.Load()
	if waiting >= maxSends {
		s.server.options.Observer.Throttled(limit.QuotaReviews)
		return &messaging.Error{Code: messaging.ErrorThrottled, Message: messaging.TextThrottled}
	}
	rest, err := do(waiting > 0)
	if rest == nil {
		return err
	}
	before, through := order.last, make(chan struct{})
	order.last = through
	order.waiting.Add(1)
	s.server.ended.Add(1) // not from zero: the session itself has not ended
	requestID := r.RequestID
	go func() {
		defer s.server.ended.Done()
		defer order.waiting.Add(-1)
		defer close(through)
		s.answer(requestID, rest(func() {
			if before != nil {
				<-before
			}
		}))
	}()
	return nil
}
