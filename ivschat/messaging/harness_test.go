package messaging_test

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a whole server, on a socket or in a bubble of fake time.
type service struct {
	t      testing.TB
	server *server.Server
	url    string
	dial   func(ctx context.Context, network, addr string) (net.Conn, error) // nil for a socket
	stop   func()
}

// onSocket serves on a socket.
func onSocket(t testing.TB) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l)
}

// inBubble serves without a socket, so that time can be fake.
func inBubble(t testing.TB) *service {
	t.Helper()
	l := newPipeListener()
	s := serve(t, l)
	s.url, s.dial = "ws://chat.test/some/path?q=1", l.dial
	return s
}

func serve(t testing.TB, l net.Listener) *service {
	t.Helper()
	s, err := run(l)
	if err != nil {
		t.Fatal(err)
	}
	s.t = t
	t.Cleanup(s.stop)
	return s
}

// run serves until it is stopped.
func run(l net.Listener) (*service, error) {
	c := config.Default()
	c.ExpiryGrace, c.DrainTimeout = 100*time.Millisecond, 100*time.Millisecond
	parley, err := server.New(context.Background(), c, true, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- parley.Serve(ctx, context.Background(), l) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			panic(err)
		}
	})
	return &service{server: parley, url: "ws://" + l.Addr().String(), stop: stop}, nil
}

// exampleService serves examples, which have no testing.TB.
func exampleService() (s *service, arn string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	if s, err = run(l); err != nil {
		log.Fatal(err)
	}
	room, err := s.server.Service().CreateRoom(as(context.Background()), &ivschat.CreateRoomInput{MaximumMessageLength: new(int32(10))})
	if err != nil {
		log.Fatal(err)
	}
	return s, room.Arn, s.stop
}

// as signs a call of the control plane.
func as(ctx context.Context) context.Context {
	return principal.NewContext(ctx, principal.Principal{
		Account: "000000000000", Region: "us-west-2", ARN: "arn:aws:iam::000000000000:root",
	})
}

func (s *service) room(in *ivschat.CreateRoomInput) string {
	s.t.Helper()
	if in.MaximumMessageRatePerSecond == nil {
		in.MaximumMessageRatePerSecond = new(int32(100))
	}
	room, err := s.server.Service().CreateRoom(as(context.Background()), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return room.Arn
}

// tokens provides tokens with all capabilities, and sessions of a minute.
func (s *service) tokens(arn, user string) messaging.TokenProvider {
	return func(ctx context.Context) (*messaging.Token, error) {
		return messaging.TokensFrom(s.server.Service(), &ivschat.CreateChatTokenInput{
			RoomIdentifier: arn, UserID: user, SessionDurationInMinutes: new(int32(1)), Attributes: map[string]string{"name": user},
			Capabilities: []ivschat.Capability{
				ivschat.CapabilitySendMessage, ivschat.CapabilityDeleteMessage, ivschat.CapabilityDisconnectUser,
			},
		})(as(ctx))
	}
}

// new returns a room that is closed after the test.
func (s *service) new(arn, user string, change func(*messaging.Config)) *messaging.Room {
	s.t.Helper()
	c := messaging.Config{
		RegionOrURL: s.url, TokenProvider: s.tokens(arn, user), DialContext: s.dial,
		BaseBackoff: 5 * time.Millisecond, MaxBackoff: 50 * time.Millisecond,
	}
	if change != nil {
		change(&c)
	}
	return newRoom(s.t, c)
}

func newRoom(t testing.TB, c messaging.Config) *messaging.Room {
	t.Helper()
	r, err := messaging.NewRoom(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// join returns a room that is connected, the notices of that taken.
func (s *service) join(arn, user string, change func(*messaging.Config)) *messaging.Room {
	s.t.Helper()
	r := s.new(arn, user, change)
	connect(s.t, r)
	return r
}

func connect(t testing.TB, r *messaging.Room) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	becomes(t, r, messaging.StateConnecting)
	becomes(t, r, messaging.StateConnected)
}

// next returns the next notice of a type, passing over others.
func next[T messaging.Notice](t testing.TB, r *messaging.Room) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	for n := range r.Events(ctx) {
		if n, ok := n.(T); ok {
			return n
		}
	}
	var none T
	t.Fatalf("no %T came", none)
	return none
}

func becomes(t testing.TB, r *messaging.Room, want messaging.State) *messaging.StateChange {
	t.Helper()
	change := next[*messaging.StateChange](t, r)
	if change.State != want {
		t.Fatalf("became %+v, want %s", change, want)
	}
	return change
}

func send(t testing.TB, r *messaging.Room, content string) *messaging.Message {
	t.Helper()
	m, err := r.SendMessage(context.Background(), messaging.SendMessageRequest{Content: content})
	if err != nil {
		t.Fatalf("send %q: %v", content, err)
	}
	return m
}

// refused returns the code of a request that was refused.
func refused(err error) messaging.ErrorCode {
	e, ok := errors.AsType[*messaging.Error](err)
	if !ok {
		return 0
	}
	return e.Code
}

// pipeListener is a listener whose connections are pipes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipeListener() *pipeListener {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, served := net.Pipe()
	select {
	case l.conns <- served:
		return client, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.close()
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
