package messaging

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// Room is one user's place in a room. It is safe for concurrent use. Close it
// when it is no longer needed.
type Room struct {
	config  Config
	url     string
	notices *queue
	running sync.WaitGroup // every goroutine of ours

	mu      sync.Mutex // guards what follows; held for no I/O
	closed  bool
	state   State
	stay    *stay    // nil while disconnected
	current *session // what requests go to; nil for none
	pending map[string]*pending
	recent  recent
	overlap *seen // nil unless two connections may bring the same frames
	stats   Stats
}

// stay is the time from Connect to the disconnect.
type stay struct {
	ctx       context.Context
	cancel    context.CancelFunc
	connected chan struct{} // closed when the room first is
	ended     chan struct{} // closed when err is set
	err       error

	// Guarded by the room's mutex.
	opening  bool  // a goroutine is about to open the next connection
	failures int   // to do so, in a row
	last     error // what went wrong last
}

// Stats counts what happened to a room since it was made.
type Stats struct {
	Connections uint64 // opened
	Refreshes   uint64 // of these, those that took over from one that still worked
	Failures    uint64 // to open one, for whatever reason
	Received    uint64 // frames that were understood
	Duplicates  uint64 // of these, those that another connection had brought
	Unknown     uint64 // frames of an unknown type, left unread
	Undecodable uint64 // frames that make no sense, left unread
	Dropped     uint64 // notices that no loop over Events took in time
}

// NewRoom returns a room that is disconnected.
func NewRoom(c Config) (*Room, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	url, err := endpoint(c.RegionOrURL)
	if err != nil {
		return nil, err
	}
	c = c.withDefaults()
	return &Room{config: c, url: url, notices: newQueue(c.Buffer), state: StateDisconnected}, nil
}

// ID returns the name of this object in logs.
func (r *Room) ID() string { return r.config.ID }

// State returns how the room stands now.
func (r *Room) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// Stats returns counts of what happened so far.
func (r *Room) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Dropped = r.notices.droppedTotal()
	return s
}

// Connect returns when the room is connected, and stays so until Disconnect or
// Close, a Close frame from the service, or Config.MaxAttempts. When the context
// ends before, the room is disconnected and the error says what the last try
// met. The end of the context later means nothing; its values go on to the
// TokenProvider. A room that has been connected, and is or is trying to be
// again, is left as it is.
func (r *Room) Connect(ctx context.Context) error {
	s, first, err := r.begin(ctx)
	if err != nil {
		return err
	}
	select {
	case <-s.connected:
		return nil
	case <-s.ended:
		return s.err
	case <-ctx.Done():
	}
	r.mu.Lock()
	err = context.Cause(ctx)
	if s.last != nil {
		err = errors.Join(err, s.last)
	}
	r.mu.Unlock()
	if first {
		r.end(s, ReasonClientDisconnect, err)
	}
	return err
}

func (r *Room) begin(ctx context.Context) (s *stay, first bool, err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, false, ErrClosed
	case r.stay != nil:
		return r.stay, false, nil
	}
	s = &stay{connected: make(chan struct{}), ended: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.stay, s.opening = s, true
	r.setState(StateConnecting, "", nil)
	r.running.Go(func() { r.arrive(s, 0) })
	return s, true, nil
}

// Disconnect ends the connection. Requests under way fail with a
// [*ConnectionError]. The room can be connected again.
func (r *Room) Disconnect() {
	r.mu.Lock()
	s := r.stay
	r.mu.Unlock()
	if s != nil {
		r.end(s, ReasonClientDisconnect, nil)
	}
}

// Close disconnects for good and returns when nothing of the room runs any
// more, which takes a second or two if the service does not answer. Loops over
// Events end once they have taken what is left.
func (r *Room) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Disconnect()
	r.notices.close()
	r.running.Wait()
	return nil
}

// Events returns what happens in the room, from the moment it was made, as it
// comes. A loop ends after a [*StateChange] to StateDisconnected, which says
// why, when the room is closed, or with the context; nothing is lost between one
// loop and the next. Of several loops at once each notice goes to one.
func (r *Room) Events(ctx context.Context) iter.Seq[Notice] {
	return func(yield func(Notice) bool) {
		for {
			n := r.notices.take(ctx)
			if n == nil || !yield(n) {
				return
			}
			if c, ok := n.(*StateChange); ok && c.State == StateDisconnected {
				return
			}
		}
	}
}

// end ends a stay, unless it has ended.
func (r *Room) end(s *stay, reason DisconnectReason, err error) {
	r.mu.Lock()
	if r.stay != s {
		r.mu.Unlock()
		return
	}
	old := r.leave()
	r.stay, r.overlap = nil, nil
	r.failPending(nil, orElse(err, ErrNotConnected))
	r.setState(StateDisconnected, reason, err)
	s.err = orElse(err, errDisconnected)
	s.cancel()
	close(s.ended)
	r.mu.Unlock()
	if old != nil {
		old.close(ws.StatusNormalClosure)
	}
}

var errDisconnected = errors.New("messaging: the room was disconnected")

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// leave makes a room have no current session and returns the one it had.
func (r *Room) leave() *session {
	old := r.current
	r.current = nil
	if old != nil && old.refresh != nil {
		old.refresh.Stop()
	}
	return old
}

// setState says so if the state is another.
func (r *Room) setState(state State, reason DisconnectReason, err error) {
	if r.state == state {
		return
	}
	r.state = state
	r.notices.put(&StateChange{State: state, Reason: reason, Err: err})
	attrs := []any{"state", string(state)}
	if reason != "" {
		attrs = append(attrs, "reason", string(reason))
	}
	if err != nil {
		attrs = append(attrs, "error", describe(err))
	}
	r.config.Logger.Info("messaging state", attrs...)
}

// describe words an error for the log, without what the service or the token
// provider said: that may be about a user.
func describe(err error) slog.Value {
	if _, ok := errors.AsType[*TokenError](err); ok {
		return slog.StringValue("the token provider failed")
	}
	if e, ok := errors.AsType[*CloseError](err); ok {
		return slog.GroupValue(slog.Int("close", e.Code))
	}
	if e, ok := errors.AsType[*HandshakeError](err); ok {
		return slog.GroupValue(slog.Int("status", e.Status), slog.Duration("retryAfter", e.RetryAfter))
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return slog.GroupValue(slog.Int("code", int(e.Code)))
	}
	return slog.StringValue(err.Error())
}

// pause waits, or returns false once the context has ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
