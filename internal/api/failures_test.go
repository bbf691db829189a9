package api_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/api"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/ivschat"
)

func (s *service) failWith(hook func(ctx context.Context, operation string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

func (s *server) getRoom() reply {
	s.Helper()
	return s.send(s.signed(http.MethodPost, "/GetRoom", `{"identifier":"`+room+`"}`))
}

// The bodies are those of the specification (spec: control-plane.md §5).
func TestExceptionsOnTheWire(t *testing.T) {
	s := newServer(t)
	for _, tt := range []struct {
		err    ivschat.APIError
		status int
		body   string
	}{
		{ivschat.Invalid(ivschat.ValidationExceptionField{Name: "maximumMessageLength", Message: "value must be between 1 and 500"}), 400,
			`{"__type":"ValidationException","message":"Request member: maximumMessageLength failed to satisfy the constraints: value must be between 1 and 500","reason":"FIELD_VALIDATION_FAILED","fieldList":[{"name":"maximumMessageLength","message":"value must be between 1 and 500"}]}`},
		{&ivschat.ValidationException{Message: "m", Reason: ivschat.ValidationExceptionReasonOther}, 400,
			`{"__type":"ValidationException","message":"m","reason":"OTHER"}`},
		{&ivschat.AccessDeniedException{Message: "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: ivschat:GetRoom on resource: " + room}, 403,
			`{"__type":"AccessDeniedException","message":"User: arn:aws:iam::123456789012:user/bob is not authorized to perform: ivschat:GetRoom on resource: arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"}`},
		{&ivschat.PendingVerification{Message: "Your account is pending verification."}, 403,
			`{"__type":"PendingVerification","message":"Your account is pending verification."}`},
		{&ivschat.ServiceQuotaExceededException{Message: "The maximum number of rooms has been reached.", ResourceType: ivschat.ResourceTypeRoom, Limit: 50000}, 402,
			`{"__type":"ServiceQuotaExceededException","message":"The maximum number of rooms has been reached.","resourceId":"","resourceType":"ROOM","limit":50000}`},
		{ivschat.NotFound(room), 404,
			`{"__type":"ResourceNotFoundException","message":"Resource not found: arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh","resourceId":"abcdABCDefgh","resourceType":"ROOM"}`},
		{ivschat.Conflict(logging, "The logging configuration is associated with one or more rooms."), 409,
			`{"__type":"ConflictException","message":"The logging configuration is associated with one or more rooms.","resourceId":"ABcdef34ghIJ","resourceType":"LOGGING_CONFIGURATION"}`},
		{ivschat.Throttled(room, 100), 429,
			`{"__type":"ThrottlingException","message":"Rate exceeded","resourceId":"abcdABCDefgh","resourceType":"ROOM","limit":100}`},
		{&ivschat.InternalServerException{Message: "An internal error occurred."}, 500,
			`{"__type":"InternalServerException","message":"An internal error occurred."}`},
		{&ivschat.ClientError{Code: "ServiceUnavailable", Status: 503, Message: "<later>"}, 503,
			`{"__type":"ServiceUnavailable","message":"<later>"}`},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("get room: %w", tt.err)} {
			s.failWith(func(context.Context, string) error { return err })
			got := s.getRoom()
			s.taken()
			member := ""
			if strings.Contains(tt.body, "fieldList") {
				member = "maximumMessageLength"
			}
			s.refused(got, tt.status, tt.err.ErrorCode(), member)
			if got.body != tt.body {
				t.Errorf("%s:\n got %s\nwant %s", tt.err.ErrorCode(), got.body, tt.body)
			}
		}
	}
}

func TestInternalsStayInside(t *testing.T) {
	for name, fail := range map[string]func(context.Context, string) error{
		"error":          func(context.Context, string) error { return errors.New("canary: no such table") },
		"status too low": func(context.Context, string) error { return &ivschat.ClientError{Code: "canary", Status: 200} },
		"no status":      func(context.Context, string) error { return &ivschat.ClientError{Code: "canary"} },
		"panic":          func(context.Context, string) error { panic("canary") },
		"panic with an error": func(context.Context, string) error {
			var rooms []string
			return errors.New(rooms[len("canary")])
		},
		"panic with nil": func(context.Context, string) error { panic(&runtime.PanicNilError{}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.failWith(fail)
			got := s.getRoom()
			s.taken()
			s.refused(got, http.StatusInternalServerError, "InternalServerException", "")
			if got.body != `{"__type":"InternalServerException","message":"An internal error occurred."}` {
				t.Error(got.body)
			}
			log := s.log.String()
			if id := got.header.Get("X-Amzn-Requestid"); !strings.Contains(log, `"level":"ERROR"`) || strings.Count(log, id) < 2 {
				t.Errorf("request %s is not in the log:\n%s", id, log)
			}
			if strings.Contains(name, "panic") && !strings.Contains(log, "failures_test.go") {
				t.Errorf("no stack in the log:\n%s", log)
			}
			s.failWith(nil)
			s.serves()
		})
	}
}

func TestFailuresBeforeTheService(t *testing.T) {
	broken := errors.New("canary: the key store does not answer")
	for name, tt := range map[string]struct {
		change func(*api.Options)
		status int
		code   string
	}{
		"verifier": {func(o *api.Options) {
			o.Verify = func(*http.Request, []byte, string) (sigv4.Identity, error) { return sigv4.Identity{}, broken }
		}, 500, "InternalServerException"},
		"principal": {func(o *api.Options) {
			o.Principal = func(context.Context, sigv4.Identity) (principal.Principal, error) {
				return principal.Principal{}, broken
			}
		}, 500, "InternalServerException"},
		"suspended": {func(o *api.Options) {
			o.Principal = func(context.Context, sigv4.Identity) (principal.Principal, error) {
				return principal.Principal{}, &ivschat.PendingVerification{Message: "m"}
			}
		}, 403, "PendingVerification"},
		"throttled": {func(o *api.Options) {
			o.Allow = func(p principal.Principal, operation string) error {
				if p.Account != account || operation != "GetRoom" {
					return broken
				}
				return ivschat.Throttled("", 5)
			}
		}, 429, "ThrottlingException"},
		"not authorized": {func(o *api.Options) {
			o.Authorize = func(ctx context.Context, _ *http.Request, p principal.Principal, operation string, in any) error {
				if p.Account != account || principal.FromContext(ctx) != p || operation != "GetRoom" || in.(*ivschat.GetRoomInput).Identifier != room {
					return broken
				}
				return &ivschat.AccessDeniedException{Message: "m"}
			}
		}, 403, "AccessDeniedException"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, tt.change)
			got := s.getRoom()
			s.refused(got, tt.status, tt.code, "")
			if strings.Contains(got.body, "canary") {
				t.Error(got.body)
			}
		})
	}
}

// Each step refuses before the ones behind it are asked (spec: control-plane.md §1.3).
func TestOrderOfRefusals(t *testing.T) {
	throttled, denied := false, false
	s := newServer(t, func(o *api.Options) {
		o.MaxBody = 100
		o.Allow = func(principal.Principal, string) error {
			if throttled {
				return ivschat.Throttled("", 5)
			}
			return nil
		}
		o.Authorize = func(context.Context, *http.Request, principal.Principal, string, any) error {
			if denied {
				return &ivschat.AccessDeniedException{Message: "m"}
			}
			return nil
		}
	})
	long := strings.Repeat("x", 101)
	throttled, denied = true, true
	s.refused(s.send(s.request(http.MethodPost, "/Nothing//", long)), 400, "ValidationException", "")
	s.refused(s.send(s.request(http.MethodPost, "/Nothing", long)), 404, "UnknownOperationException", "")
	s.refused(s.send(s.request(http.MethodPost, "/GetRoom", long)), 413, "RequestEntityTooLargeException", "")
	s.refused(s.send(s.request(http.MethodPost, "/GetRoom", "{")), 403, "MissingAuthenticationTokenException", "")
	s.refused(s.send(s.signed(http.MethodPost, "/GetRoom", "{")), 429, "ThrottlingException", "")
	throttled = false
	s.refused(s.send(s.signed(http.MethodPost, "/GetRoom", "{")), 400, "SerializationException", "")
	s.refused(s.send(s.signed(http.MethodPost, "/GetRoom", "{}")), 403, "AccessDeniedException", "")
	denied = false
	s.refused(s.send(s.signed(http.MethodPost, "/GetRoom", "{}")), 400, "ValidationException", "identifier")
	s.serves()
}

func TestTooManyRequestsInFlight(t *testing.T) {
	s := newServer(t, func(o *api.Options) { o.MaxInFlight = 1 })
	inside, goOn := make(chan struct{}), make(chan struct{})
	s.failWith(func(context.Context, string) error {
		inside <- struct{}{}
		<-goOn
		return nil
	})
	first := s.signed(http.MethodPost, "/GetRoom", `{"identifier":"`+room+`"}`)
	done := make(chan int)
	go func() {
		resp, err := s.client.Do(first)
		if err != nil {
			done <- 0
			return
		}
		resp.Body.Close()
		done <- resp.StatusCode
	}()
	<-inside
	s.taken()
	got := s.getRoom()
	s.refused(got, http.StatusServiceUnavailable, "ServiceUnavailable", "")
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	close(goOn)
	if status := <-done; status != http.StatusOK {
		t.Errorf("the first request got %d", status)
	}
	s.failWith(nil)
	s.serves()
}

// pipes is a listener whose connections are in memory, for use with fake time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func TestSlowBodiesAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		listener := &pipes{make(chan net.Conn), make(chan struct{})}
		web := &http.Server{Handler: api.New(options(s, io.Discard))}
		go func() { _ = web.Serve(listener) }()
		defer web.Close()
		client, conn := net.Pipe()
		defer client.Close()
		listener.conns <- conn

		began := time.Now()
		var sender sync.WaitGroup
		stop := make(chan struct{})
		sender.Go(func() { // one byte a second
			text := "POST /GetRoom HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
			for {
				if _, err := io.WriteString(client, text); err != nil {
					return
				}
				text = "{"
				select {
				case <-time.After(time.Second):
				case <-stop:
					return
				}
			}
		})
		defer sender.Wait()
		defer close(stop)
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusRequestTimeout || !bytes.Contains(body, []byte("RequestTimeoutException")) || !resp.Close {
			t.Errorf("status %d, close %t, %s", resp.StatusCode, resp.Close, body)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("cut after %v", took)
		}
	})
}

// The limit is on the body alone: neither a slow service nor the next request
// on the connection feel it.
func TestSlowAnswersAreNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		s.failWith(func(ctx context.Context, _ string) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Minute):
				return nil
			}
		})
		o := options(s, io.Discard)
		o.Verify = func(*http.Request, []byte, string) (sigv4.Identity, error) { return sigv4.Identity{}, nil }
		listener := &pipes{make(chan net.Conn), make(chan struct{})}
		web := &http.Server{Handler: api.New(o)}
		go func() { _ = web.Serve(listener) }()
		defer web.Close()
		client, conn := net.Pipe()
		defer client.Close()
		listener.conns <- conn
		answers := bufio.NewReader(client)
		for range 2 {
			body := `{"identifier":"` + room + `"}`
			if _, err := fmt.Fprintf(client, "POST /GetRoom HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("status %d, %v", resp.StatusCode, err)
			}
		}
	})
}

func TestClientsThatLeaveMakeNoNoise(t *testing.T) {
	seen := make(chan string, 1)
	s := newServer(t, func(o *api.Options) {
		o.Observe = func(operation, code string, _ time.Duration) { seen <- operation + " " + code }
	})
	inside := make(chan struct{})
	s.failWith(func(ctx context.Context, _ string) error {
		close(inside)
		<-ctx.Done()
		return fmt.Errorf("read room: %w", ctx.Err())
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-inside
		leave()
	}()
	r := s.signed(http.MethodPost, "/GetRoom", `{"identifier":"`+room+`"}`)
	if resp, err := s.client.Do(r.WithContext(ctx)); err == nil {
		resp.Body.Close()
		t.Fatal("there was an answer")
	}
	if got := <-seen; got != "GetRoom InternalServerException" {
		t.Errorf("observed %q", got)
	}
	if log := s.log.String(); strings.Contains(log, "ERROR") {
		t.Error(log)
	}
}

func TestObserve(t *testing.T) {
	seen := make(chan string, 1)
	s := newServer(t, func(o *api.Options) {
		o.Observe = func(operation, code string, d time.Duration) {
			seen <- fmt.Sprintf("%s %s %t", operation, code, d > 0)
		}
	})
	for _, tt := range []struct {
		request *http.Request
		want    string
	}{
		{s.signed(http.MethodPost, "/ListRooms", "{}"), "ListRooms  true"},
		{s.signed(http.MethodGet, "/tags/"+escapedRoom, ""), "ListTagsForResource  true"},
		{s.signed(http.MethodPost, "/GetRoom", "{}"), "GetRoom ValidationException true"},
		{s.request(http.MethodPost, "/canary", ""), " UnknownOperationException true"},
		{s.request(http.MethodGet, "/?Action=canary", ""), "GetCallerIdentity MissingAuthenticationToken true"},
	} {
		s.send(tt.request)
		if got := <-seen; got != tt.want {
			t.Errorf("observed %q, want %q", got, tt.want)
		}
	}
}

// Tokens, user ids, attributes, signatures and everything else of the sender
// stay out of the log.
func TestLogHoldsNoSecrets(t *testing.T) {
	s := newServer(t)
	token := `{"roomIdentifier":"` + room + `","userId":"canary-user","attributes":{"canary-key":"canary-value"}}`
	s.send(s.signed(http.MethodPost, "/CreateChatToken", token))
	s.send(s.presigned(http.MethodPost, "/CreateChatToken", url.Values{"roomIdentifier": {room}, "userId": {"canary-user"}}, "", ivschat.ServiceID))
	bad := s.signed(http.MethodPost, "/CreateChatToken", token)
	bad.Header.Set("X-Amz-Security-Token", "canary-session")
	s.send(bad)
	s.send(s.request(http.MethodPost, "/canary-path?canary=query", "canary-body"))
	s.send(s.signed(http.MethodPost, "/CreateRoom", `{"canary-member":1,"canary-member":2}`))
	s.failWith(func(context.Context, string) error { panic("at the disk") })
	s.send(s.signed(http.MethodPost, "/CreateChatToken", token))
	log := s.log.String()
	for _, secret := range []string{"canary", secret, "AWS4-HMAC-SHA256", "Signature="} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log:\n%s", secret, log)
		}
	}
	if strings.Count(log, `"msg":"request"`) != 6 || !strings.Contains(log, `"operation":"CreateChatToken"`) || !strings.Contains(log, accessKeyID) {
		t.Errorf("the log is incomplete:\n%s", log)
	}
}
