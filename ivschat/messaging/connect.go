package messaging

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/gobwas/ws"
)

const (
	// settledAfter is how long a connection must last for the one after it to be
	// opened without the pause that follows a failure.
	settledAfter = 5 * time.Second
	// minRefresh keeps a clock that is wrong, or a session of no length, from
	// making a refresh follow another at once.
	minRefresh = time.Second
	// lingerFor is how long a session is read after another has replaced it: the nodes
	// of a service need not deliver at the same moment.
	lingerFor = 100 * time.Millisecond
	// forget is how long after a change of connections ids are remembered.
	forget = 5 * time.Second
	// maxRetryAfter is the longest pause a service can ask for, in units of
	// Config.MaxBackoff.
	maxRetryAfter = 10
)

// arrive opens the next connection, however often that takes, and follows it
// and those after it until the stay ends or another goroutine takes over. At
// most one goroutine of a stay is opening.
func (r *Room) arrive(s *stay, first time.Duration) {
	for {
		x, err := r.reach(s, first)
		if err != nil {
			if !r.remain(s) {
				r.end(s, reasonOf(err), err)
			}
			return
		}
		if !r.enter(s, x) {
			return
		}
		var again bool
		if first, again = r.follow(s, x); !again {
			return
		}
	}
}

// reach tries to connect until it is, the stay ends or it may try no more. The
// first try is after a random pause up to the given one.
func (r *Room) reach(s *stay, first time.Duration) (*session, error) {
	if err := r.exhausted(s); err != nil {
		return nil, err
	}
	wait := jitter(first)
	for {
		if !pause(s.ctx, wait) {
			return nil, s.ctx.Err()
		}
		r.watch(s)
		x, err := r.open(s.ctx)
		if err == nil {
			return x, nil
		}
		if wait, err = r.failed(s, err); err != nil {
			return nil, err
		}
	}
}

// exhausted returns an error if connections that did not last have used up all tries.
func (r *Room) exhausted(s *stay) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.config.MaxAttempts > 0 && s.failures >= r.config.MaxAttempts {
		return s.last
	}
	return nil
}

// watch starts to remember ids: the new connection will bring frames that the
// current one brings too.
func (r *Room) watch(s *stay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stay == s && r.current != nil {
		r.overlap = r.recent.seen()
	}
}

// failed counts a failure and returns the pause until the next try, or an error
// if there is to be none.
func (r *Room) failed(s *stay, err error) (wait time.Duration, over error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stay != s {
		return 0, err
	}
	s.last = err
	s.failures++
	r.stats.Failures++
	r.config.Logger.Info("messaging connection failed", "failures", s.failures, "error", describe(err))
	if errors.Is(err, ErrNoToken) || r.config.MaxAttempts > 0 && s.failures >= r.config.MaxAttempts {
		return 0, err
	}
	return r.asked(err) + jitter(r.backoff(s.failures)), nil
}

// remain tells whether a room that could not change to a new session still has
// one to use. That one's end will be the next occasion to try.
func (r *Room) remain(s *stay) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stay != s || r.current == nil || r.current.expired {
		return false
	}
	s.opening, s.failures, r.overlap = false, 0, nil
	return true
}

// enter makes a session the current one, and returns when it may be read:
// whatever its predecessor still had has then been handed over. It returns false
// if the stay has ended meanwhile.
func (r *Room) enter(s *stay, x *session) bool {
	r.mu.Lock()
	if r.stay != s {
		r.mu.Unlock()
		x.close(ws.StatusNormalClosure)
		x.cut()
		return false
	}
	old := r.leave()
	r.current, s.opening = x, false
	r.stats.Connections++
	if old != nil {
		r.stats.Refreshes++
	}
	if d, ok := r.refreshIn(x); ok {
		x.refresh = time.AfterFunc(d, func() { r.refresh(s, x) })
	}
	r.setState(StateConnected, "", nil)
	select {
	case <-s.connected:
	default:
		close(s.connected)
	}
	if r.overlap != nil {
		time.AfterFunc(forget, r.forgetter(r.overlap))
	}
	if old == nil {
		r.mu.Unlock()
		return true
	}
	answered := r.settle(old)
	r.mu.Unlock()
	retire(s.ctx, old, answered)
	return true
}

func (r *Room) forgetter(overlap *seen) func() {
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.overlap == overlap {
			r.overlap = nil
		}
	}
}

// retire ends a session that another has replaced: once its requests have been
// answered, since a refusal comes to this connection only.
func retire(ctx context.Context, old *session, answered <-chan struct{}) {
	limit, cancel := context.WithTimeout(ctx, closeWait)
	defer cancel()
	linger := time.NewTimer(lingerFor)
	defer linger.Stop()
	select {
	case <-answered:
	case <-old.done:
	case <-limit.Done():
	}
	select {
	case <-linger.C:
	case <-old.done:
	case <-limit.Done():
	}
	old.close(ws.StatusNormalClosure)
	limit, cancel = context.WithTimeout(ctx, closeWait)
	defer cancel()
	select {
	case <-old.done:
	case <-limit.Done():
	}
}

// follow reads a session to its end. If it was the current one and the room
// is to be connected again, it returns the longest pause before that.
func (r *Room) follow(s *stay, x *session) (wait time.Duration, again bool) {
	err := x.read(func(text []byte) { r.receive(s, x, text) })
	x.cut()
	return r.ended(s, x, err)
}

func (r *Room) ended(s *stay, x *session, err error) (wait time.Duration, again bool) {
	r.mu.Lock()
	defer close(x.done)
	if r.stay != s {
		r.mu.Unlock()
		return 0, false
	}
	if r.current != x {
		r.inherit(x)
		r.mu.Unlock()
		return 0, false
	}
	if _, ok := errors.AsType[*CloseError](err); ok && !x.expired {
		r.mu.Unlock()
		r.end(s, ReasonServerDisconnect, err)
		return 0, false
	}
	defer r.mu.Unlock()
	r.config.Logger.Info("messaging connection lost", "error", describe(err))
	r.leave()
	r.failPending(x, err)
	s.last = err
	r.setState(StateConnecting, "", err)
	if s.opening {
		return 0, false // whoever opens the next one goes on
	}
	s.opening = true
	return max(4*r.config.BaseBackoff, r.setback(s, x)), true
}

// setback counts a session that did not last as a failure, and returns the
// longest pause that earns.
func (r *Room) setback(s *stay, x *session) time.Duration {
	if time.Since(x.opened) >= settledAfter {
		s.failures = 0
		return 0
	}
	s.failures++
	return r.backoff(s.failures)
}

// expire replaces a session that the service says is over. It may bring frames
// for a little longer.
func (r *Room) expire(s *stay, x *session, err *Error) {
	if r.current != x || x.expired {
		return
	}
	x.expired = true
	r.setState(StateConnecting, "", err)
	if !s.opening {
		wait := r.setback(s, x)
		s.opening, s.last = true, err
		r.running.Go(func() { r.arrive(s, wait) })
	}
}

// refresh replaces a session before it is over.
func (r *Room) refresh(s *stay, x *session) {
	r.mu.Lock()
	if r.stay != s || r.current != x || s.opening {
		r.mu.Unlock()
		return
	}
	s.opening, s.failures = true, 0
	r.running.Add(1)
	r.mu.Unlock()
	defer r.running.Done()
	r.arrive(s, 0)
}

// refreshIn returns when to replace a session whose end is known.
func (r *Room) refreshIn(x *session) (time.Duration, bool) {
	left := x.expires.Sub(x.opened)
	if x.expires.IsZero() || left <= 0 {
		return 0, false // the service will tell
	}
	before := min(r.config.RefreshBefore, left/2)
	return max(left-before-jitter(before/2), minRefresh), true
}

// backoff returns the longest pause after so many failures in a row.
func (r *Room) backoff(failures int) time.Duration {
	d := r.config.BaseBackoff
	for range failures - 1 {
		if d >= r.config.MaxBackoff {
			break
		}
		d *= 2
	}
	return min(d, r.config.MaxBackoff)
}

// asked returns the pause that the service asked for.
func (r *Room) asked(err error) time.Duration {
	if e, ok := errors.AsType[*HandshakeError](err); ok {
		return min(e.RetryAfter, maxRetryAfter*r.config.MaxBackoff)
	}
	return 0
}

// jitter returns a random part of d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}
