package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// Handshakes under way when a stop is cut short end with it, all of them.
func TestAStopThatIsCutShortLeavesNoSession(t *testing.T) {
	for range 10 {
		r := start(t, func(c *config.Config) { c.DrainTimeout, c.ExpiryGrace = 0, 10*time.Millisecond })
		room := r.room()
		var tokens []string
		for i := range 20 {
			tokens = append(tokens, r.token(room, fmt.Sprint(i)))
		}
		var all sync.WaitGroup
		for _, token := range tokens {
			all.Go(func() {
				c, _, err := websocket.Dial(context.Background(), "ws://"+r.addr, &websocket.DialOptions{Subprotocols: []string{token}})
				if err != nil {
					return
				}
				defer c.CloseNow()
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				for err == nil {
					_, _, err = c.Read(ctx)
				}
				if ctx.Err() != nil {
					t.Error("a session outlived the server's stop")
				}
			})
		}
		r.stop()
		all.Wait()
	}
}

// Who sends half a request neither keeps a goroutine for ever nor holds up a stop.
func TestHalfARequestEnds(t *testing.T) {
	c := config.Default()
	c.Data = t.TempDir()
	s, err := server.New(t.Context(), c, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, context.Background(), l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
	// Another request is served meanwhile: the server is up when it is stopped.
	if response, err := http.Get("http://" + l.Addr().String() + "/readyz"); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("readyz: %v %v", response, err)
	}
	stop()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(40 * time.Second):
		t.Fatal("half a request holds up the stop")
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, bufio.NewReader(conn)); err != nil {
		t.Logf("the connection ended with %v", err)
	}
}

// A burst over the rate is refused; only one that goes on is closed.
func TestFloods(t *testing.T) {
	r := start(t, nil)
	room := r.room()
	c := r.connect(room, "ana")
	const burst = 150
	for i := range burst {
		r.send(c, fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":"%d","Content":"x"}`, i))
	}
	sent, refused := 0, 0
	for range burst {
		switch f := r.read(c); {
		case f.Type == "MESSAGE":
			sent++
		case f.ErrorCode == 429 && f.ErrorMessage == "rate limit exceeded":
			refused++
		default:
			t.Fatalf("got %+v", f)
		}
	}
	if sent < 10 || sent > 30 {
		t.Errorf("%d of a burst of %d were sent at 10/s", sent, burst)
	}
	go func() {
		for c.Write(context.Background(), websocket.MessageText, []byte("x")) == nil {
		}
	}()
	for {
		_, _, err := c.Read(t.Context())
		if err == nil {
			continue
		}
		if code := websocket.CloseStatus(err); code != websocket.StatusPolicyViolation {
			t.Errorf("a flood ended with %v, want Close 1008", err)
		}
		return
	}
}

// Refusals by a room leave the account's rate to its other rooms.
func TestANoisyRoomLeavesTheAccountItsRate(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Quotas = "aws" })
	noisy, calm := r.room(), r.room()
	send := func(room *ivschat.Room) error {
		_, err := r.server.Service().Actions().SendMessage(t.Context(),
			principal.User{Account: r.server.Keys.AccessKey.Account, Region: "us-west-2", RoomID: room.ID, UserID: "ana"},
			&messaging.Request{Action: messaging.ActionSendMessage, Content: "x"}, false)
		return err
	}
	refused := 0
	for range 3000 { // three times the account's rate, of which the room takes 100
		if send(noisy) != nil {
			refused++
		}
	}
	if refused < 1000 {
		t.Fatalf("only %d were refused", refused)
	}
	if err := send(calm); err != nil {
		t.Errorf("the calm room: %v", err)
	}
}
