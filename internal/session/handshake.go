// Package session is the messaging front door: it turns WebSocket connections
// into sessions and their frames into actions (spec: messaging.md). What an
// action does is decided behind the [Chat] it is given.
package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/time/rate"

	"github.com/parleychat/parley/internal/hub"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/token"
	"github.com/parleychat/parley/internal/wsconn"
	"github.com/parleychat/parley/ivschat/messaging"
)

// Chat is what sessions ask of the service. Refusals are *messaging.Error.
type Chat interface {
	Admit(context.Context, principal.User) error
	// SendMessage sends at once, unless the message has to wait for its review or the
	// room log, or is behind others of its session that do. Then rest does the
	// remainder, from any goroutine; it calls turn once, which waits for those others.
	SendMessage(_ context.Context, _ principal.User, _ *messaging.Request, behind bool) (rest func(turn func()) error, _ error)
	DeleteMessage(context.Context, principal.User, *messaging.Request) (rest func(turn func()) error, _ error)
	DisconnectUser(context.Context, principal.User, *messaging.Request) (rest func(turn func()) error, _ error)
}

// Rooms is where sessions become members.
type Rooms interface {
	Join(ctx context.Context, room roomlog.Room, userID string, c hub.Conn) (*hub.Member, error)
}

// Handover is between a session that was told to come back and the next one of the
// same user in the same room.
type Handover interface {
	// Left notes where in the room's log a session stands. It must not block.
	Left(room roomlog.Room, userID string, place uint64)
	// Since returns where the user's last session stood, if one left lately that is
	// not back.
	Since(room roomlog.Room, userID string) (place uint64, ok bool)
	// Back notes that a session began, which has what came since the last one left. It
	// must not block.
	Back(room roomlog.Room, userID string)
}

// Options of the front door. Chat, Rooms, Tokens, Claim and Upgrader are required; zero
// values of the others take the defaults named here.
type Options struct {
	Chat   Chat
	Rooms  Rooms
	Tokens *token.Ring
	// Claim records the use of a chat token: true once per id.
	Claim func(ctx context.Context, id [16]byte, expires time.Time) (bool, error)
	// Quotas holds accounts and their sessions to limits; by default there are none.
	Quotas *limit.Quotas
	// Handover knows where sessions stood that were told to come back: the one that
	// follows gets what came meanwhile. By default nobody does.
	Handover Handover
	// Ready returns an error while the node does not get what comes to its rooms: then
	// no session begins. By default it does.
	Ready func(context.Context) error
	// Linger is how long a session is a member before its client knows.
	Linger time.Duration
	// Upgrader makes the connections; it outlives the sessions.
	Upgrader *wsconn.Upgrader
	// ClientIP tells where a request came from; by default the peer's address.
	ClientIP func(*http.Request) string
	// PingEvery is how often a session is pinged: 30 s.
	PingEvery time.Duration
	// PongWithin is how long after a ping a silent session is dropped: 10 s.
	PongWithin time.Duration
	// Grace is how long a session stays open after ERROR 401: 3 s.
	Grace time.Duration
	// HandshakeRate is the most handshakes per second; 0 is no limit.
	HandshakeRate int
	// MaxSessions is the most open sessions on this node; 0 is no limit.
	MaxSessions int
	// ClientHandshakeRate is the most handshakes per second from one client's
	// network, counted before their tokens are looked at; 0 is no limit.
	ClientHandshakeRate int
	// ClientSessions is the most open sessions from one client's network; 0 is no limit.
	ClientSessions int
	// Observer is told what happens; by default nobody is.
	Observer Observer
	Logger   *slog.Logger
}

// Server accepts sessions.
type Server struct {
	options    Options
	handshakes *rate.Limiter
	gauge      limit.Gauge
	clients    limit.Rates // handshakes by network
	networks   limit.Gauge // open sessions by network
	// ctx ends with Close: what sessions have under way then is given up.
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex // guards what follows
	draining bool
	open     int
	begun    uint64 // ever
	slots    [slots]map[*session]struct{}
	last     int            // the slot of the latest round
	ended    sync.WaitGroup // one per session

	rounds sync.WaitGroup
}

// New returns a front door. Drain it.
func New(o Options) *Server {
	if o.Quotas == nil {
		o.Quotas = limit.Same(limit.Profile{})
	}
	if o.PingEvery == 0 {
		o.PingEvery = 30 * time.Second
	}
	if o.PongWithin == 0 {
		o.PongWithin = 10 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 3 * time.Second
	}
	if o.ClientIP == nil {
		o.ClientIP = func(r *http.Request) string { return r.RemoteAddr }
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) error { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{options: o, handshakes: rate.NewLimiter(rate.Inf, 0), last: slots - 1}
	for i := range s.slots {
		s.slots[i] = map[*session]struct{}{}
	}
	if o.HandshakeRate > 0 {
		s.handshakes = rate.NewLimiter(rate.Limit(o.HandshakeRate), o.HandshakeRate)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.rounds.Go(s.goRound)
	return s
}

// refusal is the answer to a handshake that does not become a session. No SDK
// sees more than that there is one (spec: messaging.md §1.2).
type refusal struct {
	result  string // as the observer is told
	status  int
	code    string
	message string
	retry   time.Duration
}

func (r *refusal) Error() string { return r.message }

var (
	errDraining  = &refusal{"draining", http.StatusServiceUnavailable, "ServiceUnavailable", "The service is shutting down; connect again.", time.Second}
	errBusy      = &refusal{"busy", http.StatusServiceUnavailable, "ServiceUnavailable", "The service is busy; connect again later.", time.Second}
	errFull      = &refusal{"full", http.StatusTooManyRequests, "ServiceQuotaExceededException", "The maximum number of concurrent connections has been reached.", 5 * time.Second}
	errClient    = &refusal{"client_limit", http.StatusTooManyRequests, "ThrottlingException", "Too many connections from your address; connect again later.", time.Second}
	errNoToken   = &refusal{result: "no_token", status: http.StatusUnauthorized, code: "UnauthorizedException", message: "Offer one chat token as the WebSocket subprotocol."}
	errBadToken  = &refusal{result: "malformed_token", status: http.StatusUnauthorized, code: "UnauthorizedException", message: "The chat token is malformed."}
	errDenied    = &refusal{result: "denied", status: http.StatusForbidden, code: "AccessDeniedException", message: "The chat token is invalid, expired or was used before."}
	errSuspended = &refusal{result: "suspended", status: http.StatusForbidden, code: "AccessDeniedException", message: "Your account is suspended."}
	errPending   = &refusal{result: "pending_verification", status: http.StatusForbidden, code: "PendingVerification", message: "Your account is pending verification."}
	errRoomGone  = &refusal{result: "room_gone", status: http.StatusNotFound, code: "ResourceNotFoundException", message: "The room does not exist."}
	errHandshake = &refusal{result: "failed", status: http.StatusInternalServerError, code: "InternalServerException", message: "An internal error occurred."}
)

// ServeHTTP answers a handshake. A token is used up only by one that succeeds:
// our own refusals for load or drain come before (spec: messaging.md §1.1).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := s.accept(w, r)
	var bad *wsconn.HandshakeError
	var refused *refusal
	switch {
	case err == nil:
		return
	case errors.As(err, &bad):
		bad.SetHeader(w.Header())
		refused = &refusal{result: "no_handshake", status: bad.Status, code: "BadRequestException", message: "Not a WebSocket handshake: " + bad.Reason + "."}
	case r.Context().Err() != nil:
		s.options.Observer.Handshake("left") // nobody is there to be told
		return
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, roomlog.ErrUnreachable): // /readyz says why
		refused = errBusy
	case !errors.As(err, &refused):
		s.options.Logger.Error("handshake failed", "error", err)
		refused = errHandshake
	}
	s.options.Observer.Handshake(refused.result)
	refused.write(w)
}

func (r *refusal) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("x-amzn-ErrorType", r.code)
	if r.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(r.retry.Seconds())))
	}
	w.WriteHeader(r.status)
	body, _ := json.Marshal(map[string]string{"message": r.message}) // a map of strings always encodes
	w.Write(body)
}

func (s *Server) accept(w http.ResponseWriter, r *http.Request) error {
	network := limit.Key{What: limit.Network(s.options.ClientIP(r))}
	if !s.clients.Allow(network, s.options.ClientHandshakeRate) {
		s.options.Observer.Throttled(limit.QuotaClientHandshakes)
		return errClient
	}
	offered, err := wsconn.Check(r)
	if err != nil {
		return err
	}
	if s.isDraining() {
		return errDraining
	}
	if len(offered) != 1 {
		return errNoToken
	}
	text := offered[0]
	claims, err := s.options.Tokens.Open(text)
	if errors.Is(err, token.ErrMalformed) {
		return errBadToken
	}
	if err != nil || claims.Valid(time.Now()) != nil {
		return errDenied
	}
	if !s.handshakes.Allow() {
		s.options.Observer.Throttled(limit.QuotaNodeHandshakes)
		return errBusy
	}
	session, err := s.begin(r, claims)
	if err != nil {
		return err
	}
	conn, err := s.options.Upgrader.Upgrade(w, r, text)
	if err != nil {
		session.end()
		s.options.Observer.Handshake("left")
		s.options.Logger.Debug("client left during the handshake", "room", claims.RoomID, "error", err)
		return nil // Check found the request good: the connection is no longer HTTP's
	}
	s.options.Observer.Handshake("accepted")
	if h := s.options.Handover; h != nil {
		// Whether it was known to have left or not: some node may know.
		h.Back(session.member.Room(), session.user.UserID)
	}
	session.open(conn)
	return nil
}

// begin makes the session of a good token a member of its room, before the
// client can know that it is connected: it misses nothing from then on.
func (s *Server) begin(r *http.Request, claims token.Claims) (*session, error) {
	ctx := r.Context()
	user := principal.User{
		Account: claims.Account, Region: claims.Region, RoomID: claims.RoomID, UserID: claims.UserID,
		Attributes: claims.Attributes, IP: s.options.ClientIP(r),
	}
	if err := s.options.Chat.Admit(ctx, user); err != nil {
		return nil, admission(err)
	}
	slot := limit.Key{Account: claims.Account, Region: claims.Region}
	if !s.gauge.Take(slot, s.options.Quotas.For(claims.Account, claims.Region).Connections) {
		s.options.Observer.Throttled(limit.QuotaConnections)
		return nil, errFull
	}
	if !s.enterNetwork(user.IP) {
		s.gauge.Release(slot)
		s.options.Observer.Throttled(limit.QuotaClientConnections)
		return nil, errClient
	}
	session := newSession(s, user, claims)
	if err := s.register(session); err != nil {
		s.gauge.Release(slot)
		s.leaveNetwork(user.IP)
		return nil, err
	}
	if err := s.enter(ctx, session, claims); err != nil {
		session.end()
		return nil, err
	}
	return session, nil
}

// enter joins the room first and claims the token then: a client that swaps an
// old connection for this one, as the SDKs do, then has the time of the claim
// to read what came on the old one before this one counted. Where the old one may
// be another node's, that is less than what nodes differ by: it lingers.
func (s *Server) enter(ctx context.Context, x *session, claims token.Claims) (err error) {
	began := time.Now()
	where := roomlog.Room{Account: claims.Account, Region: claims.Region, ID: claims.RoomID}
	if x.member, err = s.options.Rooms.Join(ctx, where, claims.UserID, x); err != nil {
		return err
	}
	// All members share the names of the room; the token's copies can go.
	where = x.member.Room()
	x.user.Account, x.user.Region, x.user.RoomID = where.Account, where.Region, where.ID
	if err := s.options.Ready(ctx); err != nil {
		return err
	}
	first, err := s.options.Claim(ctx, claims.ID, claims.TokenExpiry)
	if err == nil && !first {
		err = errDenied
	}
	if err == nil {
		err = s.resume(ctx, x, where)
	}
	if left := s.options.Linger - time.Since(began); err == nil && left > 0 {
		wait(ctx, left)
	}
	return err
}

// resume gives a session what its predecessor had not when it was told to leave: the
// official SDKs do not read on until they have another connection.
func (s *Server) resume(ctx context.Context, x *session, where roomlog.Room) error {
	if s.options.Handover == nil {
		return nil
	}
	place, ok := s.options.Handover.Since(where, x.user.UserID)
	if !ok {
		return nil
	}
	missed, err := x.member.Missed(ctx, place)
	if errors.Is(err, roomlog.ErrUnreachable) {
		return err // another node may know
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err == nil && len(missed)+len(x.early.frames) > maxEarly {
		err = errors.New("they are too many bytes")
	}
	if err != nil {
		s.options.Logger.Warn("a session that came back misses what came meanwhile", "room", where.ID, "error", err)
		missed = nil
	}
	x.early.frames = append(missed, x.early.frames...)
	return nil
}

func admission(err error) error {
	var e *messaging.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case messaging.ErrorRoomNotFound:
		return errRoomGone
	case messaging.ErrorForbidden:
		if e.Message == principal.TextSuspended {
			return errSuspended
		}
		return errPending
	}
	return errBusy
}

func (s *Server) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}
