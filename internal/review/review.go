// Package review asks a room's message review handler about a message before
// anyone sees it (spec: review-handler.md). A handler is the ARN of a Lambda
// function; the operator's routes say which chain of endpoints the ARN means.
// The package decides allow or deny; it knows no rooms, sessions or wire.
package review

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/webhook"
)

// Request is the message to decide about, as its room would deliver it.
type Request struct {
	Content    string
	MessageID  string
	RoomARN    string
	Attributes map[string]string
	Sender     Sender
	// MaxContent is the most code points that the content may have afterwards.
	MaxContent int
}

// Sender is who sent the message.
type Sender struct {
	UserID     string
	Attributes map[string]string
	IP         string
}

// Handler is a room's message review handler.
type Handler struct {
	URI string
	// FallbackDeny says what a failure means: the message is denied, else
	// delivered as it was sent.
	FallbackDeny bool
}

// Verdict is what became of the message.
type Verdict struct {
	Deny   bool
	Reason string // of a denial, "" when none was given

	// What to deliver, unless denied.
	Content    string
	Attributes map[string]string

	// Failure is why the fallback result decided; nil when the handler did.
	Failure *Error
}

// Observation is what one endpoint of a handler did with one message, or why it
// was not asked.
type Observation struct {
	URI      string // the handler's ARN
	Endpoint string // as the route writes it
	Failure  Failure
	Duration time.Duration
}

// Options of a reviewer. Zero values take the defaults named here.
type Options struct {
	// Routes say what ARNs mean; the first that matches wins.
	Routes []Route
	// LambdaEndpoint takes the ARNs that no route matches: "aws" is AWS's own
	// in the function's region, a URL any other, "" none.
	LambdaEndpoint string
	// LambdaAccessKeyID and LambdaSecretAccessKey sign calls of Lambda. Without
	// them LambdaEndpoint is called with the credentials of the environment and
	// lambda+http endpoints with the function's account, as emulators expect.
	LambdaAccessKeyID     string
	LambdaSecretAccessKey string
	// WebhookSecret signs webhooks; without it they are not signed.
	WebhookSecret string
	// Networks are the ranges that may be called although they are not public.
	Networks []netip.Prefix
	// Timeout is the budget of one review, the whole chain: 200 ms
	// (spec: review-handler.md §4).
	Timeout time.Duration
	// HandlerCalls is the most calls under way to an endpoint for a function: 64.
	HandlerCalls int
	// RoomReviews is the most reviews of a room under way: 32.
	RoomReviews int
	// Observe hears of every endpoint of every review, from many goroutines at
	// once. It must not wait.
	Observe func(Observation)
	// CircuitChanged hears that a circuit of a handler opened or closed. It must
	// not wait, nor call the reviewer.
	CircuitChanged func(uri string, open bool)
	Logger         *slog.Logger
}

// Reviewer reviews messages. Its methods are safe for concurrent use.
type Reviewer struct {
	options     Options
	routes      []route
	builtins    map[string]*builtin // by the text of the endpoint
	client      *http.Client
	sign        webhook.Signer
	credentials aws.CredentialsProvider // of Options; nil when none are set
	environment aws.CredentialsProvider // of the environment; nil when not needed
	rooms       limit.Gauge

	mu       sync.Mutex // guards what follows
	handlers map[string]*handler
	swept    time.Time

	stop chan struct{}
	done sync.WaitGroup
}

// New returns a reviewer, or says everything that is wrong with the options.
// Close it.
func New(ctx context.Context, o Options) (*Reviewer, error) {
	if o.Timeout == 0 {
		o.Timeout = 200 * time.Millisecond
	}
	if o.HandlerCalls == 0 {
		o.HandlerCalls = 64
	}
	if o.RoomReviews == 0 {
		o.RoomReviews = 32
	}
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	if o.CircuitChanged == nil {
		o.CircuitChanged = func(string, bool) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Reviewer{
		options: o, builtins: map[string]*builtin{}, client: newClient(o.Networks, o.HandlerCalls),
		handlers: map[string]*handler{}, stop: make(chan struct{}),
	}
	var errs []error
	var err error
	if r.sign, err = webhook.NewSigner(o.WebhookSecret); err != nil {
		errs = append(errs, fmt.Errorf("review-webhook-secret: %w", err))
	}
	if err := r.lambdaCredentials(ctx); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, r.compile(o)...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	r.watch()
	return r, nil
}

// compile parses the routes and makes the built-in handlers they name.
func (r *Reviewer) compile(o Options) (errs []error) {
	routes := o.Routes
	if o.LambdaEndpoint != "" {
		endpoint := lambdaAWS
		if o.LambdaEndpoint != "aws" {
			endpoint = "lambda+" + o.LambdaEndpoint
		}
		routes = append(routes[:len(routes):len(routes)], Route{Pattern: "arn:aws:lambda:*", Endpoints: []string{endpoint}, configured: true})
	}
	fold := &folder{}
	for _, from := range routes {
		compiled := route{pattern: from.Pattern, configured: from.configured}
		for _, text := range from.Endpoints {
			e, err := parseEndpoint(text)
			if err == nil {
				err = r.permitted(e)
			}
			if err == nil && e.kind == kindBuiltin && r.builtins[text] == nil {
				r.builtins[text], err = newBuiltin(e, fold)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("review handler %s: %s: %w", from.Pattern, text, err))
				continue
			}
			compiled.endpoints = append(compiled.endpoints, e)
		}
		r.routes = append(r.routes, compiled)
	}
	return errs
}

// permitted refuses at once what every call would be refused for.
func (r *Reviewer) permitted(e endpoint) error {
	if e.url == nil {
		return nil
	}
	addr, err := netip.ParseAddr(e.url.Hostname())
	if err != nil {
		return nil // a name: decided on each connection
	}
	return permit(addr, r.options.Networks)
}

// Resolves tells whether the ARN means anything here.
func (r *Reviewer) Resolves(uri string) bool { return len(r.resolve(uri).endpoints) > 0 }

// Waits tells whether reviews by the handler call out, so that whoever has
// something else to do should not wait for them.
func (r *Reviewer) Waits(uri string) bool { return r.handler(uri).remote }

// Review decides about a message. Whatever goes wrong with the handler is
// answered by its fallback result; an error is only the context's, when whoever
// asked no longer wants to know.
func (r *Reviewer) Review(ctx context.Context, h Handler, q Request) (Verdict, error) {
	return r.review(ctx, h, q, r.options.Observe)
}

// Step is what one endpoint made of a message that was tried.
type Step struct {
	Endpoint string
	Verdict  Verdict // as it was after the endpoint
	Failure  *Error
	Duration time.Duration
}

// Try is Review and what each endpoint of the chain said. It is not observed.
func (r *Reviewer) Try(ctx context.Context, h Handler, q Request) (Verdict, []Step, error) {
	var steps []Step
	verdict, err := r.reviewSteps(ctx, h, q, func(Observation) {}, func(s Step) { steps = append(steps, s) })
	return verdict, steps, err
}

func (r *Reviewer) review(ctx context.Context, h Handler, q Request, observe func(Observation)) (Verdict, error) {
	return r.reviewSteps(ctx, h, q, observe, nil)
}

func (r *Reviewer) reviewSteps(ctx context.Context, h Handler, q Request, observe func(Observation), step func(Step)) (Verdict, error) {
	verdict, failure := r.run(ctx, r.handler(h.URI), q, observe, step)
	if failure == nil {
		return verdict, nil
	}
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	r.options.Logger.Debug("message review failed", "uri", h.URI, "room", q.RoomARN, "error", failure)
	return Verdict{Deny: h.FallbackDeny, Content: q.Content, Attributes: q.Attributes, Failure: failure}, nil
}

// run asks the chain's endpoints in turn, each about what the one before it made
// of the message.
func (r *Reviewer) run(ctx context.Context, h *handler, q Request, observe func(Observation), step func(Step)) (Verdict, *Error) {
	verdict := Verdict{Content: q.Content, Attributes: q.Attributes}
	if len(h.links) == 0 {
		observe(Observation{URI: h.uri, Failure: NotFound})
		return verdict, &Error{Failure: NotFound, Detail: "no route and no Lambda endpoint takes the handler"}
	}
	if h.remote {
		room := limit.Key{What: q.RoomARN}
		if !r.rooms.Take(room, r.options.RoomReviews) {
			observe(Observation{URI: h.uri, Failure: Overloaded})
			return verdict, &Error{Failure: Overloaded, Detail: "too many reviews of the room are under way"}
		}
		defer r.rooms.Release(room)
		defer h.enter()()
		limited, cancel := context.WithTimeout(ctx, r.options.Timeout)
		defer cancel()
		ctx = limited
	}
	for _, l := range h.links {
		began := time.Now()
		next, failure := l.review(ctx, q)
		took := time.Since(began)
		o := Observation{URI: h.uri, Endpoint: l.endpoint.text, Duration: took}
		if failure != nil {
			o.Failure = failure.Failure
		}
		if failure == nil || failure.Failure != cancelled {
			observe(o)
		}
		if step != nil {
			step(Step{Endpoint: l.endpoint.text, Verdict: next, Failure: failure, Duration: took})
		}
		if failure != nil || next.Deny {
			return next, failure
		}
		verdict = next
		q.Content, q.Attributes = next.Content, next.Attributes
	}
	return verdict, nil
}

// Close ends the reviewer. Reviews that are under way end with their contexts.
func (r *Reviewer) Close() {
	close(r.stop)
	r.done.Wait()
	r.client.CloseIdleConnections()
}
