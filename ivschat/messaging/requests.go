package messaging

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/parleychat/parley/internal/id"
)

// SendMessageRequest is a message to send.
type SendMessageRequest struct {
	Content string // 1–500 code points, or what the room allows
	// Attributes go with the message: 1 KB of keys and values in all. Optional.
	Attributes map[string]string
	// RequestID comes back in the message. By default it is random.
	RequestID string
}

// SendMessage sends a message and returns it as everyone in the room gets it.
// A refusal is an [*Error]; without an answer the error is a [*ConnectionError]
// or that of the context.
//
// Like every request it fails at once with [ErrNotConnected] unless the room is
// connected. A stalled connection may hold it up past its context, by
// Config.WriteTimeout at most.
func (r *Room) SendMessage(ctx context.Context, m SendMessageRequest) (*Message, error) {
	f, err := r.do(ctx, &Request{
		Action: ActionSendMessage, RequestID: m.RequestID, Content: m.Content, Attributes: m.Attributes,
	})
	if err != nil {
		return nil, err
	}
	return f.(*Message), nil
}

// DeleteMessage asks all clients in the room to remove a message from view, and
// returns the event that does. The reason may be "".
func (r *Room) DeleteMessage(ctx context.Context, messageID, reason string) (*Event, error) {
	f, err := r.do(ctx, &Request{Action: ActionDeleteMessage, ID: messageID, Reason: reason})
	if err != nil {
		return nil, err
	}
	return f.(*Event), nil
}

// DisconnectUser ends all connections of a user in the room, and returns the
// event that says so. The reason may be "".
func (r *Room) DisconnectUser(ctx context.Context, userID, reason string) (*Event, error) {
	f, err := r.do(ctx, &Request{Action: ActionDisconnectUser, UserID: userID, Reason: reason})
	if err != nil {
		return nil, err
	}
	return f.(*Event), nil
}

// pending is a request that waits for its answer.
type pending struct {
	action  Action
	session *session
	answer  chan answer // holds one
}

type answer struct {
	frame Frame
	err   error
}

// answers tells whether a frame is what the request asked for. Another user
// could send a message with the same RequestId.
func (p *pending) answers(f Frame) bool {
	switch f := f.(type) {
	case *Message:
		return p.action == ActionSendMessage
	case *Event:
		return p.action == ActionDeleteMessage && f.Name == EventDeleteMessage ||
			p.action == ActionDisconnectUser && f.Name == EventDisconnectUser
	}
	return true
}

func (r *Room) do(ctx context.Context, q *Request) (Frame, error) {
	if q.RequestID == "" {
		q.RequestID = id.New()
	}
	if err := q.checkToSend(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.config.RequestTimeout, ErrNoAnswer)
	defer cancel()
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("messaging: %w", err)
	}
	p := &pending{action: q.Action, answer: make(chan answer, 1)}
	defer r.forgetRequest(q.RequestID, p)
	for {
		x, err := r.expect(q.RequestID, p)
		if err != nil {
			return nil, err
		}
		switch err := x.write(ws.OpText, q.append(nil)); err {
		case nil:
			return p.wait(ctx)
		case errEnded: // not written: there may be another session after this one
			select {
			case <-x.done:
			case <-ctx.Done():
				return nil, &ConnectionError{Err: context.Cause(ctx)}
			}
		default:
			return nil, &ConnectionError{Sent: true, Err: err}
		}
	}
}

func (p *pending) wait(ctx context.Context) (Frame, error) {
	select {
	case a := <-p.answer:
		return a.frame, a.err
	case <-ctx.Done():
	}
	err := context.Cause(ctx)
	if errors.Is(err, ErrNoAnswer) {
		return nil, &ConnectionError{Sent: true, Err: err}
	}
	return nil, fmt.Errorf("messaging: %w", err)
}

// checkToSend refuses what the service would refuse, or close the connection for.
func (r *Request) checkToSend() error {
	for _, s := range []string{r.RequestID, r.Content, r.ID, r.UserID, r.Reason} {
		if !utf8.ValidString(s) {
			return r.refuse(invalid("a member is not valid UTF-8"))
		}
	}
	for k, v := range r.Attributes {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return r.refuse(invalid("Attributes are not valid UTF-8"))
		}
	}
	if len(r.RequestID) > MaxRequestID {
		return r.refuse(tooLarge(fmt.Sprintf("RequestId must be at most %d bytes", MaxRequestID)))
	}
	if err := r.Check(); err != nil {
		return r.refuse(err)
	}
	return nil
}

func (r *Request) refuse(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.RequestID = r.RequestID
	}
	return err
}

// append appends the frame's JSON to dst.
func (r *Request) append(dst []byte) []byte {
	dst = append(dst, `{"Action":"`...)
	dst = append(dst, r.Action...)
	dst = append(dst, `","RequestId":`...)
	dst = appendString(dst, r.RequestID)
	switch r.Action {
	case ActionSendMessage:
		dst = append(dst, `,"Content":`...)
		dst = appendString(dst, r.Content)
		if r.Attributes != nil {
			dst = append(dst, `,"Attributes":`...)
			dst = appendMap(dst, r.Attributes)
		}
	case ActionDeleteMessage:
		dst = append(dst, `,"Id":`...)
		dst = appendString(dst, r.ID)
	case ActionDisconnectUser:
		dst = append(dst, `,"UserId":`...)
		dst = appendString(dst, r.UserID)
	}
	if r.Reason != "" {
		dst = append(dst, `,"Reason":`...)
		dst = appendString(dst, r.Reason)
	}
	return append(dst, '}')
}

// expect makes a request one of the current session's.
func (r *Room) expect(requestID string, p *pending) (*session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch other := r.pending[requestID]; {
	case r.closed:
		return nil, &ConnectionError{Err: ErrClosed}
	case r.state != StateConnected:
		return nil, &ConnectionError{Err: ErrNotConnected}
	case other != nil && other != p:
		return nil, fmt.Errorf("messaging: a request with RequestID %q is under way", requestID)
	}
	if r.pending == nil {
		r.pending = map[string]*pending{}
	}
	select {
	case <-p.answer: // of the session that took it for its own
	default:
	}
	r.assign(p, r.current)
	r.pending[requestID] = p
	return r.current, nil
}

// assign makes a request count among those of a session, or of none.
func (r *Room) assign(p *pending, x *session) {
	if old := p.session; old != nil {
		old.inflight--
		if old.inflight == 0 && old.settled != nil {
			close(old.settled)
			old.settled = nil
		}
	}
	p.session = x
	if x != nil {
		x.inflight++
	}
}

// settle returns a channel that is closed when a session has no request left
// that waits for its answer.
func (r *Room) settle(x *session) <-chan struct{} {
	c := make(chan struct{})
	if x.inflight == 0 {
		close(c)
	} else {
		x.settled = c
	}
	return c
}

func (r *Room) forgetRequest(requestID string, p *pending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending[requestID] == p {
		r.finish(requestID, p)
	}
}

// finish makes a request wait for nothing any more.
func (r *Room) finish(requestID string, p *pending) {
	r.assign(p, nil)
	delete(r.pending, requestID)
	if len(r.pending) == 0 {
		r.pending = nil // a map does not give back what it grew to
	}
}

// inherit makes the requests of a session that is over those of its successor:
// what they led to may come by that.
func (r *Room) inherit(x *session) {
	for requestID, p := range r.pending {
		switch {
		case p.session != x:
		case r.current != nil:
			r.assign(p, r.current)
		default:
			p.answer <- answer{err: &ConnectionError{Sent: true, Err: ErrNotConnected}}
			r.finish(requestID, p)
		}
	}
}

// failPending ends the requests of a session, or of all for nil.
func (r *Room) failPending(x *session, err error) {
	for requestID, p := range r.pending {
		if x == nil || p.session == x {
			p.answer <- answer{err: &ConnectionError{Sent: true, Err: err}}
			r.finish(requestID, p)
		}
	}
}
