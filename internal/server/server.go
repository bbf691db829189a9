// Package server is the composition root: it makes of settings the parts of a
// Parley, serves them on one port, and stops them in order.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleychat/parley/internal/access"
	"github.com/parleychat/parley/internal/api"
	"github.com/parleychat/parley/internal/chat"
	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/edge"
	"github.com/parleychat/parley/internal/hub"
	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/metrics"
	"github.com/parleychat/parley/internal/notice"
	"github.com/parleychat/parley/internal/review"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/session"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/wsconn"
)

// DatabaseFile is the database's name in the data directory.
const DatabaseFile = "parley.db"

// Database tells where the settings have the data: for store.Open and Attach.
func Database(c *config.Config) string {
	if c.Store != "" {
		return string(c.Store)
	}
	return filepath.Join(c.Data, DatabaseFile)
}

// Server is a whole Parley.
type Server struct {
	Config *config.Config
	Keys   keys.Keys
	// FirstRun says that the access key was made just now.
	FirstRun bool

	logger   *slog.Logger
	store    *store.Store
	access   *access.Book
	log      roomlog.Log
	cluster  *cluster // nil where this node has the room logs to itself
	peers    atomic.Pointer[limit.Peers]
	hub      *hub.Hub
	chat     *chat.Service
	upgrader *wsconn.Upgrader
	sessions *session.Server
	metrics  *metrics.Metrics
	calls    limit.Rates // of the control plane, by operation
	reviewer *review.Reviewer
	places   *chatlog.Destinations
	shipper  *chatlog.Shipper
	notices  *notice.Sender // nil if nobody is to be told
	handler  http.Handler
	draining atomic.Bool
	handover handover

	tls        certificates      // nil without TLS
	metricsTLS *edge.Certificate // of the metrics; nil without TLS
}

// New makes the parts. In dev mode everything is in memory and credentials are
// not verified; else data and keys are under the data directory. Close it, or
// let Serve do so.
func New(ctx context.Context, c *config.Config, dev bool, logger *slog.Logger) (_ *Server, err error) {
	s := &Server{Config: c, logger: logger, metrics: metrics.New()}
	defer func() { err = s.explain(err) }()
	quotas, err := limit.New(c.Quotas, c.QuotasFor)
	if err != nil {
		return nil, err
	}
	if err := s.loadCertificates(dev); err != nil {
		return nil, err
	}
	if err := s.loadKeys(dev); err != nil {
		return nil, err
	}
	reviews := ReviewOptions(c, dev, logger)
	reviews.Observe, reviews.CircuitChanged = s.reviewed, s.metrics.ReviewCircuit
	if s.reviewer, err = review.New(ctx, reviews); err != nil {
		return nil, fmt.Errorf("message review: %w", err)
	}
	defer func() {
		if err != nil {
			s.reviewer.Close()
		}
	}()
	path := ""
	if !dev {
		path = Database(c)
	}
	if err := s.await(ctx, func(ctx context.Context) (err error) {
		s.store, err = store.Open(ctx, path)
		return err
	}); err != nil {
		return nil, err
	}
	if err := s.await(ctx, func(ctx context.Context) (err error) {
		s.access, err = access.Open(ctx, s.store, s.Keys.Master, logger)
		return err
	}); err != nil {
		s.store.Close()
		return nil, err
	}
	s.upgrader = wsconn.NewUpgrader(wsconn.Options{
		MaxMessage: int(c.MaxFrame), QueueBytes: int(c.SendQueue), SendBuffer: int(c.SendBuffer), NoPoller: c.Reader == "goroutine",
	})
	if err := s.await(ctx, s.openChatlogs); err != nil {
		s.access.Close(ctx)
		s.store.Close()
		return nil, err
	}
	if err := s.await(ctx, s.openLog); err != nil {
		s.closeChatlogs()
		s.access.Close(ctx)
		s.store.Close()
		return nil, err
	}
	s.hub = hub.New(s.log, hub.Options{
		MaxPending: int(c.SendQueue), Window: c.FanoutWindow, Delivered: s.metrics.Delivered,
		Control: func(r roomlog.Room) { s.chat.DropRoom(r) },
	})
	s.chat = chat.New(chat.Options{
		Store: s.store, Log: s.log, Tokens: s.access.Ring(), Pager: s.access.Pager(), Quotas: quotas,
		TokenValidity: c.TokenValidity, EventAttributes: int(c.EventAttributesLimit),
		ReservedEvents: c.AllowReservedEvents, Overloaded: s.hub.Overloaded, Logger: logger,
		Operated: s.metrics.Operated, Throttled: s.metrics.Throttled,
		Probe: s.places.Probe, Reviewer: s.reviewer, AcceptUnresolved: acceptUnresolved(c, dev),
		Account: s.account, CacheAge: s.cacheAge(), LogWait: s.logWait(),
	})
	s.sessions = session.New(session.Options{
		Chat: s.chat.Actions(), Rooms: s.hub, Tokens: s.access.Ring(), Claim: s.store.ClaimToken, Quotas: quotas,
		Upgrader: s.upgrader, ClientIP: s.clientIP, PingEvery: c.PingInterval, PongWithin: c.PongTimeout, Grace: c.ExpiryGrace,
		HandshakeRate: c.HandshakeRate, MaxSessions: c.MaxConnections,
		ClientHandshakeRate: c.ClientHandshakeRate, ClientSessions: c.ClientConnections, Handover: &s.handover, Ready: s.reached, Linger: s.linger(), Observer: s.metrics, Logger: logger,
	})
	s.metrics.Limits(quotas.Profile(), c.MaxConnections, c.HandshakeRate)
	s.metrics.Uses(func() []limit.Use { return s.uses(quotas) })
	s.metrics.Limit(limit.QuotaClientHandshakes, c.ClientHandshakeRate)
	s.metrics.Limit(limit.QuotaClientConnections, c.ClientConnections)
	s.metrics.Limit(limit.QuotaClientPending, c.ClientPending)
	s.handler = s.routes(api.New(s.apiOptions(quotas, dev)))
	if err := s.joinCluster(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// explain adds to what kept the server from starting what the operator has to
// know.
func (s *Server) explain(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: run the server as the user who owns %s, or give the directory to user %d with chown", err, s.Config.Data, os.Getuid())
	}
	if err != nil && s.FirstRun { // the next run will not show its secret
		err = fmt.Errorf("%w\n(an access key was made; secret in %s)", err, filepath.Join(s.Config.Data, keys.AccessKeyFile))
	}
	return err
}

// loadKeys takes the access key from the settings, or the one kept under the
// data directory.
func (s *Server) loadKeys(dev bool) (err error) {
	s.Keys = keys.Dev()
	if !dev {
		if s.Keys, s.FirstRun, err = keys.Load(s.Config.Data, s.Config.MasterKey); err != nil {
			return err
		}
	}
	given := keys.AccessKey{ID: s.Config.AccessKeyID, Secret: s.Config.SecretAccessKey}
	if given.ID != "" {
		s.FirstRun = false // nothing was made that has to be shown
	}
	if s.Config.Explicit("account-id") || given.ID != "" {
		given.Account = s.Config.AccountID
	}
	s.Keys = s.Keys.Override(given)
	if !dev && s.Keys.AccessKey.IsDev() {
		return errors.New("the access key of `parley dev` is public: set another, or unset it to have one made")
	}
	return nil
}

// Service is the control plane in process.
func (s *Server) Service() *chat.Service { return s.chat }

// Handler is everything on the one port.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve serves the listener until the context ends, then stops in order:
// readiness off, sessions drained, requests finished, store closed. Give up,
// when it ends, cuts the stop short. It closes the server.
func (s *Server) Serve(ctx, giveUp context.Context, l net.Listener) error {
	defer s.Close()
	web := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second, // of a whole request: net/http reads what a handler left
		WriteTimeout:      30 * time.Second, // of the control plane: a hijacked connection has its own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	if s.Config.ClientPending > 0 {
		half := &pending{most: s.Config.ClientPending, trusted: s.trustedAddr, refused: func() { s.metrics.Throttled(limit.QuotaClientPending) }}
		web.ConnState = half.follow
	}
	var beside sync.WaitGroup
	serving, stop := context.WithCancel(ctx)
	beside.Go(func() { s.giveBackMemory(serving) })
	l = s.atEdge(serving, l, &beside)
	defer beside.Wait()
	defer stop()
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.drain(giveUp)
	finish, cancel := context.WithTimeout(giveUp, finishWithin)
	defer cancel()
	if err := web.Shutdown(finish); err != nil {
		web.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func (s *Server) drain(giveUp context.Context) {
	s.draining.Store(true)
	s.logger.Info("stopping", "sessions", s.sessions.Sessions())
	ctx, cancel := context.WithTimeout(giveUp, s.Config.DrainDelay+s.Config.DrainTimeout+2*s.Config.ExpiryGrace)
	defer cancel()
	if s.Config.DrainDelay > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(s.Config.DrainDelay):
		}
	}
	s.sessions.Drain(ctx, s.Config.DrainTimeout)
}

// Close ends the parts, those that feed others first. Sessions are cut.
func (s *Server) Close() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.sessions.Drain(now, 0)
	s.reviewer.Close()
	s.leaveCluster()
	s.log.Close()
	s.hub.Close()
	s.upgrader.Close()
	s.closeChatlogs()
	s.closeAccess()
	if err := s.store.Close(); err != nil {
		s.logger.Error("close the store", "error", err)
	}
}

// finishWithin bounds the wait for requests in flight when the server stops.
const finishWithin = 20 * time.Second

// lobbyID is the fixed id of the room that dev mode begins with, so that what
// was pasted yesterday works today.
const lobbyID = "lobbyDev0001"

// Seed makes the room named lobby and returns its ARN.
func (s *Server) Seed(ctx context.Context) (string, error) {
	t := store.Tenant{Account: s.Keys.AccessKey.Account, Region: s.Config.Region}
	room := chat.NewRoom(t, lobbyID)
	room.Name = "lobby"
	if err := s.store.CreateRoom(ctx, t, room, 0); err != nil {
		return "", fmt.Errorf("make the lobby: %w", err)
	}
	return room.Arn, nil
}
