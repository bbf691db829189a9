package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
)

// BenchmarkHangingHandler is 100 rooms that chat, 400 messages a second in all,
// while ten more send 50 a second to handlers that hang for a minute. Each
// iteration is a while without and a while with those ten, so that both p99s are
// of one run; run it for long: -benchtime 15x.
func BenchmarkHangingHandler(b *testing.B) {
	const (
		rooms, slow = 100, 10
		while       = 3 * time.Second
		settle      = 500 * time.Millisecond // after which what went before is over
	)
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
	}))
	b.Cleanup(hanging.Close)
	s := newStage(b, func(c *config.Config) {
		c.ReviewHandlers = []config.Route{{Pattern: "arn:aws:lambda:*", Endpoints: []string{"lambda+" + hanging.URL}}}
	})

	var on atomic.Bool // the ten send
	var quiet, hung samples
	var all sync.WaitGroup
	ctx, stop := context.WithCancel(b.Context())
	began := time.Now()
	var recording atomic.Pointer[samples]
	for i := range rooms {
		s.chat(ctx, &all, s.room(""), 250*time.Millisecond, i, func() bool { return true }, func(took time.Duration) {
			if to := recording.Load(); to != nil {
				to.add(took)
			}
		})
	}
	var fallbacks atomic.Int64
	for i := range slow {
		room := s.room(fmt.Sprintf("arn:aws:lambda:us-west-2:000000000000:function:hangs-%d", i))
		s.chat(ctx, &all, room, 200*time.Millisecond, i, on.Load, func(time.Duration) { fallbacks.Add(1) })
	}
	for b.Loop() {
		for _, condition := range []struct {
			on bool
			to *samples
		}{{false, &quiet}, {true, &hung}} {
			on.Store(condition.on)
			time.Sleep(settle)
			recording.Store(condition.to)
			time.Sleep(while)
			recording.Store(nil)
		}
	}
	stop()
	all.Wait()
	if fallbacks.Load() == 0 {
		b.Error("no message of the hanging handlers came back")
	}
	before, after := quiet.p99(), hung.p99()
	b.ReportMetric(before, "quiet-p99-ms")
	b.ReportMetric(after, "hanging-p99-ms")
	b.ReportMetric(100*(after/before-1), "change-%")
	b.ReportMetric(float64(len(hung.took)), "samples")
	b.ReportMetric(float64(fallbacks.Load())/time.Since(began).Seconds(), "fallbacks/s")
}

type samples struct {
	mu   sync.Mutex
	took []time.Duration
}

func (s *samples) add(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, took)
}

func (s *samples) p99() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.took)
	return float64(s.took[len(s.took)*99/100].Microseconds()) / 1000
}

// stage is a server in memory for benchmarks.
type stage struct {
	b       *testing.B
	server  *server.Server
	address string
	ctx     context.Context // of the account
}

func newStage(b *testing.B, change func(*config.Config)) *stage {
	c := config.Default()
	c.Quotas, c.ExpiryGrace, c.DrainTimeout = "none", 10*time.Millisecond, 10*time.Millisecond
	change(c)
	x, err := server.New(b.Context(), c, true, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- x.Serve(ctx, ctx, l) }()
	b.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	return &stage{b, x, l.Addr().String(), principal.NewContext(b.Context(), principal.Principal{
		Account: "000000000000", Region: "us-west-2", ARN: "arn:aws:iam::000000000000:root",
	})}
}

// room makes a room, with a handler unless it is "".
func (s *stage) room(handler string) *ivschat.Room {
	room, err := s.server.Service().CreateRoom(s.ctx, &ivschat.CreateRoomInput{
		MessageReviewHandler: &ivschat.MessageReviewHandler{URI: &handler},
	})
	if err != nil {
		s.b.Fatal(err)
	}
	return room
}

// chat is one user of a room who sends a message every so often, if on, until the
// context ends; back hears how long each took to come back.
func (s *stage) chat(ctx context.Context, all *sync.WaitGroup, room *ivschat.Room, every time.Duration, i int, on func() bool, back func(time.Duration)) {
	out, err := s.server.Service().CreateChatToken(s.ctx, &ivschat.CreateChatTokenInput{
		RoomIdentifier: room.Arn, UserID: fmt.Sprint("user-", i), Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
	})
	if err != nil {
		s.b.Fatal(err)
	}
	c, _, err := websocket.Dial(ctx, "ws://"+s.address+"/", &websocket.DialOptions{Subprotocols: []string{out.Token}})
	if err != nil {
		s.b.Fatal(err)
	}
	start := time.Now()
	all.Go(func() {
		for {
			_, text, err := c.Read(ctx)
			if err != nil {
				return
			}
			_, after, _ := strings.Cut(string(text), `"RequestId":"`)
			id, _, _ := strings.Cut(after, `"`)
			sent, err := strconv.ParseInt(id, 10, 64)
			if err != nil || strings.Contains(string(text), `"ERROR"`) {
				s.b.Errorf("got %s", text)
				return
			}
			back(time.Since(start) - time.Duration(sent))
		}
	})
	all.Go(func() {
		defer c.CloseNow()
		first := time.NewTimer(rand.N(every)) // not all at once
		defer first.Stop()
		select {
		case <-ctx.Done():
			return
		case <-first.C:
		}
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			if on() {
				text := fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":"%d","Content":"hello there"}`, time.Since(start))
				if c.Write(ctx, websocket.MessageText, []byte(text)) != nil {
					return
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
}
