package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
)

// running is a server on a real socket.
type running struct {
	t      *testing.T
	server *server.Server
	addr   string
	logs   *buffer
	stop   func() // in order, and waits
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func start(t *testing.T, change func(*config.Config)) *running {
	t.Helper()
	logs := &buffer{}
	r := startLogged(t, slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})), change)
	r.logs = logs
	return r
}

// startLogged leaves the logs to whoever made the logger.
func startLogged(t *testing.T, logger *slog.Logger, change func(*config.Config)) *running {
	t.Helper()
	c := config.Default()
	c.Data = t.TempDir()
	c.ExpiryGrace = 50 * time.Millisecond
	c.DrainTimeout = 100 * time.Millisecond
	if change != nil {
		change(c)
	}
	r := &running{t: t}
	s, err := server.New(t.Context(), c, false, logger)
	if err != nil {
		t.Fatal(err)
	}
	r.server = s
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, context.Background(), l) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// client is the real client, with the server's own access key.
func (r *running) client(change ...func(*ivschat.Options)) *ivschat.Client {
	key := r.server.Keys.AccessKey
	o := ivschat.Options{
		Region: "us-west-2", BaseEndpoint: new("http://" + r.addr),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: string(key.Secret)}, nil
		}),
	}
	for _, c := range change {
		c(&o)
	}
	return ivschat.New(o)
}

func (r *running) room() *ivschat.Room {
	r.t.Helper()
	room, err := r.client().CreateRoom(r.t.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: new(int32(100))})
	if err != nil {
		r.t.Fatal(err)
	}
	return room
}

func (r *running) token(room *ivschat.Room, user string) string {
	r.t.Helper()
	out, err := r.client().CreateChatToken(r.t.Context(), &ivschat.CreateChatTokenInput{
		RoomIdentifier: room.Arn, UserID: user,
		Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage, ivschat.CapabilityDeleteMessage, ivschat.CapabilityDisconnectUser},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out.Token
}

// dial returns the status of a refused handshake.
func (r *running) dial(token string) (*websocket.Conn, int, error) {
	c, response, err := websocket.Dial(r.t.Context(), "ws://"+r.addr+"/", &websocket.DialOptions{Subprotocols: []string{token}})
	status := 0
	if response != nil {
		status = response.StatusCode
	}
	return c, status, err
}

func (r *running) connect(room *ivschat.Room, user string) *websocket.Conn {
	r.t.Helper()
	c, _, err := r.dial(r.token(room, user))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.CloseNow() })
	return c
}

type frame struct {
	Type, Id, RequestId, Content, EventName, ErrorMessage string
	ErrorCode                                             int
}

func (r *running) read(c *websocket.Conn) frame {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	_, text, err := c.Read(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	var f frame
	if err := json.Unmarshal(text, &f); err != nil {
		r.t.Fatalf("%s: %v", text, err)
	}
	return f
}

func (r *running) send(c *websocket.Conn, text string) {
	r.t.Helper()
	if err := c.Write(r.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) get(path string) (int, string) {
	r.t.Helper()
	response, err := http.Get("http://" + r.addr + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
