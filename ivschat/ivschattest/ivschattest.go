// Package ivschattest runs a whole Parley inside a test: real HTTP and
// WebSocket on loopback, nothing on disk. It is for tests of programs that use
// IVS Chat, through this repository's clients or any other.
//
//	srv := ivschattest.New(t)
//	room, err := srv.Client().CreateRoom(ctx, &ivschat.CreateRoomInput{})
//	// … connect a messaging client to srv.WebSocketURL
package ivschattest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
)

// Server is a running Parley. It takes any credentials; an access key id of 12
// digits is the account.
type Server struct {
	URL          string // of the control plane: http://127.0.0.1:port
	WebSocketURL string // of messaging: ws://127.0.0.1:port
	Region       string
	Account      string // of Config and Client
}

// New starts a server that ends with the test. It takes a few milliseconds.
func New(t testing.TB) *Server {
	t.Helper()
	srv, stop, err := start()
	if err != nil {
		t.Fatalf("ivschattest: %v", err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("ivschattest: %v", err)
		}
	})
	return srv
}

func start() (srv *Server, stop func() error, err error) {
	c := config.Default()
	c.ExpiryGrace, c.DrainTimeout = 10*time.Millisecond, 10*time.Millisecond
	// Made when a logged room has something to log.
	c.ChatlogDir = filepath.Join(os.TempDir(), "ivschattest-"+rand.Text())
	s, err := server.New(context.Background(), c, true, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ctx, l) }()
	stop = func() error {
		cancel()
		return errors.Join(<-served, os.RemoveAll(c.ChatlogDir))
	}
	addr := l.Addr().String()
	srv = &Server{URL: "http://" + addr, WebSocketURL: "ws://" + addr, Region: c.Region, Account: keys.DefaultAccount}
	return srv, stop, nil
}

// Config returns a configuration for this server, for Client and for any other
// AWS client.
func (s *Server) Config() aws.Config {
	return aws.Config{
		Region:       s.Region,
		BaseEndpoint: &s.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: s.Account, SecretAccessKey: "any"}, nil
		}),
	}
}

// Client returns a control-plane client of the server.
func (s *Server) Client() *ivschat.Client { return ivschat.NewFromConfig(s.Config()) }
