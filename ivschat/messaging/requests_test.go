package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

func TestRefusalsReachTheirCallers(t *testing.T) {
	s := onSocket(t)
	arn := s.room(&ivschat.CreateRoomInput{MaximumMessageLength: new(int32(10))})
	mod := s.join(arn, "mod", nil)
	guest := s.join(arn, "guest", func(c *messaging.Config) {
		c.TokenProvider = func(ctx context.Context) (*messaging.Token, error) {
			return messaging.TokensFrom(s.server.Service(), &ivschat.CreateChatTokenInput{RoomIdentifier: arn, UserID: "guest"})(as(ctx))
		}
	})
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			content := fmt.Sprint("fine ", i)
			if m, err := mod.SendMessage(t.Context(), messaging.SendMessageRequest{Content: content}); err != nil || m.Content != content {
				t.Errorf("%s: %+v, %v", content, m, err)
			}
		})
		all.Go(func() {
			_, err := mod.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "much too long"})
			if e, _ := errors.AsType[*messaging.Error](err); e == nil || e.Code != messaging.ErrorInvalid || e.Message != messaging.TextTooLong {
				t.Errorf("too long: %v", err)
			}
		})
		all.Go(func() {
			if _, err := guest.DisconnectUser(t.Context(), "mod", ""); refused(err) != messaging.ErrorForbidden {
				t.Errorf("without the capability: %v", err)
			}
		})
	}
	all.Wait()
	if _, err := s.server.Service().DeleteRoom(as(t.Context()), &ivschat.DeleteRoomInput{Identifier: arn}); err != nil {
		t.Fatal(err)
	}
	if _, err := mod.DeleteMessage(t.Context(), "abcdABCDefgh", ""); refused(err) != messaging.ErrorRoomNotFound {
		t.Errorf("room gone: %v", err)
	}
}

func TestThrottledRequests(t *testing.T) {
	s := onSocket(t)
	ana := s.join(s.room(&ivschat.CreateRoomInput{MaximumMessageRatePerSecond: new(int32(2))}), "ana", nil)
	var codes []messaging.ErrorCode
	for range 6 {
		_, err := ana.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "x"})
		codes = append(codes, refused(err))
	}
	if codes[0] != 0 || !slices.Contains(codes, messaging.ErrorThrottled) || ana.State() != messaging.StateConnected {
		t.Errorf("answers %v, then %s", codes, ana.State())
	}
}

func TestRequestsThatAreNotSent(t *testing.T) {
	s := onSocket(t)
	ana := s.join(s.room(&ivschat.CreateRoomInput{}), "ana", nil)
	for want, calls := range map[messaging.ErrorCode][]messaging.SendMessageRequest{
		messaging.ErrorInvalid: {{}, {Content: "\xff"}, {Content: strings.Repeat("x", 1<<20)}, {Content: "x", Attributes: map[string]string{"\xff": ""}}},
		messaging.ErrorTooLarge: {{Content: "x", Attributes: map[string]string{"k": strings.Repeat("v", 1024)}},
			{Content: "x", RequestID: strings.Repeat("r", 129)}},
	} {
		for _, call := range calls {
			if _, err := ana.SendMessage(t.Context(), call); refused(err) != want {
				t.Errorf("%.40q: %v, want %d", call.Content, err, want)
			}
		}
	}
	if _, err := ana.DeleteMessage(t.Context(), "nope", ""); refused(err) != messaging.ErrorInvalid {
		t.Errorf("DeleteMessage: %v", err)
	}
	if _, err := ana.DisconnectUser(t.Context(), "", ""); refused(err) != messaging.ErrorInvalid {
		t.Errorf("DisconnectUser: %v", err)
	}
	send(t, ana, "still here")
}

func TestRequestsOfABrokenConnectionFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		r, l := s.connected(nil)
		failed := make(chan error)
		go func() {
			_, err := r.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "x"})
			failed <- err
		}()
		l.request()
		go func() { s.accept().serve() }()
		l.Close()
		lost, ok := errors.AsType[*messaging.ConnectionError](<-failed)
		if !ok || !lost.Sent || !errors.Is(lost, io.EOF) {
			t.Errorf("failed with %v", lost)
		}
		start := time.Now()
		becomes(t, r, messaging.StateConnecting)
		becomes(t, r, messaging.StateConnected)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("connected after %v", took)
		}
		send(t, r, "again")
	})
}

// Answers come in any order, and each refusal goes to the one it is for.
func TestEveryCodeReachesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		r, l := s.connected(nil)
		codes := []messaging.ErrorCode{400, 403, 404, 406, 413, 429, 500, 401}
		var all sync.WaitGroup
		for _, code := range codes {
			all.Go(func() {
				_, err := r.SendMessage(t.Context(), messaging.SendMessageRequest{Content: fmt.Sprint(int(code))})
				e, ok := errors.AsType[*messaging.Error](err)
				if !ok || e.Code != code || e.Message != "no "+fmt.Sprint(int(code)) || e.ID == "" {
					t.Errorf("%d: %v", code, err)
				}
			})
		}
		asked := map[string]string{} // request ids by content
		for range codes {
			q := l.request()
			asked[q.Content] = q.RequestId
		}
		go func() { s.accept().serve() }() // after 401
		l.send(`{"Type":"ERROR","Id":"e","RequestId":"of nobody","ErrorCode":500,"ErrorMessage":"x"}`)
		l.send(`{"Type":"EVENT","Id":"m","RequestId":"` + asked["500"] + `","EventName":"app:forged"}`)
		slices.Reverse(codes[:7])
		for _, code := range codes {
			e := messaging.Error{ID: fmt.Sprint("e", code), RequestID: asked[fmt.Sprint(int(code))], Code: code, Message: fmt.Sprint("no ", int(code))}
			l.send(string(e.Append(nil)))
		}
		all.Wait()
		becomes(t, r, messaging.StateConnecting)
		becomes(t, r, messaging.StateConnected)
		if code := l.closes(); code != 1000 {
			t.Errorf("the old connection was closed with %d", code)
		}
		send(t, r, "again")
	})
}

func TestRequestsWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		r, l := s.connected(nil)
		go io.Copy(io.Discard, l)
		start := time.Now()
		_, err := r.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "x"})
		if lost, ok := errors.AsType[*messaging.ConnectionError](err); !ok || !lost.Sent || !errors.Is(err, messaging.ErrNoAnswer) {
			t.Errorf("failed with %v", err)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("failed after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = r.DeleteMessage(ctx, "abcdABCDefgh", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("failed with %v", err)
		}
		one := make(chan error)
		go func() {
			_, err := r.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "x", RequestID: "r"})
			one <- err
		}()
		synctest.Wait()
		if _, err = r.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "x", RequestID: "r"}); err == nil {
			t.Error("two requests had one RequestID")
		}
		l.send(`{"Type":"MESSAGE","Id":"m","RequestId":"r","Content":"x"}`)
		if err := <-one; err != nil {
			t.Error(err)
		}
	})
}
