package review_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/review"
)

func statusOnly(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		io.WriteString(w, `{"Message":"no"}`)
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

// spec: review-handler.md §4, every row of the table and every invalid answer,
// by both ways of calling: what is counted, and what becomes of the message.
func TestEveryFailureTakesTheFallback(t *testing.T) {
	long := strings.Repeat("é", 501)
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   review.Failure
		metric string
		label  string
		lambda bool // only by the Invoke API
	}{
		{"no such function", statusOnly(404), review.NotFound, "InvocationErrors", "notfound", false},
		{"policy", statusOnly(403), review.AccessDenied, "InvocationErrors", "denied", false},
		{"unauthenticated", statusOnly(401), review.AccessDenied, "InvocationErrors", "denied", false},
		{"throttled", statusOnly(429), review.Throttled, "InvocationErrors", "throttled", false},
		{"too large", statusOnly(413), review.ServerError, "InvocationErrors", "status", false},
		{"service", statusOnly(500), review.ServerError, "InvocationErrors", "status", false},
		{"state", statusOnly(502), review.ServerError, "InvocationErrors", "status", false},
		{"conflict", statusOnly(409), review.ServerError, "InvocationErrors", "status", false},
		{"hangs up", hangUp, review.Network, "InvocationErrors", "network", false},
		{"timeout", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, review.Timeout, "InvocationErrors", "timeout", false},
		{"stops in the middle", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"ReviewResult":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, review.Timeout, "InvocationErrors", "timeout", false},
		{"function error", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			io.WriteString(w, `{"errorMessage":"boom","errorType":"Error","stackTrace":[]}`)
		}, review.FunctionError, "", "function", true},

		{"nothing", says(""), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"no JSON", says("<html>"), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"no object", says(`"ALLOW"`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"null", says(`null`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"half an object", says(`{"ReviewResult":"ALLOW"`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"two objects", says(allow + allow), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"a member twice", says(`{"ReviewResult":"DENY","ReviewResult":"ALLOW","Content":"x"}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"bad UTF-8", says("{\"ReviewResult\":\"ALLOW\",\"Content\":\"\xff\"}"), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"no result", says(`{"Content":"x"}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"another case", says(`{"reviewResult":"ALLOW","content":"x"}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"unknown result", says(`{"ReviewResult":"MAYBE","Content":"x"}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"result of another type", says(`{"ReviewResult":true,"Content":"x"}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"no content", says(`{"ReviewResult":"ALLOW"}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"content of another type", says(`{"ReviewResult":"ALLOW","Content":7}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"empty content", says(`{"ReviewResult":"ALLOW","Content":""}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"content too long", says(`{"ReviewResult":"ALLOW","Content":"` + long + `"}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"attributes of another type", says(`{"ReviewResult":"ALLOW","Content":"x","Attributes":["a"]}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"an attribute of another type", says(`{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":1}}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"an attribute that is null", says(`{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":null}}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"attributes too long", says(`{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":"` + long[:1000] + long[:100] + `"}}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"reason too long", says(`{"ReviewResult":"DENY","Content":"","Attributes":{"Reason":"` + strings.Repeat("x", 1100) + `"}}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
		{"an answer without end", says(`{"ReviewResult":"ALLOW","Content":"x","more":"` + strings.Repeat("x", 70<<10) + `"}`), review.Invalid, "ResponseValidationErrors", "invalid", false},
	}
	for _, test := range tests {
		ways := map[string]func(*endpoint) string{"lambda": (*endpoint).lambda, "webhook": (*endpoint).webhook}
		if test.lambda {
			delete(ways, "webhook")
		}
		for way, text := range ways {
			t.Run(test.name+"/"+way, func(t *testing.T) {
				e := serve(t, test.answer)
				var seen observer
				o := review.Options{Observe: seen.observe}
				if test.want == review.Timeout {
					o.Timeout = 50 * time.Millisecond
				}
				r := reviewer(t, o, text(e))
				for _, deny := range []bool{false, true} {
					q := message()
					v := decide(t, r, review.Handler{URI: function, FallbackDeny: deny}, q)
					if v.Failure == nil {
						t.Fatalf("no failure: %+v", v)
					}
					if v.Deny != deny || v.Reason != "" || v.Content != q.Content || cmp.Diff(v.Attributes, q.Attributes) != "" {
						t.Errorf("fallback deny %v: %+v", deny, v)
					}
					if v.Failure.Failure != test.want {
						t.Errorf("failure %v, want %v", v.Failure, test.want)
					}
					if strings.Contains(v.Failure.Error(), q.Content) {
						t.Errorf("the failure quotes the message: %v", v.Failure)
					}
				}
				if diff := cmp.Diff([]review.Failure{test.want, test.want}, seen.failures()); diff != "" {
					t.Errorf("observed: %s", diff)
				}
				if test.want.Metric() != test.metric || test.want.String() != test.label {
					t.Errorf("counted by %q as %q, want %q as %q", test.want.Metric(), test.want, test.metric, test.label)
				}
				if len(e.got()) > 2 {
					t.Errorf("%d calls for two reviews: something was tried again", len(e.got()))
				}
			})
		}
	}
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for _, text := range []string{"http://" + address, "lambda+http://" + address, "https://" + address} {
		v := decide(t, reviewer(t, review.Options{}, text), review.Handler{URI: function}, message())
		if v.Failure == nil || v.Failure.Failure != review.Network {
			t.Errorf("%s: %v", text, v.Failure)
		}
	}
}

func TestUnresolved(t *testing.T) {
	var seen observer
	r, err := review.New(t.Context(), review.Options{Observe: seen.observe})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	v := decide(t, r, review.Handler{URI: function, FallbackDeny: true}, message())
	if !v.Deny || v.Failure.Failure != review.NotFound || r.Resolves(function) || r.Waits(function) {
		t.Errorf("%+v", v)
	}
	if diff := cmp.Diff([]review.Failure{review.NotFound}, seen.failures()); diff != "" {
		t.Error(diff)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other := serve(t, says(allow))
	for _, code := range []int{301, 302, 303, 307, 308} {
		e := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, code) })
		for _, text := range []string{e.webhook(), e.lambda()} {
			v := decide(t, reviewer(t, review.Options{}, text), review.Handler{URI: function}, message())
			if v.Failure == nil || v.Failure.Failure != review.ServerError {
				t.Errorf("%d from %s: %v", code, text, v.Failure)
			}
		}
	}
	if n := len(other.got()); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestAddressesThatAreNotPublic(t *testing.T) {
	e := serve(t, says(allow))
	_, port, _ := net.SplitHostPort(e.Listener.Addr().String())
	// An address is refused when the settings are read …
	for _, host := range []string{
		"127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
		"[::1]", "[::]", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
	} {
		_, err := review.New(t.Context(), review.Options{
			Routes: []review.Route{{Pattern: "arn:aws:lambda:*", Endpoints: []string{"http://" + host + ":" + port + "/"}}},
		})
		if err == nil || !strings.Contains(err.Error(), "review-allow-networks") {
			t.Errorf("%s: %v", host, err)
		}
	}
	// … a name on the connection.
	v, err := withoutNetworks(t, "http://localhost:"+port).Review(t.Context(), review.Handler{URI: function}, message())
	if err != nil || v.Failure == nil || v.Failure.Failure != review.Network || !strings.Contains(v.Failure.Detail, "not a public address") {
		t.Errorf("localhost: %+v, %v", v, err)
	}
	if len(e.got()) != 0 {
		t.Error("the call was made")
	}
	if v := decide(t, reviewer(t, review.Options{}, "http://localhost:"+port), review.Handler{URI: function}, message()); v.Failure != nil {
		t.Errorf("allowed by the settings: %v", v.Failure)
	}
	for _, public := range []string{"http://93.184.215.14/", "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/"} {
		withoutNetworks(t, public)
	}
}

func withoutNetworks(t *testing.T, text string) *review.Reviewer {
	t.Helper()
	r, err := review.New(t.Context(), review.Options{
		Routes: []review.Route{{Pattern: "arn:aws:lambda:*", Endpoints: []string{text}}},
	})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	t.Cleanup(r.Close)
	return r
}

func TestNoProxyIsAsked(t *testing.T) {
	proxy := serve(t, says(allow))
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	e := serve(t, says(allow))
	_, port, _ := net.SplitHostPort(e.Listener.Addr().String())
	// A name: proxies are never asked for loopback addresses anyway.
	decide(t, reviewer(t, review.Options{}, "http://localhost:"+port), review.Handler{URI: function}, message())
	if len(proxy.got()) != 0 {
		t.Error("the proxy of the environment was asked")
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	s := httptest.NewUnstartedServer(says(allow))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	v := decide(t, reviewer(t, review.Options{}, s.URL), review.Handler{URI: function}, message())
	if v.Failure == nil || v.Failure.Failure != review.Network || !strings.Contains(v.Failure.Detail, "certificate") {
		t.Errorf("a certificate of nobody: %v", v.Failure)
	}
}

// What is beyond a bound fails at once: these reviews end while all others hang.
func TestBoundsFailInsteadOfWaiting(t *testing.T) {
	for name, test := range map[string]struct {
		options review.Options
		other   string // a room
	}{
		"calls of a handler": {review.Options{HandlerCalls: 3, RoomReviews: 100}, room + "2"},
		"reviews of a room":  {review.Options{HandlerCalls: 100, RoomReviews: 3}, room},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			arrived := make(chan struct{}, 10)
			e := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				arrived <- struct{}{}
				<-release
				io.WriteString(w, allow)
			})
			var seen observer
			test.options.Observe = seen.observe
			r := reviewer(t, test.options, e.webhook())
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					if v, err := r.Review(t.Context(), review.Handler{URI: function}, message()); err != nil || v.Failure != nil {
						t.Errorf("%+v, %v", v, err)
					}
				})
			}
			for range 3 {
				<-arrived
			}
			q := message()
			q.RoomARN = test.other
			if v := decide(t, r, review.Handler{URI: function, FallbackDeny: true}, q); !v.Deny || v.Failure.Failure != review.Overloaded {
				t.Errorf("%+v", v)
			}
			close(release)
			all.Wait()
			if v := decide(t, r, review.Handler{URI: function}, q); v.Failure != nil {
				t.Errorf("with room again: %v", v.Failure)
			}
		})
	}
}

func TestCircuit(t *testing.T) {
	var down sync.Map
	down.Store("down", true)
	e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, is := down.Load("down"); is {
			statusOnly(503)(w, r)
			return
		}
		io.WriteString(w, allow)
	})
	var mu sync.Mutex
	var changes []string
	o := review.Options{CircuitChanged: func(uri string, open bool) {
		mu.Lock()
		defer mu.Unlock()
		changes = append(changes, fmt.Sprint(uri, " ", open))
	}}
	r := reviewer(t, o, e.webhook())
	h := review.Handler{URI: function, FallbackDeny: true}
	for i := range 5 {
		if v := decide(t, r, h, message()); v.Failure == nil || v.Failure.Failure != review.ServerError {
			t.Fatalf("review %d: %+v", i, v)
		}
	}
	v := decide(t, r, h, message())
	if v.Failure == nil || v.Failure.Failure != review.CircuitOpen || v.Failure.Metric() != review.InvocationErrors || !v.Deny {
		t.Fatalf("after five failures: %+v", v)
	}
	if n := len(e.got()); n != 5 {
		t.Errorf("%d calls, want 5", n)
	}
	// Another function at the same endpoint has a circuit of its own.
	if v := decide(t, r, review.Handler{URI: function + "2"}, message()); v.Failure.Failure != review.ServerError {
		t.Errorf("another function: %v", v.Failure)
	}
	down.Delete("down")
	deadline := time.Now().Add(30 * time.Second)
	for v.Failure != nil {
		if time.Now().After(deadline) {
			t.Fatal("the circuit stays open")
		}
		v = decide(t, r, h, message())
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{function + " true", function + " false"}, changes); diff != "" {
		t.Error(diff)
	}
}

// A handler that answers nonsense, or fails by itself, is not dead.
func TestAnswersOfAnyKindKeepTheCircuitClosed(t *testing.T) {
	e := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		io.WriteString(w, "{}")
	})
	for _, text := range []string{e.webhook(), e.lambda()} {
		r := reviewer(t, review.Options{}, text)
		for range 10 {
			if v := decide(t, r, review.Handler{URI: function}, message()); v.Failure.Failure == review.CircuitOpen {
				t.Fatalf("%s: %v", text, v.Failure)
			}
		}
	}
}

func TestWhoNoLongerWantsToKnowGetsNoVerdict(t *testing.T) {
	var seen observer
	e := serve(t, says(allow))
	r := reviewer(t, review.Options{Observe: seen.observe}, e.webhook())
	if _, err := r.Review(canceled(), review.Handler{URI: function}, message()); err == nil {
		t.Error("a verdict for nobody")
	}
	if got := seen.failures(); len(got) != 0 {
		t.Errorf("counted: %v", got)
	}
}
