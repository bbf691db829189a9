package natslog

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/parleychat/parley/internal/roomlog"
)

// append stores an entry at the end of the room's log, if the rate allows it.
func (r *room) append(ctx context.Context, e stored, rate int) (uint64, error) {
	select {
	case r.appending <- struct{}{}:
		defer func() { <-r.appending }()
	case <-ctx.Done():
		return 0, unreachable(ctx.Err())
	}
	id := nuid.Next() // an answer that is lost is settled by sending again
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		r.mu.Lock()
		r.touched = time.Now()
		if r.full(e.Time, rate) {
			r.mu.Unlock()
			return 0, roomlog.ErrRate
		}
		e.Prev, e.Counted = r.end, rate > 0
		r.mu.Unlock()
		seq, err := r.publish(ctx, e, id)
		if err == nil {
			e.Seq = seq
			r.mu.Lock()
			r.learn(e)
			r.confirmLater()
			r.mu.Unlock()
			return seq, nil
		}
		if isConflict(err) {
			err = r.find(ctx)
		} else { // not stored, or stored and not told
			if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) {
				r.log.look()
			}
			select {
			case <-ctx.Done():
			case <-time.After(wait/2 + rand.N(wait)):
			}
		}
		if ctx.Err() != nil { // it may be stored nevertheless
			r.mu.Lock()
			r.doubt = true
			r.confirmLater()
			r.mu.Unlock()
			return 0, unreachable(err)
		}
	}
}

// tryFor is how long an answer is waited for until the entry is sent again: the
// server that had it may be gone.
const tryFor = 500 * time.Millisecond

func (r *room) publish(ctx context.Context, e stored, id string) (uint64, error) {
	if !r.log.Reachable() {
		return 0, nats.ErrDisconnected
	}
	data, err := encode(e)
	if err != nil {
		return 0, err
	}
	which, ttl := plain, r.log.options.Keep
	if len(e.LoggingConfigurations) > 0 {
		which, ttl = logged, r.log.options.KeepLogged
	}
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	ack, err := r.log.js.PublishMsg(ctx, &nats.Msg{Subject: r.log.subject("entry", which, r.key), Data: data},
		jetstream.WithMsgID(id), jetstream.WithExpectLastSequenceForSubject(e.Prev, r.log.filter(r.key)),
		jetstream.WithMsgTTL(ttl), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

func isConflict(err error) bool {
	var e *jetstream.APIError
	return errors.As(err, &e) &&
		(e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// find learns what others appended since.
func (r *room) find(ctx context.Context) error {
	for {
		r.mu.Lock()
		after := r.known
		r.mu.Unlock()
		e, err := r.log.nextOfAll(ctx, r.key, after)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return r.findEnd(ctx, after)
		}
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.learn(e)
		r.mu.Unlock()
	}
}

// findEnd learns which entry the stream has still that is the room's last. Entries
// that are to be logged stay longer than others: it may be one from before the last.
func (r *room) findEnd(ctx context.Context, known uint64) error {
	e, err := r.log.newestAtLeader(ctx, r.key)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == known && e.Seq <= known {
		r.end = e.Seq
	}
	return nil
}
