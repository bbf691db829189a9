package wsconn

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"
)

func TestFramesGluedToTheHandshake(t *testing.T) {
	overEach(t, Options{}, nil, func(t *testing.T, r *rig) {
		whole := join(text("first"), text(rep("x", 700)), closing(1000, ""))
		for _, cut := range []int{1, 5, 40, len(whole)} {
			c := r.connect(t, whole[:cut]...)
			go c.send(whole[cut:], 1000)
			want := []string{"text first", "text x*700", "close 1000", "end"}
			if diff := cmp.Diff(want, c.frames(t)); diff != "" {
				t.Errorf("%d bytes glued:\n%s", cut, diff)
			}
			c.Close()
			c.h.end(t)
		}
	})
}

func TestLastSeenMovesWithTheLeastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := pipeRig(t, Options{}, nil)
		c := r.connect(t)
		time.Sleep(time.Minute)
		c.h.c.Ping()
		if diff := cmp.Diff("ping ", mustFrame(t, c)); diff != "" {
			t.Error(diff)
		}
		if got := time.Since(c.h.c.LastSeen()); got != time.Minute {
			t.Errorf("our own ping counts: %v", got)
		}
		c.send(pong("")[:1], 1)
		synctest.Wait()
		if got := time.Since(c.h.c.LastSeen()); got != 0 {
			t.Errorf("last seen %v ago", got)
		}
		c.h.c.Abort()
		c.h.end(t)
	})
}

func mustFrame(t *testing.T, c *client) string {
	t.Helper()
	h, err := ws.ReadHeader(c.r)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, h.Length)
	if _, err := io.ReadFull(c.r, p); err != nil {
		t.Fatal(err)
	}
	return describe(h, p)
}

func TestControlRateIsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := pipeRig(t, Options{ControlRate: 3}, nil)
		c := r.connect(t)
		for range 5 {
			for range 3 {
				c.send(pong(""), 100)
			}
			time.Sleep(time.Second)
		}
		c.send(text("alive"), 100)
		if got := mustFrame(t, c); got != "text alive" {
			t.Errorf("got %q", got)
		}
		c.h.c.Abort()
		c.h.end(t)
	})
}

func TestFriendlyClient(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%t", secure), func(t *testing.T) {
			const token = "v1.k1.AbC-_~!#$%&'*+.^`|0"
			conns := make(chan *handler, 1)
			u := upgrader(t, Options{})
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := u.Upgrade(w, r, r.Header.Get(headerProtocol))
				if err != nil {
					t.Error(err)
					return
				}
				h := &handler{c: c, closed: make(chan error, 2)}
				c.Serve(h)
				conns <- h
			}))
			if secure {
				srv.StartTLS()
			} else {
				srv.Start()
			}
			defer srv.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			// Compression is offered and must be declined.
			c, resp, err := websocket.Dial(ctx, srv.URL, &websocket.DialOptions{
				HTTPClient: srv.Client(), Subprotocols: []string{token}, CompressionMode: websocket.CompressionContextTakeover,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != token || c.Subprotocol() != token {
				t.Errorf("echoed %q", got)
			}
			if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != "" {
				t.Errorf("negotiated %q", got)
			}
			for _, n := range []int{0, 1, 300, 5000, 16 << 10} {
				want := rep("é", n/2)
				if err := c.Write(ctx, websocket.MessageText, []byte(want)); err != nil {
					t.Fatal(err)
				}
				if _, got, err := c.Read(ctx); err != nil || string(got) != want {
					t.Fatalf("%d bytes: %v, got %d", n, err, len(got))
				}
			}
			h := <-conns
			pinged := make(chan error, 1)
			read := c.CloseRead(ctx)
			go func() { pinged <- c.Ping(ctx) }()
			if err := <-pinged; err != nil {
				t.Errorf("ping: %v", err)
			}
			if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
				t.Errorf("close: %v", err)
			}
			<-read.Done()
			if got := Reason(h.end(t)); got != "client_close" {
				t.Errorf("reason %q", got)
			}
		})
	}
}
