package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// Pauses are random, up to a bound that doubles to a limit, for as long as it takes.
func TestPausesBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const runs, tries = 60, 10
		longest := make([]time.Duration, tries)
		for range runs {
			ctx, cancel := context.WithCancel(t.Context())
			var last time.Time
			n := 0
			r := newRoom(t, messaging.Config{
				RegionOrURL:   "us-west-2",
				TokenProvider: func(context.Context) (*messaging.Token, error) { return &messaging.Token{Token: "t"}, nil },
				DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
					if addr != "edge.ivschat.us-west-2.amazonaws.com:443" {
						t.Errorf("dialled %s", addr)
					}
					if n > 0 {
						longest[n-1] = max(longest[n-1], time.Since(last))
					}
					last = time.Now()
					if n++; n > tries {
						cancel()
					}
					return nil, errors.New("no route")
				},
			})
			if err := r.Connect(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Connect: %v", err)
			}
			becomes(t, r, messaging.StateConnecting)
			change := becomes(t, r, messaging.StateDisconnected)
			if change.Reason != messaging.ReasonClientDisconnect {
				t.Errorf("became %+v", change)
			}
			r.Close()
		}
		bound := 500 * time.Millisecond
		for i, d := range longest {
			if d > bound || d < bound/2 {
				t.Errorf("pause %d was at most %v in %d runs, the bound is %v", i, d, runs, bound)
			}
			bound = min(2*bound, 30*time.Second)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for _, header := range []string{"90", time.Date(2000, 1, 1, 0, 1, 30, 0, time.UTC).Format("Mon, 02 Jan 2006 15:04:05 GMT")} {
		synctest.Test(t, func(t *testing.T) { // begins at 2000-01-01 00:00:00
			s := newStub(t)
			go func() {
				s.refuse("503 Service Unavailable\r\nContent-Length: 18\r\nRetry-After: " + header + "\r\n\r\n" + `{"message":"busy"}`)
				s.accept().serve()
			}()
			r := s.room(nil)
			start := time.Now()
			if err := r.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took < 90*time.Second || took > 91*time.Second {
				t.Errorf("%s: connected after %v", header, took)
			}
			send(t, r, "hello")
		})
	}
}

// Each try has a token of its own.
func TestTriesAreBounded(t *testing.T) {
	s := onSocket(t)
	arn := s.room(&ivschat.CreateRoomInput{})
	used, err := s.tokens(arn, "ana")(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stale := func(n *int) messaging.TokenProvider {
		return func(context.Context) (*messaging.Token, error) {
			*n++
			return used, nil
		}
	}
	calls := 0
	first := s.join(arn, "ana", func(c *messaging.Config) { c.TokenProvider = stale(&calls) })
	calls = 0
	second := s.new(arn, "ana", func(c *messaging.Config) { c.TokenProvider, c.MaxAttempts = stale(&calls), 4 })
	err = second.Connect(t.Context())
	if handshakeStatus(err) != 403 || calls != 4 {
		t.Errorf("Connect: %v after %d tokens, want 403 after 4", err, calls)
	}
	becomes(t, second, messaging.StateConnecting)
	change := becomes(t, second, messaging.StateDisconnected)
	if change.Reason != messaging.ReasonSocketError || !errors.Is(err, change.Err) {
		t.Errorf("became %+v", change)
	}
	send(t, first, "not concerned")
}

func TestTokenProvidersThatFail(t *testing.T) {
	s := onSocket(t)
	good := s.tokens(s.room(&ivschat.CreateRoomInput{}), "ana")
	down := errors.New("backend is down")
	for name, test := range map[string]struct {
		answer func(call int) (*messaging.Token, error)
		calls  int
		want   error // nil if it connects
	}{
		"at first":          {func(n int) (*messaging.Token, error) { return nil, down }, 3, nil},
		"always":            {func(n int) (*messaging.Token, error) { return nil, down }, 5, down},
		"for good":          {func(n int) (*messaging.Token, error) { return nil, fmt.Errorf("banned: %w", messaging.ErrNoToken) }, 1, messaging.ErrNoToken},
		"nothing":           {func(n int) (*messaging.Token, error) { return nil, nil }, 1, messaging.ErrNoToken},
		"empty":             {func(n int) (*messaging.Token, error) { return &messaging.Token{}, nil }, 1, messaging.ErrNoToken},
		"a header injected": {func(n int) (*messaging.Token, error) { return &messaging.Token{Token: "a\r\nb: c"}, nil }, 1, messaging.ErrNoToken},
		"not ASCII":         {func(n int) (*messaging.Token, error) { return &messaging.Token{Token: "é"}, nil }, 1, messaging.ErrNoToken},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			r := s.new("", "", func(c *messaging.Config) {
				c.MaxAttempts = 5
				c.TokenProvider = func(ctx context.Context) (*messaging.Token, error) {
					if calls++; test.want == nil && calls == test.calls {
						return good(ctx)
					}
					return test.answer(calls)
				}
			})
			defer r.Close()
			err := r.Connect(t.Context())
			if calls != test.calls || (test.want == nil) != (err == nil) || !errors.Is(err, test.want) {
				t.Fatalf("%v after %d calls, want %v after %d", err, calls, test.want, test.calls)
			}
			if err == nil {
				return
			}
			if _, ok := errors.AsType[*messaging.TokenError](err); !ok {
				t.Errorf("%v is no TokenError", err)
			}
			becomes(t, r, messaging.StateConnecting)
			if change := becomes(t, r, messaging.StateDisconnected); change.Reason != messaging.ReasonFetchTokenError {
				t.Errorf("became %+v", change)
			}
		})
	}
}

func TestABrokenConnectionIsMadeAnew(t *testing.T) {
	s := onSocket(t)
	p := &proxy{}
	arn := s.room(&ivschat.CreateRoomInput{})
	ana := s.join(arn, "ana", func(c *messaging.Config) { c.DialContext = p.dial })
	for i := range 3 {
		send(t, ana, fmt.Sprint(i))
		p.kill()
		if change := becomes(t, ana, messaging.StateConnecting); change.Err == nil {
			t.Errorf("became %+v", change)
		}
		becomes(t, ana, messaging.StateConnected)
	}
	send(t, ana, "3")
	if n := ana.Stats(); n.Connections != 4 || n.Refreshes != 0 {
		t.Errorf("%+v", n)
	}
}

// proxy is a network that can break.
type proxy struct {
	mu    sync.Mutex
	conns []*net.TCPConn
}

func (p *proxy) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	tcp := conn.(*net.TCPConn)
	p.mu.Lock()
	p.conns = append(p.conns, tcp)
	p.mu.Unlock()
	go func() { io.Copy(tcp, far); tcp.Close() }()
	go func() { io.Copy(far, tcp); far.Close() }()
	return near, nil
}

func (p *proxy) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.SetLinger(0)
		c.Close()
	}
	p.conns = nil
}

// When a connection breaks, many do: they do not all come back at once.
func TestTheFirstPauseIsRandomToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		r, l := s.connected(func(c *messaging.Config) { c.KeepAlive = -1 })
		var longest time.Duration
		for range 60 {
			time.Sleep(time.Minute)
			l.Close()
			start := time.Now()
			l = s.accept()
			longest = max(longest, time.Since(start))
		}
		if longest > 2*time.Second || longest < time.Second {
			t.Errorf("the longest pause is %v, the bound is 2s", longest)
		}
		if n := r.Stats(); n.Failures != 0 {
			t.Errorf("%+v", n)
		}
		go l.serve()
	})
}

func TestASilentServiceIsPingedAndGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		r, l := s.connected(nil)
		start := time.Now()
		for i := range 2 {
			if f := l.frame(); f.Header.OpCode != ws.OpPing || time.Since(start) != time.Duration(i+1)*time.Minute {
				t.Fatalf("got %v after %v", f.Header.OpCode, time.Since(start))
			}
			if i == 0 {
				l.write(ws.NewPongFrame(nil))
			}
		}
		go func() { s.accept().serve() }()
		becomes(t, r, messaging.StateConnecting)
		if took := time.Since(start); took != 3*time.Minute {
			t.Errorf("gave up after %v", took)
		}
		becomes(t, r, messaging.StateConnected)
		l.Close()
	})
}

func TestAServiceThatTakesNothingIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		r, l := s.connected(nil)
		start := time.Now()
		_, err := r.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "x"}) // nobody reads
		if _, ok := errors.AsType[*messaging.ConnectionError](err); !ok || time.Since(start) != 10*time.Second {
			t.Errorf("failed with %v after %v", err, time.Since(start))
		}
		go func() { s.accept().serve() }()
		becomes(t, r, messaging.StateConnecting)
		becomes(t, r, messaging.StateConnected)
		send(t, r, "again")
		l.Close()
	})
}

func TestConnectAndDisconnect(t *testing.T) {
	s := onSocket(t)
	r := s.new(s.room(&ivschat.CreateRoomInput{}), "ana", nil)
	if r.State() != messaging.StateDisconnected {
		t.Errorf("begins %s", r.State())
	}
	for range 2 {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := r.Connect(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		send(t, r, "x")
		r.Disconnect()
		r.Disconnect()
		if _, err := r.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "x"}); !errors.Is(err, messaging.ErrNotConnected) {
			t.Errorf("a request then: %v", err)
		}
		var states []messaging.State
		for n := range r.Events(t.Context()) {
			if c, ok := n.(*messaging.StateChange); ok {
				states = append(states, c.State)
			}
		}
		want := []messaging.State{messaging.StateConnecting, messaging.StateConnected, messaging.StateDisconnected}
		if diff := cmp.Diff(want, states); diff != "" {
			t.Error(diff)
		}
	}
	if n := r.Stats().Connections; n != 2 {
		t.Errorf("%d connections", n)
	}
	r.Close()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Connect(t.Context()); !errors.Is(err, messaging.ErrClosed) {
		t.Errorf("Connect after Close: %v", err)
	}
	for n := range r.Events(t.Context()) {
		t.Errorf("%T after Close", n)
	}
}

func TestCloseWhileEverythingGoesOn(t *testing.T) {
	s := onSocket(t)
	arn := s.room(&ivschat.CreateRoomInput{})
	for i := range 30 {
		p := &proxy{}
		r := s.new(arn, "ana", func(c *messaging.Config) { c.DialContext, c.Buffer = p.dial, 2 })
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { r.Connect(context.Background()) })
			all.Go(func() {
				for range 20 {
					r.SendMessage(context.Background(), messaging.SendMessageRequest{Content: "x"})
				}
			})
			all.Go(func() {
				for r.State() != messaging.StateDisconnected || r.Connect(context.Background()) == nil {
					for range r.Events(context.Background()) {
					}
				}
			})
		}
		all.Go(func() { p.kill(); r.Disconnect(); p.kill() })
		all.Go(func() {
			for range 300 * i { // wherever the others are then
				runtime.Gosched()
			}
			r.Close()
			if r.State() != messaging.StateDisconnected {
				t.Errorf("closed, but %s", r.State())
			}
		})
		all.Wait()
		p.kill()
	}
}

func TestCloseOfAServiceThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, reads := range []bool{true, false} {
			s := newStub(t)
			r, l := s.connected(nil)
			if reads {
				go io.Copy(io.Discard, l)
			}
			start := time.Now()
			r.Close()
			if took := time.Since(start); took != time.Second {
				t.Errorf("took %v", took)
			}
			l.Close()
		}
	})
}

func TestConfigsThatCannotWork(t *testing.T) {
	tokens := func(context.Context) (*messaging.Token, error) { return nil, messaging.ErrNoToken }
	for _, c := range []messaging.Config{
		{RegionOrURL: "us-west-2"},
		{TokenProvider: tokens},
		{TokenProvider: tokens, RegionOrURL: "us/west"},
		{TokenProvider: tokens, RegionOrURL: "http://localhost"},
		{TokenProvider: tokens, RegionOrURL: "ws://"},
		{TokenProvider: tokens, RegionOrURL: "us-west-2", Buffer: -1},
		{TokenProvider: tokens, RegionOrURL: "us-west-2", MaxAttempts: -1},
		{TokenProvider: tokens, RegionOrURL: "us-west-2", WriteTimeout: -1},
	} {
		if _, err := messaging.NewRoom(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}
