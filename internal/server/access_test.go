package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/parleychat/parley/internal/access"
	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// desk opens what commands change access keys with, beside the server.
func (r *running) desk() access.Desk {
	r.t.Helper()
	s, err := store.Attach(r.t.Context(), filepath.Join(r.server.Config.Data, server.DatabaseFile))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return access.Desk{Store: s, Master: r.server.Keys.Master}
}

// with returns a client with other credentials.
func (r *running) with(k keys.AccessKey, sessionToken string) *ivschat.Client {
	return r.client(func(o *ivschat.Options) {
		o.RetryMaxAttempts = 1
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: string(k.Secret), SessionToken: sessionToken}, nil
		})
	})
}

// code is the exception's, or ok.
func code(err error) string {
	if e, is := errors.AsType[smithy.APIError](err); is {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// answered waits until calls are answered with a code.
func (r *running) answered(c *ivschat.Client, want string) {
	r.t.Helper()
	r.until("calls are answered with "+want, func() bool {
		_, err := c.ListRooms(r.t.Context(), &ivschat.ListRoomsInput{})
		return code(err) == want
	})
}

func TestTemporaryCredentialsNeedTheirToken(t *testing.T) {
	r := start(t, nil)
	desk := r.desk()
	k, err := desk.Create(t.Context(), access.New{Account: "123456789012"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := desk.StartSession(t.Context(), k.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	good := r.with(s.AccessKey, string(s.SessionToken))
	r.answered(good, "ok")
	for what, token := range map[string]string{
		"no token": "", "another": string(s.SessionToken) + "x", "cut off": string(s.SessionToken[:50]),
	} {
		if _, err := r.with(s.AccessKey, token).ListRooms(t.Context(), &ivschat.ListRoomsInput{}); code(err) != "UnrecognizedClientException" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := r.with(k, string(s.SessionToken)).ListRooms(t.Context(), &ivschat.ListRoomsInput{}); code(err) != "UnrecognizedClientException" {
		t.Errorf("a token with a key that has none: %v", err)
	}
	url, err := good.GeneratePresignedURL(t.Context(), "list_rooms", &ivschat.ListRoomsInput{}, time.Minute, "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(url, "X-Amz-Security-Token="+string(s.SessionToken)) {
		t.Fatalf("%s has no session token", url)
	}
	for _, test := range []struct {
		url    string
		status int
	}{{url, http.StatusOK}, {strings.Replace(url, string(s.SessionToken), "x", 1), http.StatusForbidden}} {
		response, err := http.Post(test.url, "application/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.status {
			t.Errorf("presigned: %s, want %d", response.Status, test.status)
		}
	}
}

func TestASuspendedAccountsSessionsCannotBegin(t *testing.T) {
	r := start(t, nil)
	desk := r.desk()
	room := r.room()
	c := r.connect(room, "ana")
	token := r.token(room, "bob")
	account := r.server.Keys.AccessKey.Account
	if err := desk.SetAccount(t.Context(), account, access.Suspended); err != nil {
		t.Fatal(err)
	}
	r.answered(r.client(), "AccessDeniedException")
	if _, status, err := r.dial(token); err == nil || status != http.StatusForbidden {
		t.Errorf("handshake: status %d, %v; want 403", status, err)
	}
	r.send(c, `{"Action":"SEND_MESSAGE","RequestId":"1","Content":"x"}`)
	if f := r.read(c); f.ErrorCode != 403 || f.ErrorMessage != "The account is suspended" {
		t.Errorf("got %+v, want ERROR 403", f)
	}
	if err := desk.SetAccount(t.Context(), account, access.Active); err != nil {
		t.Fatal(err)
	}
	r.answered(r.client(), "ok")
	if _, _, err := r.dial(token); err != nil {
		t.Errorf("the token that was refused, and so not used: %v", err)
	}
}

// A bubble's clock goes on while nothing happens.
func TestExpiredCredentialsAreToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config.Default()
		c.Data, c.DrainTimeout = t.TempDir(), 0
		s, err := server.New(t.Context(), c, false, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		l := newPipeListener()
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, ctx, l) }()
		r := &running{t: t, server: s, addr: "parley.test"}
		desk := r.desk()
		k, err := desk.Create(t.Context(), access.New{Account: "123456789012"})
		if err != nil {
			t.Fatal(err)
		}
		session, err := desk.StartSession(t.Context(), k.ID, access.MinSession)
		if err != nil {
			t.Fatal(err)
		}
		web := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return l.dial(), nil }}
		client := ivschat.New(ivschat.Options{
			Region: "us-west-2", BaseEndpoint: new("http://parley.test"), RetryMaxAttempts: 1, HTTPClient: &http.Client{Transport: web},
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: session.ID, SecretAccessKey: string(session.Secret), SessionToken: string(session.SessionToken)}, nil
			}),
		})
		time.Sleep(time.Second)
		if _, err := client.ListRooms(t.Context(), &ivschat.ListRoomsInput{}); err != nil {
			t.Error(err)
		}
		time.Sleep(access.MinSession)
		_, err = client.ListRooms(t.Context(), &ivschat.ListRoomsInput{})
		e, _ := errors.AsType[smithy.APIError](err)
		if e == nil || e.ErrorCode() != "ExpiredTokenException" || e.ErrorMessage() != "The security token included in the request is expired" {
			t.Errorf("after its end: %v", err)
		}
		web.CloseIdleConnections()
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
