package session

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleychat/parley/internal/hub"
	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/token"
	"github.com/parleychat/parley/internal/wsconn"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// session is one authenticated connection. It is the hub's Conn, so that it
// can be a member before the connection is open, and the connection's Handler.
type session struct {
	conn         atomic.Pointer[wsconn.Conn] // nil until open; first, since fan-out needs nothing else
	server       *Server
	user         principal.User
	capabilities token.Capabilities
	expires      time.Time
	slot         uint8 // of the rounds
	member       *hub.Member

	rates *rates // the reader's alone; nil before the first request

	mu    sync.Mutex  // guards what follows
	early *early      // nil once the connection is open
	timer *time.Timer // of the expiry once it is near, then of the grace
	over  bool        // the session has expired or ended: only ERROR 401 answers
	gone  bool        // ended
}

// rates is what a session's requests count against. Most viewers send none.
type rates struct {
	requests limit.Bucket
	refused  limit.Bucket // requests over the rate; seconds full of them end the session
	sends    sends
}

// early is what came before the connection was open.
type early struct {
	frames  []byte
	shut    *closing
	leaving string // the message of an expiry, "" for none
}

type closing struct {
	code   uint16
	reason string
}

var _ hub.Conn = (*session)(nil)

// A session whose requests are abuse times over its rate for abuseSeconds is
// closed: a Close keeps the official SDKs away for good, so a burst is no
// reason (spec: messaging.md §6, unknowns.md U-MSG-21).
const (
	abuse        = 10
	abuseSeconds = 3
)

// Close codes (RFC 6455 §7.4.1 and its registry).
const (
	closePolicy   = 1008 // abuse
	closeTryAgain = 1013 // too slow
)

// maxEarly bounds what waits for a connection that is not open yet.
const maxEarly = 256 << 10

func newSession(s *Server, u principal.User, c token.Claims) *session {
	return &session{server: s, user: u, capabilities: c.Capabilities, expires: c.SessionExpiry, early: &early{}}
}

// open hands over what came meanwhile, then starts to read.
func (s *session) open(c *wsconn.Conn) {
	s.mu.Lock()
	e := s.early
	s.early = nil
	if len(e.frames) > 0 && e.shut == nil {
		c.Write(e.frames)
	}
	if e.shut != nil {
		c.WriteThenClose(e.frames, e.shut.code, e.shut.reason)
	}
	s.conn.Store(c)
	s.expireIn(time.Until(s.expires))
	s.mu.Unlock()
	s.server.options.Observer.Opened(s.user.Account, s.user.Region)
	c.Serve(s)
	if e.leaving != "" {
		s.expire(e.leaving)
	}
	// A drain that was cut short looks for connections once: it has seen this
	// one, or this sees that it is over.
	if s.server.ctx.Err() != nil {
		c.Abort()
	}
}

// Write implements hub.Conn.
func (s *session) Write(frames []byte) bool {
	if c := s.conn.Load(); c != nil {
		return c.Write(frames)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conn.Load(); c != nil {
		return c.Write(frames)
	}
	if s.early.shut != nil {
		return false
	}
	if len(s.early.frames)+len(frames) > maxEarly {
		s.early.shut = &closing{closeTryAgain, "too slow"}
		return false
	}
	s.early.frames = append(s.early.frames, frames...)
	return true
}

// WriteThenClose implements hub.Conn.
func (s *session) WriteThenClose(frames []byte, code uint16, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conn.Load(); c != nil {
		c.WriteThenClose(frames, code, reason)
		return
	}
	if s.early.shut != nil {
		return
	}
	s.early.frames = append(s.early.frames, frames...)
	s.early.shut = &closing{code, reason}
}

// Text implements wsconn.Handler: one request.
func (s *session) Text(text []byte) {
	over, abusive := s.count()
	if abusive {
		return
	}
	r, err := messaging.ParseRequest(text)
	if _, known := actions[r.Action]; known {
		s.server.options.Observer.Requested(r.Action)
	}
	if err == nil {
		err = s.act(&r, over)
	}
	s.answer(r.RequestID, err)
}

// count counts a request against the connection's rate, refused ones too.
func (s *session) count() (over, abusive bool) {
	now := time.Now()
	if s.rates == nil {
		s.rates = &rates{}
	}
	rate := s.server.options.Quotas.For(s.user.Account, s.user.Region).ConnectionRequests
	over = !s.rates.requests.Allow(now, rate)
	abusive = over && !s.rates.refused.AllowBurst(now, abuse*rate, abuseSeconds*abuse*rate)
	if abusive {
		s.conn.Load().Close(closePolicy, "too many requests")
	}
	return over, abusive
}

// Binary implements wsconn.Handler: the protocol has text only.
func (s *session) Binary() {
	if _, abusive := s.count(); abusive {
		return
	}
	s.answer("", &messaging.Error{Code: messaging.ErrorInvalid, Message: "frame must be text"})
}

// Closed implements wsconn.Handler.
func (s *session) Closed(err error) {
	reason := wsconn.Reason(err)
	s.server.options.Observer.Closed(s.user.Account, s.user.Region, reason)
	s.server.options.Logger.Debug("session ended", "room", s.user.RoomID, "reason", reason)
	s.end()
}

// act checks in the order of spec messaging.md §6: session, capability, rate,
// fields; the rest is the service's.
func (s *session) act(r *messaging.Request, over bool) error {
	a := actions[r.Action]
	switch {
	case s.expired():
		return errExpired()
	case !s.capabilities.Has(a.capability):
		return &messaging.Error{Code: messaging.ErrorForbidden, Message: "The chat token lacks the capability " + string(a.capability)}
	case over:
		s.server.options.Observer.Throttled(limit.QuotaConnectionRequests)
		return &messaging.Error{Code: messaging.ErrorThrottled, Message: messaging.TextThrottled}
	}
	if err := r.Check(); err != nil {
		return err
	}
	return a.do(s, r)
}

// answer sends the ERROR of a refused request; the frame of an accepted one
// comes back from the room.
func (s *session) answer(requestID string, err error) {
	if err == nil {
		return
	}
	var e *messaging.Error
	if !errors.As(err, &e) {
		s.server.options.Logger.Error("action failed", "room", s.user.RoomID, "error", err)
		e = &messaging.Error{Code: messaging.ErrorInternal, Message: "An internal error occurred"}
	}
	sent := *e
	sent.RequestID = requestID
	if sent.ID == "" {
		sent.ID = id.New()
	}
	s.server.options.Observer.ErrorSent(sent.Code)
	s.Write(wsconn.AppendText(nil, sent.Append(nil)))
}

func errExpired() error {
	return &messaging.Error{Code: messaging.ErrorExpired, Message: "The session has expired"}
}

func (s *session) expired() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over || !time.Now().Before(s.expires)
}

// expireIn needs mu. It sets the timer of an expiry that comes before the next
// round has come by.
func (s *session) expireIn(left time.Duration) {
	if s.timer == nil && !s.gone && !s.over && left < 2*s.server.options.PingEvery {
		s.timer = time.AfterFunc(left, func() { s.expire("The session has expired") })
	}
}

// ping asks for a sign of life.
func (s *session) ping(now time.Time) {
	s.mu.Lock()
	s.expireIn(s.expires.Sub(now))
	s.mu.Unlock()
	if c := s.conn.Load(); c != nil {
		c.Ping()
	}
}

// check drops a session that was silent since it was pinged.
func (s *session) check(pinged time.Time) {
	if c := s.conn.Load(); c != nil && c.LastSeen().Before(pinged) {
		c.Abort()
	}
}

// expire asks the client to come back with a new token and, after the grace,
// drops TCP. A Close frame would keep the JS SDK away for good
// (spec: messaging.md §4.2).
func (s *session) expire(message string) {
	s.mu.Lock()
	c := s.conn.Load()
	if s.gone || s.over || c == nil {
		if s.early != nil {
			s.early.leaving = message
		}
		s.mu.Unlock()
		return
	}
	s.over = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	if h := s.server.options.Handover; h != nil {
		h.Left(s.member.Room(), s.user.UserID, s.member.Place())
	}
	s.answer("", &messaging.Error{Code: messaging.ErrorExpired, Message: message})
	// Only now: the cut must not overtake the frame that explains it.
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gone {
		s.timer = time.AfterFunc(s.server.options.Grace, c.Abort)
	}
}

// abort drops the connection, if there is one.
func (s *session) abort() {
	if c := s.conn.Load(); c != nil {
		c.Abort()
	}
}

// end gives back everything the session holds; the first call counts.
func (s *session) end() {
	s.mu.Lock()
	if s.gone {
		s.mu.Unlock()
		return
	}
	s.gone = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	if s.member != nil {
		s.member.Leave()
	}
	s.server.gauge.Release(limit.Key{Account: s.user.Account, Region: s.user.Region})
	s.server.leaveNetwork(s.user.IP)
	s.server.unregister(s)
}

type action struct {
	capability ivschat.Capability
	do         func(*session, *messaging.Request) error
}

// actions is the action table.
var actions = map[messaging.Action]action{
	messaging.ActionSendMessage:    {ivschat.CapabilitySendMessage, (*session).sendMessage},
	messaging.ActionDeleteMessage:  {ivschat.CapabilityDeleteMessage, (*session).deleteMessage},
	messaging.ActionDisconnectUser: {ivschat.CapabilityDisconnectUser, (*session).disconnectUser},
}

func (s *session) deleteMessage(r *messaging.Request) error {
	return s.inTurn(r, func(bool) (func(func()) error, error) {
		return s.server.options.Chat.DeleteMessage(s.server.ctx, s.user, r)
	})
}

func (s *session) disconnectUser(r *messaging.Request) error {
	return s.inTurn(r, func(bool) (func(func()) error, error) {
		return s.server.options.Chat.DisconnectUser(s.server.ctx, s.user, r)
	})
}
