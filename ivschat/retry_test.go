package ivschat_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/ivschat"
)

func TestRetries(t *testing.T) {
	throttled := answer{status: 429, body: `{"__type":"ThrottlingException"}`}
	tests := []struct {
		name      string
		list      []answer
		configure func(*ivschat.Options)
		sent      int
		code      string // "" for success
	}{
		{"throttled once", []answer{throttled, {status: 200, body: room}}, nil, 2, ""},
		{"internal errors", []answer{{status: 500}, {status: 503}, {status: 200, body: room}}, nil, 3, ""},
		{"no connection", []answer{{err: errors.New("refused")}, {status: 200, body: room}}, nil, 2, ""},
		{"throttled for ever", []answer{throttled}, nil, 3, "ThrottlingException"},
		{"throttled for ever, five attempts", []answer{throttled}, func(o *ivschat.Options) { o.RetryMaxAttempts = 5 }, 5, "ThrottlingException"},
		{"retryer of one's own", []answer{throttled}, func(o *ivschat.Options) { o.Retryer = aws.NopRetryer{} }, 1, "ThrottlingException"},
		{"pool of tokens empty", []answer{throttled}, func(o *ivschat.Options) {
			o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) { s.RetryCost = 1000 })
		}, 1, "ThrottlingException"},
		{"quota", []answer{{status: 402, body: `{"__type":"ServiceQuotaExceededException"}`}}, nil, 1, "ServiceQuotaExceededException"},
		{"denied", []answer{{status: 403, body: `{"__type":"AccessDeniedException"}`}}, nil, 1, "AccessDeniedException"},
		{"not found", []answer{{status: 404, body: `{"__type":"ResourceNotFoundException"}`}}, nil, 1, "ResourceNotFoundException"},
		{"conflict", []answer{{status: 409, body: `{"__type":"ConflictException"}`}}, nil, 1, "ConflictException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stub := &answers{list: tt.list}
				configure := tt.configure
				if configure == nil {
					configure = func(*ivschat.Options) {}
				}
				_, err := newClient(stub, configure).GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: roomARN})
				if len(stub.sent) != tt.sent {
					t.Errorf("%d requests were sent, want %d", len(stub.sent), tt.sent)
				}
				e, _ := errors.AsType[smithy.APIError](err)
				if code := ""; err != nil && (e == nil || e.ErrorCode() != tt.code) || err == nil && tt.code != code {
					t.Errorf("error is %v, want %q", err, tt.code)
				}
			})
		})
	}
}

func TestAttemptsAreSignedWhenTheyAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stub := &answers{list: []answer{{status: 500}, {status: 200, body: room}}}
		c := newClient(stub, func(o *ivschat.Options) {
			o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
				s.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Minute, nil })
			})
		})
		if _, err := c.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: roomARN}); err != nil {
			t.Fatal(err)
		}
		if a, b := stub.sent[0].Header.Get("X-Amz-Date"), stub.sent[1].Header.Get("X-Amz-Date"); a != "20000101T000000Z" || b != "20000101T000100Z" {
			t.Errorf("attempts are of %s and %s", a, b)
		}
		body, err := io.ReadAll(stub.sent[1].Body)
		if err != nil || string(body) != `{"identifier":"`+roomARN+`"}` {
			t.Errorf("the second attempt's body is %q, %v", body, err)
		}
	})
}

func TestClockSkewIsCorrected(t *testing.T) {
	refusal := answer{status: 403, body: `{"__type":"InvalidSignatureException","message":"Signature expired"}`}
	good := answer{status: 200, body: room}
	tests := []struct {
		name      string
		clock     time.Duration
		list      []answer
		configure func(*ivschat.Options)
		sent      []string
	}{
		{"an hour ahead", time.Hour, []answer{refusal, good}, nil, []string{"20000101T000000Z", "20000101T010000Z"}},
		{"an hour behind", -time.Hour, []answer{refusal, good}, nil, []string{"20000101T000000Z", "19991231T230000Z"}},
		{"a wrong key", 0, []answer{refusal}, nil, []string{"20000101T000000Z"}},
		{"a cached answer", time.Hour, []answer{{status: 403, body: refusal.body, header: map[string]string{"Age": "3600"}}}, nil, []string{"20000101T000000Z"}},
		{"switched off", time.Hour, []answer{refusal}, func(o *ivschat.Options) { o.DisableClockSkewCorrection = true }, []string{"20000101T000000Z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stub := &answers{list: tt.list, clock: tt.clock}
				c := newClient(stub, func(o *ivschat.Options) {
					o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
						s.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
					})
					if tt.configure != nil {
						tt.configure(o)
					}
				})
				_, err := c.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: roomARN})
				if ok := len(tt.list) > 1; ok != (err == nil) {
					t.Errorf("error is %v", err)
				}
				var sent []string
				for _, req := range stub.sent {
					sent = append(sent, req.Header.Get("X-Amz-Date"))
				}
				if diff := cmp.Diff(tt.sent, sent); diff != "" {
					t.Errorf("signed at (-want +got):\n%s", diff)
				}
				if err == nil { // what was learnt stays
					if _, err := c.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: roomARN}); err != nil {
						t.Error(err)
					}
					if got := stub.sent[2].Header.Get("X-Amz-Date"); got != tt.sent[1] {
						t.Errorf("the next call is signed at %s", got)
					}
				}
			})
		})
	}
}

func TestTheContextEndsACall(t *testing.T) {
	t.Run("while it waits to try again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			stub := &answers{list: []answer{{status: 429, body: `{"__type":"ThrottlingException"}`}}}
			c := newClient(stub, func(o *ivschat.Options) {
				o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
					s.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Hour, nil })
				})
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			started := time.Now()
			_, err := c.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: roomARN})
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != time.Second || len(stub.sent) != 1 {
				t.Errorf("%v after %v and %d requests", err, time.Since(started), len(stub.sent))
			}
			if _, ok := errors.AsType[*ivschat.ThrottlingException](err); !ok {
				t.Errorf("error %v does not tell why it waited", err)
			}
		})
	})
	t.Run("while it waits for the answer", func(t *testing.T) {
		arrived, done := make(chan struct{}), make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			select {
			case <-r.Context().Done():
			case <-done:
			}
		}))
		defer server.Close()
		defer close(done)
		c := newClient(nil, func(o *ivschat.Options) { o.HTTPClient, o.BaseEndpoint = nil, &server.URL })
		defer c.CloseIdleConnections()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		_, err := c.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: roomARN})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("before it begins", func(t *testing.T) {
		stub := &answers{list: []answer{{status: 200, body: room}}}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := newClient(stub).GetRoom(ctx, &ivschat.GetRoomInput{Identifier: roomARN}); !errors.Is(err, context.Canceled) || len(stub.sent) != 0 {
			t.Errorf("%v after %d requests", err, len(stub.sent))
		}
	})
}
