package review

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// A circuit opens after this many failed calls in a row, for this long; then
// one call probes.
const (
	circuitFailures = 5
	circuitPause    = time.Second
)

// idle is how long a handler that nobody uses is remembered.
const idle = 10 * time.Minute

// handler is an ARN in use: its chain, and what is known of its endpoints.
type handler struct {
	uri     string
	links   []*link
	remote  bool         // some link calls out
	reviews atomic.Int64 // under way
	used    time.Time    // guarded by Reviewer.mu
}

// enter counts a review that is under way, until leave.
func (h *handler) enter() (leave func()) {
	h.reviews.Add(1)
	return func() { h.reviews.Add(-1) }
}

// link is one endpoint of a handler's chain.
type link struct {
	endpoint endpoint
	builtin  *builtin // or
	call     caller
	slots    chan struct{} // calls under way
	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// caller sends a payload and returns the body of the answer.
type caller interface {
	call(ctx context.Context, messageID string, payload []byte) ([]byte, *Error)
}

// handler returns the state of an ARN, making it on first use. ARNs are named by
// tenants, so those that are not used are forgotten.
func (r *Reviewer) handler(uri string) *handler {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.handlers[uri]
	if h == nil {
		h = r.newHandler(uri)
		r.handlers[uri] = h
	}
	h.used = now
	if now.Sub(r.swept) > idle {
		r.swept = now
		for uri, old := range r.handlers {
			if now.Sub(old.used) > idle && old.reviews.Load() == 0 {
				delete(r.handlers, uri)
				r.forgotten(old)
			}
		}
	}
	return h
}

// forgotten tells that a handler's open circuits are no more.
func (r *Reviewer) forgotten(h *handler) {
	for _, l := range h.links {
		if l.circuit != nil && l.circuit.State() != gobreaker.StateClosed {
			r.options.CircuitChanged(h.uri, false)
		}
	}
}

func (r *Reviewer) newHandler(uri string) *handler {
	h := &handler{uri: uri}
	to := r.resolve(uri)
	for _, e := range to.endpoints {
		l := &link{endpoint: e}
		switch e.kind {
		case kindBuiltin:
			l.builtin = r.builtins[e.text]
		case kindLambda:
			l.call = r.newLambda(e, uri, to.configured)
		case kindWebhook:
			l.call = &hook{client: r.client, url: e.url.String(), sign: r.sign}
		}
		if l.call != nil {
			h.remote = true
			l.slots = make(chan struct{}, r.options.HandlerCalls)
			l.circuit = r.newCircuit(uri, e.text)
		}
		h.links = append(h.links, l)
	}
	return h
}

func (r *Reviewer) newCircuit(uri, endpoint string) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1,
		Timeout:     circuitPause,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= circuitFailures },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			switch {
			case from == gobreaker.StateClosed:
				r.options.Logger.Warn("message review handler fails; its fallback result decides", "uri", uri, "endpoint", endpoint)
				r.options.CircuitChanged(uri, true)
			case to == gobreaker.StateClosed:
				r.options.Logger.Info("message review handler answers again", "uri", uri, "endpoint", endpoint)
				r.options.CircuitChanged(uri, false)
			}
		},
	})
}

// review asks the endpoint about one message.
func (l *link) review(ctx context.Context, q Request) (Verdict, *Error) {
	if l.builtin != nil {
		if reason, denied := l.builtin.review(&q); denied {
			return Verdict{Deny: true, Reason: reason}, nil
		}
		return Verdict{Content: q.Content, Attributes: q.Attributes}, nil
	}
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	default:
		return Verdict{}, &Error{Failure: Overloaded, Detail: "too many calls of the handler are under way"}
	}
	done, err := l.circuit.Allow()
	if err != nil {
		return Verdict{}, &Error{Failure: CircuitOpen, Detail: "it failed too often just now"}
	}
	body, failure := l.ask(ctx, &q)
	switch {
	case failure == nil || failure.Metric() != InvocationErrors:
		done(nil) // it answered, if only with an error of its own
	default:
		done(failure)
	}
	if failure != nil {
		return Verdict{}, failure
	}
	return parse(body, &q)
}

func (l *link) ask(ctx context.Context, q *Request) ([]byte, *Error) {
	payload, err := q.encode()
	if err != nil {
		return nil, &Error{Failure: ServerError, Detail: "the message cannot be encoded"}
	}
	body, failure := l.call.call(ctx, q.MessageID, payload)
	switch {
	case failure == nil:
		return body, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, &Error{Failure: cancelled, Detail: "given up"}
	case ctx.Err() != nil:
		return nil, &Error{Failure: Timeout, Detail: "no answer in time"}
	}
	return nil, failure
}

// Metric returns the name of the metric that counts the error.
func (e *Error) Metric() string { return e.Failure.Metric() }
