// Package api is the HTTP control plane: it turns requests into typed calls of
// [ivschat.API] and answers into responses, and decides nothing itself.
//
// A request goes through these steps, and the first that refuses ends it (spec:
// control-plane.md §1.3): path and method, body size and time, requests in
// flight, signature, API call rate, decoding, authorization, the call, which
// begins with the service's validation. Unknown paths are told before the signature is looked at: the route
// table is public, and nothing is read for a request that leads nowhere.
//
// It expects net/http in front, which bounds headers and refuses requests that
// are no HTTP.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/restjson"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/ivschat"
)

// Defaults of Options. The body's time limit begins when its headers are read.
const (
	defaultMaxBody     = 256 << 10
	defaultMaxInFlight = 256
	bodyTime           = 10 * time.Second
)

// Options is what the control plane is made of. All functions are called
// concurrently.
type Options struct {
	Service ivschat.API
	// Verify says who signed the request, whose whole body is given, for the
	// service ("ivschat" or "sts"). A *sigv4.Error is answered with 403.
	Verify func(r *http.Request, body []byte, service string) (sigv4.Identity, error)
	// Principal returns the principal of an access key that has signed.
	Principal func(ctx context.Context, id sigv4.Identity) (principal.Principal, error)
	// Allow counts a call against the API call rate and returns a
	// *ivschat.ThrottlingException beyond it. nil allows everything.
	Allow func(p principal.Principal, operation string) error
	// Authorize returns the exception for what the principal may not do. input
	// is decoded but not yet validated. nil allows everything.
	Authorize   func(ctx context.Context, r *http.Request, p principal.Principal, operation string, input any) error
	MaxBody     int64        // bytes, default 256 KiB
	MaxInFlight int          // requests at a time, default 256; those beyond get 503
	Log         *slog.Logger // default: none
	// Observe is told of every request: the operation ("" for an unknown
	// path), the exception's code ("" for a success), and how long it took.
	// Both strings are from small fixed sets. nil is allowed.
	Observe func(operation, code string, d time.Duration)
}

// New returns the control plane's handler.
func New(o Options) http.Handler {
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = defaultMaxInFlight
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &handler{Options: o, routes: routes(o.Service), inFlight: make(chan struct{}, o.MaxInFlight)}
}

type handler struct {
	Options
	routes   map[string]route // by method and path: "POST /CreateRoom"
	inFlight chan struct{}
}

// exchange is one request on its way to its response.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	requestID string
	route     route
	principal principal.Principal
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	x := &exchange{w: w, r: r, requestID: newRequestID(), route: route{format: jsonFormat{}}}
	response := h.respond(x)
	response.write(x)
	took := time.Since(began)
	if h.Observe != nil {
		h.Observe(x.route.name, response.code, took)
	}
	if !h.Log.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	// Nothing here is the sender's text: paths and bodies may hold user ids and
	// queries signatures.
	h.Log.LogAttrs(r.Context(), slog.LevelDebug, "request",
		slog.String("operation", x.route.name), slog.String("code", response.code), slog.Int("status", response.status),
		slog.Duration("took", took), slog.String("request_id", x.requestID),
		slog.String("account", x.principal.Account), slog.String("access_key_id", x.principal.AccessKeyID))
}

// respond never panics, unless to abort the response.
func (h *handler) respond(x *exchange) (out response) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if cause == http.ErrAbortHandler {
			panic(cause)
		}
		h.Log.Error("panic", "operation", x.route.name, "request_id", x.requestID, "panic", cause, "stack", string(debug.Stack()))
		out = x.failure(internal())
	}()
	if len(x.r.TransferEncoding) > 0 {
		// There may have been a Content-Length beside the chunks, which net/http
		// does not show. What a proxy then takes for the next request must not be
		// one to us (RFC 9112 §6.3). No client of this protocol sends chunks.
		x.w.Header().Set("Connection", "close")
	}
	result, err := h.perform(x)
	if err != nil {
		return x.failure(h.exception(x, err))
	}
	out, err = x.success(result)
	if err != nil {
		return x.failure(h.exception(x, err))
	}
	return out
}

// perform returns what the operation put out.
func (h *handler) perform(x *exchange) (any, error) {
	to, path, err := h.find(x.r)
	if err != nil {
		return nil, err
	}
	x.route = to
	body, err := readBody(x.w, x.r, h.MaxBody)
	if err != nil {
		return nil, err
	}
	// Only now: who is slow to send must not keep others out.
	select {
	case h.inFlight <- struct{}{}:
		defer func() { <-h.inFlight }()
	default:
		x.w.Header().Set("Retry-After", "1")
		return nil, overloaded()
	}
	signer, err := h.Verify(x.r, body, to.service)
	if err != nil {
		return nil, err
	}
	p, err := h.Principal(x.r.Context(), signer)
	if err != nil {
		return nil, err
	}
	x.principal = p
	if h.Allow != nil {
		if err := h.Allow(p, to.name); err != nil {
			return nil, err
		}
	}
	in, err := to.decode(restjson.Request{Path: path, Query: x.r.URL.RawQuery, Body: body, Presigned: signer.Presigned})
	if err != nil {
		return nil, err
	}
	ctx := principal.NewContext(x.r.Context(), p)
	if h.Authorize != nil && to.service == ivschat.ServiceID {
		if err := h.Authorize(ctx, x.r, p, to.name, in); err != nil {
			return nil, err
		}
	}
	return to.call(ctx, in)
}
