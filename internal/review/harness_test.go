package review_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parleychat/parley/internal/review"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	function = "arn:aws:lambda:us-west-2:123456789012:function:review"
	room     = "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
)

// message is a request with everything in it.
func message() review.Request {
	return review.Request{
		Content: "hello", MessageID: "M2YcHkgffEvU", RoomARN: room, Attributes: map[string]string{"k": "v"},
		Sender:     review.Sender{UserID: "u-123", Attributes: map[string]string{"username": "x"}, IP: "203.0.113.7"},
		MaxContent: 500,
	}
}

// loopback lets a reviewer call the servers of tests.
func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// reviewer returns a reviewer whose one route leads to the endpoints.
func reviewer(t testing.TB, o review.Options, endpoints ...string) *review.Reviewer {
	t.Helper()
	o.Routes = append(o.Routes, review.Route{Pattern: "arn:aws:lambda:*", Endpoints: endpoints})
	if o.Networks == nil {
		o.Networks = loopback()
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second // of tests that are not about time
	}
	r, err := review.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func decide(t testing.TB, r *review.Reviewer, h review.Handler, q review.Request) review.Verdict {
	t.Helper()
	v, err := r.Review(t.Context(), h, q)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// observer keeps what a reviewer reports.
type observer struct {
	mu   sync.Mutex
	seen []review.Observation
}

func (o *observer) observe(seen review.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, seen)
}

func (o *observer) failures() []review.Failure {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []review.Failure
	for _, s := range o.seen {
		all = append(all, s.Failure)
	}
	return all
}

// endpoint is a server that answers as it is told, by the path of a webhook and
// by that of the Invoke API alike.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	requests []received
}

type received struct {
	path    string // escaped
	header  http.Header
	payload string
}

func serve(t testing.TB, answer http.HandlerFunc) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewServer(e.record(t, answer))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) record(t testing.TB, answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		e.mu.Lock()
		e.requests = append(e.requests, received{r.URL.EscapedPath(), r.Header.Clone(), string(body)})
		e.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer(w, r)
	}
}

func (e *endpoint) got() []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]received(nil), e.requests...)
}

func (e *endpoint) webhook() string { return e.URL + "/hooks/review" }
func (e *endpoint) lambda() string  { return "lambda+" + e.URL }

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

const allow = `{"ReviewResult":"ALLOW","Content":"hello"}`

// moderator is a handler as one writes them for IVS Chat: it denies spam, stars
// out curses, and leaves a mark.
func moderator(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Content    string
		Attributes map[string]string
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := map[string]any{"ReviewResult": "ALLOW", "Content": strings.ReplaceAll(event.Content, "darn", "****")}
	if strings.Contains(event.Content, "spam") {
		out = map[string]any{"ReviewResult": "DENY", "Content": "", "Attributes": map[string]string{"Reason": "spam"}}
	}
	json.NewEncoder(w).Encode(out)
}

func unescape(t testing.TB, s string) string {
	t.Helper()
	plain, err := url.PathUnescape(s)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// canceled returns a context that has ended.
func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
