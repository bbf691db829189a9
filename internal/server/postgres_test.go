//go:build unix

package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/store/pgtest"
	"github.com/parleychat/parley/ivschat"
)

// shared is settings of servers on one database.
func shared(database, logs string) func(c *config.Config) {
	master := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	return func(c *config.Config) {
		c.Store, c.MasterKey = config.ServiceURL(database), config.Secret(master)
		c.AccessKeyID, c.SecretAccessKey = "AKIDSHARED", "0123456789abcdef"
		c.ChatlogDir, c.ChatlogObjectInterval = logs, 100*time.Millisecond
	}
}

func noRetries(o *ivschat.Options) { o.Retryer = aws.NopRetryer{} }

func TestChatGoesOnWhilePostgresIsDown(t *testing.T) {
	postgres := pgtest.Start(t, "fsync=off")
	r := start(t, shared(postgres.Database(t), t.TempDir()))
	room, logged := r.room(), r.logged()
	ana, bea, cid := r.connect(room, "ana"), r.connect(room, "bea"), r.connect(logged, "cid")
	unused := r.token(room, "dan")
	chat := func(text string) {
		t.Helper()
		r.send(ana, fmt.Sprintf(`{"Action":"SEND_MESSAGE","Content":%q}`, text))
		for _, c := range []func() frame{func() frame { return r.read(ana) }, func() frame { return r.read(bea) }} {
			if f := c(); f.Content != text {
				t.Errorf("%+v, want %s", f, text)
			}
		}
	}
	chat("before")
	r.send(cid, `{"Action":"SEND_MESSAGE","Content":"logged"}`)
	r.read(cid)

	postgres.Stop()
	chat("meanwhile")
	var refused *ivschat.ClientError
	_, err := r.client(noRetries).CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || refused.Code != "ServiceUnavailable" {
		t.Errorf("CreateRoom: %v", err)
	}
	if _, err := r.client(noRetries).ListRooms(t.Context(), &ivschat.ListRoomsInput{}); !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("ListRooms: %v", err)
	}
	if _, status, err := r.dial(unused); err == nil || status != http.StatusServiceUnavailable {
		t.Errorf("a handshake: %d, %v", status, err)
	}
	if status, _ := r.get("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", status)
	}
	if status, _ := r.get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	// What could not be logged is not shown.
	r.send(cid, `{"Action":"SEND_MESSAGE","Content":"lost"}`)
	if f := r.read(cid); f.Type != "ERROR" || f.ErrorCode != 500 {
		t.Errorf("a logged room: %+v", f)
	}

	postgres.Start(t)
	chat("after")
	if _, err := r.client().GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: room.Arn}); err != nil {
		t.Error(err)
	}
	r.room()
	r.connect(room, "eva")
	r.send(cid, `{"Action":"SEND_MESSAGE","Content":"logged again"}`)
	if f := r.read(cid); f.Content != "logged again" {
		t.Errorf("a logged room: %+v", f)
	}
}

func TestServersShareADatabase(t *testing.T) {
	postgres := pgtest.Start(t, "fsync=off")
	database, logs := postgres.Database(t), t.TempDir()
	a, b := start(t, shared(database, logs)), start(t, shared(database, logs))
	room := a.logged()
	if got, err := b.client().GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: room.Arn}); err != nil || got.ID != room.ID {
		t.Fatalf("what one made the other has: %v, %v", got, err)
	}
	token := a.token(room, "ana")
	c, _, err := b.dial(token)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, status, err := a.dial(token); err == nil || status != http.StatusForbidden {
		t.Errorf("a token that the other server took: %d, %v", status, err)
	}

	// Whoever ships, each record is shipped once; when that server stops, the
	// other goes on.
	wanted := func(n int, ids []string) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		got := func() []string { return objects(t, filepath.Join(logs, "chat-logs", "AWSLogs")) }
		for end := time.Now().Add(time.Minute); len(got()) < n && time.Now().Before(end); <-tick.C {
		}
		found := got()
		slices.Sort(found)
		slices.Sort(ids)
		if !slices.Equal(found, ids) {
			t.Errorf("shipped %v, want %v", found, ids)
		}
	}
	ids := append(a.chat(room), b.chat(room)...)
	wanted(len(ids), ids)
	a.stop()
	ids = append(ids, b.chat(room)...)
	wanted(len(ids), ids)
}

// starting is a server that starts, and finds PostgreSQL out of reach.
type starting struct {
	said  chan struct{} // closed when it told that it waits
	ended chan error
	*server.Server
}

func (s *starting) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("starts as soon as")) {
		close(s.said)
	}
	return len(line), nil
}

func beginStart(ctx context.Context, t *testing.T, database string) *starting {
	c := config.Default()
	c.Data = t.TempDir()
	shared(database, t.TempDir())(c)
	s := &starting{said: make(chan struct{}), ended: make(chan error, 1)}
	go func() {
		var err error
		s.Server, err = server.New(ctx, c, false, slog.New(slog.NewTextHandler(s, nil)))
		s.ended <- err
	}()
	select {
	case <-s.said:
	case err := <-s.ended:
		t.Fatalf("the server does not wait: %v", err)
	}
	return s
}

func TestStartWaitsForPostgres(t *testing.T) {
	postgres := pgtest.Start(t, "fsync=off")
	database := postgres.Database(t)
	postgres.Stop()
	s := beginStart(t.Context(), t, database)
	postgres.Start(t)
	if err := <-s.ended; err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Serve(over, over, l); err != nil { // which closes it
		t.Error(err)
	}
}

// Who wants a start to end does not wait for the database.
func TestStartThatWaitsEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := beginStart(ctx, t, "postgres://parley@127.0.0.1:1/parley")
	cancel()
	if err := <-s.ended; !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.Canceled) {
		t.Errorf("the start ended with %v", err)
	}
}
