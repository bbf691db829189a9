package messaging

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/ivschat"
)

// Token is a chat token. What CreateChatToken returns converts to it:
//
//	token := messaging.Token(*out)
type Token struct {
	Token string
	// TokenExpirationTime is until when the token can open a connection. The
	// client does not need it: it uses a token at once.
	TokenExpirationTime time.Time
	// SessionExpirationTime is when the service will end the session. With it
	// the client changes to a new one in time. Optional.
	SessionExpirationTime time.Time
}

// TokenProvider returns a new chat token: one is good for one connection. It
// must return when the context ends: Close waits for it.
// An error counts as a failed try to connect; one that is [ErrNoToken] ends the
// trying.
type TokenProvider func(context.Context) (*Token, error)

// ErrNoToken is what a TokenProvider returns, or wraps, when there will be no
// token for this user any more.
var ErrNoToken = errors.New("no chat token to be had")

// TokensFrom returns a TokenProvider that asks the control plane, for programs
// that may sign its requests: bots and tests.
func TokensFrom(api interface {
	CreateChatToken(context.Context, *ivschat.CreateChatTokenInput) (*ivschat.CreateChatTokenOutput, error)
}, in *ivschat.CreateChatTokenInput) TokenProvider {
	return func(ctx context.Context) (*Token, error) {
		out, err := api.CreateChatToken(ctx, in)
		if err != nil {
			return nil, err
		}
		token := Token(*out)
		return &token, nil
	}
}

// Config configures a [Room]. RegionOrURL and TokenProvider are required; zero
// values of the others are the defaults they name.
type Config struct {
	// RegionOrURL is an AWS region, or a URL that begins with ws:// or wss://
	// and is used as it is.
	RegionOrURL   string
	TokenProvider TokenProvider

	// ID names the room object in logs. By default it is random.
	ID string
	// Buffer is how many notices wait for a loop over Events: 1,024.
	Buffer int
	// MaxAttempts is how many tries to connect may fail in a row, a connection
	// that lasts less than 5 s counted as one. By default there is no limit.
	MaxAttempts int
	// BaseBackoff and MaxBackoff bound the pause before another try: it is
	// random, up to BaseBackoff (500 ms) after the first failure, twice that
	// after each further one, and never more than MaxBackoff (30 s). After a
	// connection broke, the first pause is up to four times BaseBackoff: many
	// broke with it.
	BaseBackoff time.Duration
	MaxBackoff  time.Duration
	// RefreshBefore is how long before the end of a session a new one takes
	// over: 1 min, or half the session if that is less. It happens up to half
	// as much earlier, so that rooms opened together part.
	RefreshBefore time.Duration

	// HandshakeTimeout bounds a try to connect, once it has a token: 15 s.
	HandshakeTimeout time.Duration
	// RequestTimeout bounds the wait for an answer, as the context of the
	// request does: 10 s.
	RequestTimeout time.Duration
	// WriteTimeout is how long the service may take no data before the
	// connection is given up: 10 s.
	WriteTimeout time.Duration
	// KeepAlive is how long a connection may be silent before it is pinged,
	// and again before it is given up: 1 min. Negative is for ever.
	KeepAlive time.Duration

	// DialContext opens connections; by default a net.Dialer does.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLSConfig is for wss:// URLs.
	TLSConfig *tls.Config
	// Header is added to handshakes.
	Header http.Header
	// Logger gets what happens to connections, never tokens, user ids or what
	// users write. Nothing is logged by default.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.ID = cmp.Or(c.ID, id.New())
	c.Buffer = cmp.Or(c.Buffer, 1024)
	c.BaseBackoff = cmp.Or(c.BaseBackoff, 500*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, 30*time.Second)
	c.RefreshBefore = cmp.Or(c.RefreshBefore, time.Minute)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, 15*time.Second)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 10*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.KeepAlive = cmp.Or(c.KeepAlive, time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With("room", c.ID)
	return c
}

func (c *Config) check() error {
	switch {
	case c.TokenProvider == nil:
		return errors.New("messaging: Config.TokenProvider is missing")
	case c.Buffer < 0:
		return errors.New("messaging: Config.Buffer is negative")
	case c.MaxAttempts < 0:
		return errors.New("messaging: Config.MaxAttempts is negative")
	}
	for name, d := range map[string]time.Duration{
		"BaseBackoff": c.BaseBackoff, "MaxBackoff": c.MaxBackoff, "RefreshBefore": c.RefreshBefore,
		"HandshakeTimeout": c.HandshakeTimeout, "RequestTimeout": c.RequestTimeout, "WriteTimeout": c.WriteTimeout,
	} {
		if d < 0 {
			return fmt.Errorf("messaging: Config.%s is negative", name)
		}
	}
	return nil
}

// endpoint returns the URL to connect to (spec: messaging.md §1).
func endpoint(regionOrURL string) (string, error) {
	if strings.HasPrefix(regionOrURL, "wss://") || strings.HasPrefix(regionOrURL, "ws://") {
		u, err := url.ParseRequestURI(regionOrURL)
		if err != nil || u.Host == "" {
			return "", errors.New("messaging: Config.RegionOrURL is no valid URL")
		}
		return regionOrURL, nil
	}
	if ok, _ := regexp.MatchString(`^[a-zA-Z0-9\-._~]+$`, regionOrURL); !ok {
		return "", errors.New("messaging: Config.RegionOrURL is neither a region nor a ws:// or wss:// URL")
	}
	return "wss://edge.ivschat." + regionOrURL + ".amazonaws.com", nil
}

// check tells what is wrong with a token, before it can break the handshake it
// becomes a header of. A browser's WebSocket allows the same characters, and the
// SDK does not try again either (spec: messaging.md §7).
func (t *Token) check() error {
	if t == nil || t.Token == "" {
		return fmt.Errorf("%w: the provider returned none", ErrNoToken)
	}
	for i := range len(t.Token) {
		if c := t.Token[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return fmt.Errorf("%w: it has a character that cannot be part of one", ErrNoToken)
		}
	}
	return nil
}
