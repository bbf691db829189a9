package review_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/review"
)

// spec: review-handler.md §2, the example.
const wantPayload = `{"Content":"hello","MessageId":"M2YcHkgffEvU","RoomArn":"` + room +
	`","Attributes":{"k":"v"},"Sender":{"Attributes":{"username":"x"},"UserId":"u-123","Ip":"203.0.113.7"}}`

// The Invoke API, called by AWS's own client (spec: review-handler.md §5).
func TestLambdaIsInvoked(t *testing.T) {
	e := serve(t, says(allow))
	r := reviewer(t, review.Options{}, e.lambda())
	if v := decide(t, r, review.Handler{URI: function}, message()); v.Deny || v.Failure != nil {
		t.Fatalf("%+v", v)
	}
	got := e.got()
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	if path := unescape(t, got[0].path); path != "/2015-03-31/functions/"+function+"/invocations" {
		t.Errorf("path %s", path)
	}
	if diff := cmp.Diff(wantPayload, got[0].payload); diff != "" {
		t.Error(diff)
	}
	authorization := got[0].header.Get("Authorization")
	if !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential=123456789012/") || !strings.Contains(authorization, "/us-west-2/lambda/aws4_request") {
		t.Errorf("signed %s", authorization)
	}
}

func TestLambdaWithCredentialsAndANameOfItsOwn(t *testing.T) {
	e := serve(t, says(allow))
	o := review.Options{LambdaAccessKeyID: "AKIDEXAMPLE", LambdaSecretAccessKey: "secret"}
	decide(t, reviewer(t, o, e.lambda()+"/function"), review.Handler{URI: function}, message())
	got := e.got()[0]
	// The path that the Lambda Runtime Interface Emulator serves.
	if got.path != "/2015-03-31/functions/function/invocations" {
		t.Errorf("path %s", got.path)
	}
	if a := got.header.Get("Authorization"); !strings.Contains(a, "Credential=AKIDEXAMPLE/") {
		t.Errorf("signed %s", a)
	}
}

func TestLambdaEndpointTakesWhatNoRouteMatches(t *testing.T) {
	e := serve(t, moderator)
	o := review.Options{
		LambdaEndpoint: e.URL, LambdaAccessKeyID: "AKIDEXAMPLE", LambdaSecretAccessKey: "secret", Networks: loopback(),
		Routes: []review.Route{{Pattern: "arn:aws:lambda:*:*:function:links", Endpoints: []string{"builtin:links"}}},
	}
	r, err := review.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	q := message()
	q.Content = "spam"
	if v := decide(t, r, review.Handler{URI: function + ":live"}, q); !v.Deny || v.Reason != "spam" {
		t.Errorf("%+v", v)
	}
	if v := decide(t, r, review.Handler{URI: strings.ReplaceAll(function, "review", "links")}, q); v.Deny || v.Failure != nil {
		t.Errorf("the route was not taken first: %+v", v)
	}
	if got := e.got(); len(got) != 1 || !strings.Contains(unescape(t, got[0].path), "function:review:live/") {
		t.Errorf("%+v", got)
	}
}

// The credentials of the environment, as AWS's tools find them.
func TestLambdaEndpointUsesTheEnvironment(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDFROMENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") // of the user's other tools
	e := serve(t, says(allow))
	r, err := review.New(t.Context(), review.Options{LambdaEndpoint: e.URL, Networks: loopback()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if v := decide(t, r, review.Handler{URI: function}, message()); v.Failure != nil {
		t.Fatal(v.Failure)
	}
	if a := e.got()[0].header.Get("Authorization"); !strings.Contains(a, "Credential=AKIDFROMENV/") {
		t.Errorf("signed %s", a)
	}
}

func TestWebhookIsSigned(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	for _, secret := range []string{string(key), "whsec_" + base64.StdEncoding.EncodeToString(key)} {
		e := serve(t, says(allow))
		decide(t, reviewer(t, review.Options{WebhookSecret: secret}, e.webhook()), review.Handler{URI: function}, message())
		got := e.got()[0]
		if got.path != "/hooks/review" || got.payload != wantPayload || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("got %+v", got)
		}
		// As the Standard Webhooks specification says how to check it.
		id, timestamp := got.header.Get("webhook-id"), got.header.Get("webhook-timestamp")
		mac := hmac.New(sha256.New, key)
		io.WriteString(mac, id+"."+timestamp+"."+got.payload)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); got.header.Get("webhook-signature") != want {
			t.Errorf("signature %s, want %s", got.header.Get("webhook-signature"), want)
		}
		at, err := strconv.ParseInt(timestamp, 10, 64)
		if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute || id != "M2YcHkgffEvU" {
			t.Errorf("id %s at %s", id, timestamp)
		}
	}
	e := serve(t, says(allow))
	decide(t, reviewer(t, review.Options{}, e.webhook()), review.Handler{URI: function}, message())
	if s := e.got()[0].header.Get("webhook-signature"); s != "" {
		t.Errorf("signed without a secret: %s", s)
	}
}

// AWS's own sample handler looks into Attributes without asking.
func TestAttributesAreNeverNull(t *testing.T) {
	e := serve(t, says(allow))
	q := message()
	q.Attributes, q.Sender.Attributes = nil, nil
	v := decide(t, reviewer(t, review.Options{}, e.webhook()), review.Handler{URI: function}, q)
	if got := e.got()[0].payload; strings.Count(got, `"Attributes":{}`) != 2 {
		t.Error(got)
	}
	if v.Attributes != nil {
		t.Errorf("attributes of a message without any: %v", v.Attributes)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	addresses := map[string]bool{}
	e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		addresses[r.RemoteAddr] = true
		io.WriteString(w, allow)
	})
	for _, text := range []string{e.webhook(), e.lambda()} {
		clear(addresses)
		r := reviewer(t, review.Options{}, text)
		for range 5 {
			decide(t, r, review.Handler{URI: function}, message())
		}
		if len(addresses) != 1 {
			t.Errorf("%s: five calls took %d connections", text, len(addresses))
		}
	}
}

// One connection carries all calls to a server that speaks HTTP/2.
func TestHTTP2(t *testing.T) {
	const n = 20
	var mu sync.Mutex
	addresses, together := map[string]bool{}, make(chan struct{})
	release := make(chan struct{})
	var connected atomic.Bool // by a first call, which comes alone
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != "HTTP/2.0" {
			t.Errorf("got %s", r.Proto)
		}
		mu.Lock()
		addresses[r.RemoteAddr] = true
		mu.Unlock()
		if connected.Swap(true) {
			together <- struct{}{}
			<-release
		}
		io.WriteString(w, allow)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	r := reviewer(t, review.Options{}, s.URL)
	review.Trust(r, s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	if v := decide(t, r, review.Handler{URI: function}, message()); v.Failure != nil {
		t.Fatal(v.Failure)
	}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if v, err := r.Review(t.Context(), review.Handler{URI: function}, message()); err != nil || v.Failure != nil {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	for range n {
		<-together
	}
	close(release)
	all.Wait()
	if len(addresses) != 1 {
		t.Errorf("%d connections", len(addresses))
	}
}

// What is sent on is what the one before made of it; the original comes back
// when a later one fails (spec: unknowns.md U-RH-02).
func TestChain(t *testing.T) {
	first := serve(t, moderator)
	second := serve(t, says(`{"ReviewResult":"ALLOW","Content":"second","Attributes":{}}`))
	broken := serve(t, says(`nonsense`))
	q := message()
	q.Content = "darn it"

	v := decide(t, reviewer(t, review.Options{}, "builtin:links", first.webhook(), second.lambda()), review.Handler{URI: function}, q)
	if diff := cmp.Diff(review.Verdict{Content: "second", Attributes: map[string]string{}}, v); diff != "" {
		t.Error(diff)
	}
	if got := second.got()[0].payload; !strings.Contains(got, `"Content":"**** it"`) {
		t.Errorf("the second got %s", got)
	}

	v = decide(t, reviewer(t, review.Options{}, first.webhook(), broken.webhook()), review.Handler{URI: function}, q)
	if v.Deny || v.Content != "darn it" || v.Failure == nil || v.Failure.Failure != review.Invalid {
		t.Errorf("after a failure: %+v", v)
	}

	q.Content = "see https://evil.example/"
	before := len(first.got())
	v = decide(t, reviewer(t, review.Options{}, "builtin:links", first.webhook()), review.Handler{URI: function}, q)
	if !v.Deny || v.Reason == "" || len(first.got()) != before {
		t.Errorf("a denial did not end the chain: %+v", v)
	}
}
