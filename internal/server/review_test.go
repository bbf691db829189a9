package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/ivschat"
)

// event is what a handler gets (spec: review-handler.md §2).
type event struct {
	Content, MessageId, RoomArn string
	Attributes                  map[string]string
	Sender                      struct {
		UserId, Ip string
		Attributes map[string]string
	}
}

// handlers serves one function through the Invoke API, and returns what makes a
// server use it for every ARN.
func handlers(t *testing.T, function func(event) any) func(*config.Config) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Errorf("payload: %v", err)
		}
		if answer := function(e); answer != nil {
			json.NewEncoder(w).Encode(answer)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(s.Close)
	return func(c *config.Config) {
		c.ReviewHandlers = []config.Route{{Pattern: "arn:aws:lambda:*", Endpoints: []string{"lambda+" + s.URL}}}
		c.ReviewAllowNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.ReviewTimeout = 30 * time.Second // of tests that are not about time
	}
}

type verdict struct {
	ReviewResult, Content string
	Attributes            map[string]string `json:",omitempty"`
}

// reviewed makes a room whose messages are reviewed.
func (r *running) reviewed(fallback ivschat.FallbackResult) *ivschat.Room {
	r.t.Helper()
	room, err := r.client().CreateRoom(r.t.Context(), &ivschat.CreateRoomInput{
		MaximumMessageRatePerSecond: new(int32(100)), MessageReviewHandler: r.handler(fallback),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return room
}

func (r *running) handler(fallback ivschat.FallbackResult) *ivschat.MessageReviewHandler {
	uri := "arn:aws:lambda:us-west-2:" + r.server.Keys.AccessKey.Account + ":function:review"
	return &ivschat.MessageReviewHandler{URI: &uri, FallbackResult: &fallback}
}

func (r *running) say(c *websocket.Conn, requestID, content string) {
	r.t.Helper()
	r.send(c, fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":%q,"Content":%q,"Attributes":{"k":"v"}}`, requestID, content))
}

func TestMessagesAreReviewed(t *testing.T) {
	events := make(chan event, 10)
	r := start(t, handlers(t, func(e event) any {
		events <- e
		switch e.Content {
		case "deny":
			return verdict{"DENY", "", map[string]string{"Reason": "because"}}
		case "deny silently":
			return verdict{"DENY", "", nil}
		case "change":
			return verdict{"ALLOW", "changed", map[string]string{"a": "b"}}
		case "fail":
			return nil
		case "nonsense":
			return []int{1}
		}
		return verdict{"ALLOW", e.Content, nil}
	}))
	room := r.reviewed(ivschat.FallbackResultAllow)
	ana := r.connect(room, "ana")
	for _, test := range []struct {
		content string
		want    frame
	}{
		{"hello", frame{Type: "MESSAGE", Content: "hello"}},
		{"change", frame{Type: "MESSAGE", Content: "changed"}},
		{"deny", frame{Type: "ERROR", ErrorCode: 406, ErrorMessage: "because"}},
		{"deny silently", frame{Type: "ERROR", ErrorCode: 406, ErrorMessage: "Message rejected by the message review handler"}},
		{"fail", frame{Type: "MESSAGE", Content: "fail"}},
		{"nonsense", frame{Type: "MESSAGE", Content: "nonsense"}},
	} {
		r.say(ana, test.content, test.content)
		got := r.read(ana)
		e := <-events
		if got.Id != e.MessageId || len(got.Id) != 12 {
			t.Errorf("%s: the handler got the id %s, the sender %s", test.content, e.MessageId, got.Id)
		}
		if e.Content != test.content || e.RoomArn != room.Arn || e.Sender.UserId != "ana" || e.Sender.Ip != "127.0.0.1" || e.Attributes["k"] != "v" || e.Sender.Attributes == nil {
			t.Errorf("%s: the handler got %+v", test.content, e)
		}
		test.want.Id, test.want.RequestId = got.Id, test.content
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.content, diff)
		}
	}
	if _, err := r.client().UpdateRoom(t.Context(), &ivschat.UpdateRoomInput{Identifier: room.Arn, MessageReviewHandler: r.handler(ivschat.FallbackResultDeny)}); err != nil {
		t.Fatal(err)
	}
	r.say(ana, "1", "fail")
	if got := r.read(ana); got.ErrorCode != 406 || got.RequestId != "1" {
		t.Errorf("fallback DENY: %+v", got)
	}
}

// spec: monitoring.md §4: every failure by the metric that IVS Chat counts it by.
func TestReviewsAreCounted(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e event
		json.NewDecoder(r.Body).Decode(&e)
		switch e.Content {
		case "status":
			w.WriteHeader(http.StatusBadGateway)
		case "function":
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		case "ok":
			json.NewEncoder(w).Encode(verdict{"ALLOW", "ok", nil})
		}
	}))
	t.Cleanup(s.Close)
	r := start(t, func(c *config.Config) {
		handlers(t, nil)(c)
		c.Quotas = "none"
		c.ReviewHandlers[0].Endpoints = []string{"builtin:links", "lambda+" + s.URL}
	})
	room := r.reviewed(ivschat.FallbackResultAllow)
	url, ana := r.metrics(), r.connect(room, "ana")
	for i, content := range []string{"ok", "function", "invalid", "status", "status", "status", "status", "status", "circuit", "evil.com"} {
		r.say(ana, fmt.Sprint(i), content)
		r.read(ana)
	}
	got, _ := scrape(t, url)
	uri := fmt.Sprintf("{uri=%q}", *room.MessageReviewHandler.URI)
	cause := func(name string) string {
		return fmt.Sprintf("review_invocation_errors_total{cause=%q,uri=%q}", name, *room.MessageReviewHandler.URI)
	}
	for name, want := range map[string]float64{
		cause("status"): 5, cause("circuit"): 1, "review_response_invalid_total" + uri: 1,
		"review_function_errors_total" + uri: 1, "review_circuit_open" + uri: 1, "review_duration_seconds": 18,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// Reviews of one sender run side by side, and what they let through keeps its
// order; meanwhile the session reads on, and other rooms notice nothing.
func TestASlowHandlerDelaysOnlyItsMessages(t *testing.T) {
	const n = 6
	release := make(chan struct{})
	arrived := make(chan string, n)
	r := start(t, handlers(t, func(e event) any {
		arrived <- e.Content
		if e.Content == "0" { // the first is the last to be decided
			<-release
		}
		if e.Content == "3" {
			return verdict{"DENY", "", map[string]string{"Reason": "no"}}
		}
		return verdict{"ALLOW", e.Content, nil}
	}))
	room := r.reviewed(ivschat.FallbackResultAllow)
	ana, bob := r.connect(room, "ana"), r.connect(room, "bob")
	for i := range n {
		r.say(ana, fmt.Sprint(i), fmt.Sprint(i))
	}
	for range n {
		<-arrived
	}
	// The reader is free: a deletion comes back before the messages do.
	r.send(ana, `{"Action":"DELETE_MESSAGE","RequestId":"delete","Id":"abcdABCDefgh"}`)
	for _, c := range []*websocket.Conn{ana, bob} {
		if got := r.read(c); got.EventName != "aws:DELETE_MESSAGE" {
			t.Fatalf("got %+v before the first message was decided", got)
		}
	}
	// Another room, and another sender in this one.
	other := r.connect(r.room(), "carl")
	r.say(other, "x", "x")
	if got := r.read(other); got.Content != "x" {
		t.Fatalf("another room: %+v", got)
	}
	r.say(bob, "bob", "bob")
	if got := r.read(bob); got.Content != "bob" {
		t.Fatalf("another sender: %+v", got)
	}
	close(release)
	var got []string
	if f := r.read(ana); f.Content != "bob" {
		t.Fatalf("got %+v", f)
	}
	var denied []string // which comes by itself: what it may overtake is on its way to everyone
	for range n {
		f := r.read(ana)
		if f.Type == "ERROR" {
			denied = append(denied, f.RequestId+f.ErrorMessage)
			continue
		}
		got = append(got, f.RequestId+f.Content)
	}
	if diff := cmp.Diff([]string{"00", "11", "22", "44", "55"}, got); diff != "" {
		t.Errorf("the sender: %s", diff)
	}
	if diff := cmp.Diff([]string{"3no"}, denied); diff != "" {
		t.Errorf("the sender was denied: %s", diff)
	}
	got = nil
	for range n - 1 {
		got = append(got, r.read(bob).Content)
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "4", "5"}, got); diff != "" {
		t.Errorf("everyone else: %s", diff)
	}
}

// Whatever time each review takes, everyone sees each sender's messages in order.
func TestOrderOfManySenders(t *testing.T) {
	const senders, rounds, together = 4, 5, 8
	r := start(t, func(c *config.Config) {
		handlers(t, func(e event) any {
			<-time.After(rand.N(5 * time.Millisecond))
			if rand.N(5) == 0 {
				return verdict{"DENY", "", nil}
			}
			return verdict{"ALLOW", e.Content, nil}
		})(c)
		c.Quotas = "none"
	})
	room := r.reviewed(ivschat.FallbackResultAllow)
	var all sync.WaitGroup
	for i := range senders {
		c := r.connect(room, fmt.Sprint(i))
		all.Go(func() {
			next, answered := map[byte]int{}, 0
			for round := range rounds {
				for j := range together {
					n := fmt.Sprint(round*together + j)
					r.say(c, n, fmt.Sprint(i, " ", n))
				}
				for answered < (round+1)*together {
					f := r.read(c)
					if f.Type == "ERROR" {
						answered++
						continue
					}
					n, err := strconv.Atoi(f.Content[2:])
					if err != nil || n < next[f.Content[0]] {
						t.Errorf("%d: got %q after %d", i, f.Content, next[f.Content[0]])
					}
					next[f.Content[0]] = n
					if f.Content[0] == byte('0'+i) {
						answered++
					}
				}
			}
		})
	}
	all.Wait()
}

// A handler that is taken away does not let a later message overtake.
func TestOrderHoldsWhenTheHandlerIsTakenAway(t *testing.T) {
	release := make(chan struct{})
	arrived := make(chan struct{})
	r := start(t, handlers(t, func(e event) any {
		arrived <- struct{}{}
		<-release
		return verdict{"ALLOW", e.Content, nil}
	}))
	room := r.reviewed(ivschat.FallbackResultAllow)
	ana := r.connect(room, "ana")
	r.say(ana, "1", "one")
	<-arrived
	if _, err := r.client().UpdateRoom(t.Context(), &ivschat.UpdateRoomInput{
		Identifier: room.Arn, MessageReviewHandler: &ivschat.MessageReviewHandler{URI: new("")},
	}); err != nil {
		t.Fatal(err)
	}
	r.say(ana, "2", "two")
	r.send(ana, `{"Action":"DELETE_MESSAGE","RequestId":"delete","Id":"abcdABCDefgh"}`)
	if got := r.read(ana); got.EventName != "aws:DELETE_MESSAGE" {
		t.Fatalf("got %+v", got)
	}
	close(release)
	for _, want := range []string{"one", "two"} {
		if got := r.read(ana); got.Content != want {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
}

func TestWaitingReviewsAreBounded(t *testing.T) {
	release := make(chan struct{})
	r := start(t, func(c *config.Config) {
		handlers(t, func(e event) any {
			<-release
			return verdict{"ALLOW", e.Content, nil}
		})(c)
		c.Quotas = "none"
	})
	ana := r.connect(r.reviewed(ivschat.FallbackResultAllow), "ana")
	for i := range 18 {
		r.say(ana, fmt.Sprint(i), "x")
	}
	for _, want := range []string{"16", "17"} {
		if got := r.read(ana); got.ErrorCode != 429 || got.RequestId != want {
			t.Errorf("got %+v, want 429 for %s", got, want)
		}
	}
	close(release)
	for i := range 16 {
		if got := r.read(ana); got.Type != "MESSAGE" || got.RequestId != fmt.Sprint(i) {
			t.Errorf("got %+v, want %d", got, i)
		}
	}
}

// spec: review-handler.md §1: what the room's rate refuses is not reviewed, and
// unknowns.md U-RH-06: what is denied has been counted.
func TestTheRateIsCheckedBeforeTheReview(t *testing.T) {
	var calls atomic.Int32
	r := start(t, handlers(t, func(e event) any {
		calls.Add(1)
		return verdict{"DENY", "", nil}
	}))
	room := r.reviewed(ivschat.FallbackResultAllow)
	if _, err := r.client().UpdateRoom(t.Context(), &ivschat.UpdateRoomInput{Identifier: room.Arn, MaximumMessageRatePerSecond: new(int32(2))}); err != nil {
		t.Fatal(err)
	}
	ana := r.connect(room, "ana")
	codes := map[int]int{}
	for i := 0; codes[429] == 0; i++ {
		r.say(ana, fmt.Sprint(i), "x")
		codes[r.read(ana).ErrorCode]++
	}
	// How many were let through is a matter of time here, and exact elsewhere.
	if n := calls.Load(); int(n) != codes[406] || codes[429] != 1 {
		t.Errorf("%d reviews, answers %v", n, codes)
	}
}

func TestWhoLeavesDuringTheReviewHasSpoken(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{})
	r := start(t, handlers(t, func(e event) any {
		close(arrived)
		<-release
		return verdict{"ALLOW", e.Content, nil}
	}))
	room := r.reviewed(ivschat.FallbackResultAllow)
	ana, bob := r.connect(room, "ana"), r.connect(room, "bob")
	r.say(ana, "1", "bye")
	<-arrived
	ana.Close(websocket.StatusNormalClosure, "")
	close(release)
	if got := r.read(bob); got.Content != "bye" {
		t.Errorf("got %+v", got)
	}
}

func TestARoomThatIsDeletedDuringTheReview(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{})
	r := start(t, handlers(t, func(e event) any {
		close(arrived)
		<-release
		return verdict{"ALLOW", e.Content, nil}
	}))
	room := r.reviewed(ivschat.FallbackResultAllow)
	ana := r.connect(room, "ana")
	r.say(ana, "1", "x")
	<-arrived
	if _, err := r.client().DeleteRoom(t.Context(), &ivschat.DeleteRoomInput{Identifier: room.Arn}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if got := r.read(ana); got.ErrorCode != 404 || got.RequestId != "1" {
		t.Errorf("got %+v", got)
	}
}

// The server waits for what it admitted, and gives it up when it must.
func TestStoppingDuringAReview(t *testing.T) {
	arrived := make(chan struct{})
	var once sync.Once
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		once.Do(func() { close(arrived) })
		<-r.Context().Done()
		close(ended)
	}))
	t.Cleanup(s.Close)
	r := start(t, func(c *config.Config) {
		handlers(t, nil)(c)
		c.ReviewHandlers[0].Endpoints = []string{s.URL}
	})
	ana := r.connect(r.reviewed(ivschat.FallbackResultAllow), "ana")
	r.say(ana, "1", "x")
	<-arrived
	r.stop()
	<-ended
}

func TestHandlersThatNothingResolvesAreRefused(t *testing.T) {
	r := start(t, nil)
	_, err := r.client().CreateRoom(t.Context(), &ivschat.CreateRoomInput{MessageReviewHandler: r.handler(ivschat.FallbackResultAllow)})
	invalid, ok := errors.AsType[*ivschat.ValidationException](err)
	// spec: control-plane.md §2.1
	if !ok || !strings.Contains(invalid.Message, "Request member: uri failed to satisfy the constraints: invalid lambda permission") {
		t.Errorf("CreateRoom: %v", err)
	}
	room := r.room()
	if _, err := r.client().UpdateRoom(t.Context(), &ivschat.UpdateRoomInput{Identifier: room.Arn, MessageReviewHandler: r.handler(ivschat.FallbackResultAllow)}); err == nil {
		t.Error("UpdateRoom took it")
	}
	lenient := start(t, func(c *config.Config) { c.ReviewUnresolved = "accept" })
	ana := lenient.connect(lenient.reviewed(ivschat.FallbackResultDeny), "ana")
	lenient.say(ana, "1", "x")
	if got := lenient.read(ana); got.ErrorCode != 406 {
		t.Errorf("got %+v", got)
	}
}
