package messaging_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

func TestTwoUsersChat(t *testing.T) {
	s := onSocket(t)
	arn := s.room(&ivschat.CreateRoomInput{})
	ana, bo := s.join(arn, "ana", nil), s.join(arn, "bo", nil)
	sent, err := ana.SendMessage(t.Context(), messaging.SendMessageRequest{
		Content: "hello \"bo\" 😀\n", Attributes: map[string]string{"k": "v"}, RequestID: "r1",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &messaging.Message{
		ID: sent.ID, RequestID: "r1", Content: "hello \"bo\" 😀\n", Attributes: map[string]string{"k": "v"}, SendTime: sent.SendTime,
		Sender: messaging.Sender{UserID: "ana", Attributes: map[string]string{"name": "ana"}},
	}
	if age := time.Since(sent.SendTime); age < 0 || age > time.Minute || sent.ID == "" {
		t.Errorf("sent %+v", sent)
	}
	for _, r := range []*messaging.Room{ana, bo} {
		if diff := cmp.Diff(want, next[*messaging.Message](t, r)); diff != "" {
			t.Error(diff)
		}
	}
	if got := send(t, bo, "hi"); got.RequestID == "" || got.Sender.UserID != "bo" {
		t.Errorf("answer %+v", got)
	}
	_, err = s.server.Service().SendEvent(as(t.Context()), &ivschat.SendEventInput{
		RoomIdentifier: arn, EventName: "app:poll", Attributes: map[string]string{"q": "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if e := next[*messaging.Event](t, ana); e.Name != "app:poll" || e.Attributes["q"] != "1" {
		t.Errorf("event %+v", e)
	}
}

func TestAModeratorDeletesAndDisconnects(t *testing.T) {
	s := onSocket(t)
	arn := s.room(&ivschat.CreateRoomInput{})
	mod, bo := s.join(arn, "mod", nil), s.join(arn, "bo", nil)
	m := send(t, bo, "spam")
	e, err := mod.DeleteMessage(t.Context(), m.ID, "be nice")
	if err != nil || e.Name != messaging.EventDeleteMessage || e.Attributes["MessageId"] != m.ID {
		t.Fatalf("DeleteMessage: %+v, %v", e, err)
	}
	if d := next[*messaging.MessageDeleted](t, bo); d.MessageID != m.ID || d.Reason != "be nice" || d.ID != e.ID || d.RequestID != e.RequestID {
		t.Errorf("deleted %+v", d)
	}
	if _, err := mod.DeleteMessage(t.Context(), m.ID, ""); err != nil {
		t.Errorf("DeleteMessage without a reason: %v", err)
	}
	e, err = mod.DisconnectUser(t.Context(), "bo", "out")
	if err != nil || e.Name != messaging.EventDisconnectUser {
		t.Fatalf("DisconnectUser: %+v, %v", e, err)
	}
	if d := next[*messaging.UserDisconnected](t, bo); d.UserID != "bo" || d.Reason != "out" {
		t.Errorf("disconnected %+v", d)
	}
	change := becomes(t, bo, messaging.StateDisconnected)
	closed, ok := errors.AsType[*messaging.CloseError](change.Err)
	if change.Reason != messaging.ReasonServerDisconnect || !ok || closed.Code != 1000 {
		t.Errorf("became %+v", change)
	}
	_, err = bo.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "x"})
	if lost, ok := errors.AsType[*messaging.ConnectionError](err); !ok || lost.Sent || !errors.Is(err, messaging.ErrNotConnected) {
		t.Errorf("a request then: %v", err)
	}
	connect(t, bo)
	send(t, bo, "back")
}

func TestAServerThatStopsAndOneThatStarts(t *testing.T) {
	first := onSocket(t)
	arn := first.room(&ivschat.CreateRoomInput{})
	var mu sync.Mutex
	tokens := first.tokens(arn, "ana")
	ana := first.join(arn, "ana", func(c *messaging.Config) {
		c.TokenProvider = func(ctx context.Context) (*messaging.Token, error) {
			mu.Lock()
			defer mu.Unlock()
			return tokens(ctx)
		}
	})
	mu.Lock() // until there is another server
	first.stop()
	becomes(t, ana, messaging.StateConnecting)
	l, err := net.Listen("tcp", strings.TrimPrefix(first.url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	second := serve(t, l)
	tokens = second.tokens(second.room(&ivschat.CreateRoomInput{}), "ana")
	mu.Unlock()
	becomes(t, ana, messaging.StateConnected)
	send(t, ana, "hello again")
}

func TestTLS(t *testing.T) {
	s := onSocket(t)
	front := httptest.NewTLSServer(s.server.Handler())
	defer front.Close()
	roots := x509.NewCertPool()
	roots.AddCert(front.Certificate())
	ana := s.join(s.room(&ivschat.CreateRoomInput{}), "ana", func(c *messaging.Config) {
		c.RegionOrURL = "wss://" + front.Listener.Addr().String()
		c.TLSConfig = &tls.Config{RootCAs: roots}
	})
	send(t, ana, "hello")
	ana.Close()
}

func TestASlowLoopIsToldWhatItMissed(t *testing.T) {
	s := onSocket(t)
	arn := s.room(&ivschat.CreateRoomInput{})
	ana := s.join(arn, "ana", nil)
	slow := s.new(arn, "slow", func(c *messaging.Config) { c.Buffer = 3 })
	if err := slow.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	var last *messaging.Message
	for i := range 5 {
		last = send(t, ana, fmt.Sprint(i))
	}
	if _, err := ana.DeleteMessage(t.Context(), last.ID, ""); err != nil {
		t.Fatal(err)
	}
	send(t, slow, "5") // its answer comes last, and past the loop that is not there
	var got []string
	for n := range slow.Events(t.Context()) {
		switch n := n.(type) {
		case *messaging.Dropped:
			got = append(got, fmt.Sprintf("%+v, %d in all", *n, n.Total()))
		case *messaging.Message:
			got = append(got, n.Content)
		default:
			got = append(got, fmt.Sprintf("%T", n))
		}
		if len(got) == 4 {
			break
		}
	}
	want := []string{
		"{Messages:4 Events:0 MessagesDeleted:0 UsersDisconnected:0 StateChanges:2}, 6 in all", "4", "*messaging.MessageDeleted", "5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := slow.Stats().Dropped; n != 6 {
		t.Errorf("%d dropped", n)
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	s := onSocket(t)
	arn := s.room(&ivschat.CreateRoomInput{})
	var mu sync.Mutex
	var logs bytes.Buffer
	var secrets []string
	logger := slog.New(slog.NewTextHandler(locked{&mu, &logs}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ana := s.join(arn, "canary-user", func(c *messaging.Config) {
		tokens := c.TokenProvider
		c.Logger = logger
		c.TokenProvider = func(ctx context.Context) (*messaging.Token, error) {
			token, err := tokens(ctx)
			if len(secrets) == 0 {
				secrets = append(secrets, token.Token)
				return nil, errors.New("no token for canary-user")
			}
			secrets = append(secrets, token.Token)
			return token, err
		}
	})
	send(t, ana, "canary-content")
	if _, err := ana.DisconnectUser(t.Context(), "canary-user", "canary-reason"); err != nil {
		t.Fatal(err)
	}
	becomes(t, ana, messaging.StateDisconnected)
	ana.Close()
	mu.Lock()
	defer mu.Unlock()
	text := logs.String()
	if !strings.Contains(text, "serverDisconnect") || !strings.Contains(text, "room="+ana.ID()) {
		t.Errorf("the log says nothing of what happened:\n%s", text)
	}
	for _, secret := range append(secrets, "canary-user", "canary-content", "canary-reason") {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q:\n%s", secret, text)
		}
	}
}

type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
