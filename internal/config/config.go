// Package config is a server's settings: one struct, filled from flags, PARLEY_*
// environment variables, one YAML file and defaults, in that order of precedence.
// Everything about a setting (its name, type, default, bounds and sentence) is
// one row of a table, from which flags, variables, checks and the reference page
// come. Loading is strict: what nothing reads is an error, and all errors are
// reported at once.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/parleychat/parley/internal/limit"
)

// Config is the settings of a server. What each means, and what it may be, is
// said once, in its row of [Reference].
type Config struct {
	Data          string
	Store         ServiceURL
	Listen        string
	MetricsListen string
	PublicURL     string
	ReadyFile     string
	TLSCert       string
	TLSKey        string
	ACMEDomains   []string
	ACMEEmail     string
	ACMEDirectory string

	Roomlog            []ServiceURL
	RoomlogCredentials string
	RoomlogTLSCA       string
	RoomlogName        string
	RoomlogReplicas    int
	RoomlogStorage     string
	RoomlogLimit       Size
	RoomlogWait        time.Duration

	MetricsTLSCert  string
	MetricsTLSKey   string
	MetricsClientCA string
	CORSOrigins     []string

	MasterKey       Secret
	AccountID       string
	AccessKeyID     string
	SecretAccessKey Secret
	PendingAccounts []string
	Region          string
	Regions         []string
	Presigned       bool
	ClockSkew       time.Duration
	TrustedProxies  []netip.Prefix
	ProxyProtocol   bool

	Quotas               string
	QuotasFor            []limit.Rule
	MaxBody              Size
	TokenValidity        time.Duration
	EventAttributesLimit Size
	AllowReservedEvents  bool

	ReviewHandlers              []Route
	ReviewUnresolved            string
	ReviewTimeout               time.Duration
	ReviewLambdaEndpoint        string
	ReviewLambdaAccessKeyID     string
	ReviewLambdaSecretAccessKey Secret
	ReviewWebhookSecret         Secret
	ReviewAllowNetworks         []netip.Prefix
	ReviewHandlerCalls          int
	ReviewRoomReviews           int

	ChatlogDir            string
	ChatlogObjectInterval time.Duration
	ChatlogObjectSize     Size
	ChatlogEventInterval  time.Duration
	ChatlogDestinations   []Destination
	OutboxLimit           Size
	OutboxPolicy          string
	NoticeWebhook         string
	NoticeWebhookSecret   Secret

	HandshakeRate       int
	MaxConnections      int
	ClientHandshakeRate int
	ClientPending       int
	ClientConnections   int
	MaxFrame            Size
	SendQueue           Size
	FanoutWindow        time.Duration
	Reader              string
	SendBuffer          Size
	PingInterval        time.Duration
	PongTimeout         time.Duration
	ExpiryGrace         time.Duration
	DrainDelay          time.Duration
	DrainTimeout        time.Duration
	LogLevel            slog.Level
	LogFormat           string
	Banner              string

	// Origins tells where each value came from, by the setting's name. Settings
	// that have their default are not in it.
	Origins map[string]Origin
}

// Origin is where a value came from.
type Origin struct {
	Source string // "flag", "env" or "file"; "" for a default
	Detail string // --listen, PARLEY_LISTEN, parley.yaml:3
}

// String returns the detail, or "default".
func (o Origin) String() string {
	if o.Source == "" {
		return "default"
	}
	return o.Detail
}

// Default returns the settings that nobody has touched.
func Default() *Config {
	c := &Config{Origins: map[string]Origin{}}
	for _, s := range settings() {
		if err := s.parse(c, s.fallback); err != nil {
			panic(fmt.Sprintf("config: the default of %s: %v", s.name, err))
		}
	}
	return c
}

// Explicit tells whether the setting was set, to whatever value.
func (c *Config) Explicit(name string) bool { return c.Origins[name].Source != "" }

// Setting is one value as `parley config print` shows it.
type Setting struct {
	Name   string
	Value  string // redacted if secret
	Origin Origin
}

// Settings returns all settings, in the order of the reference.
func (c *Config) Settings() []Setting {
	var all []Setting
	for _, s := range settings() {
		all = append(all, Setting{Name: s.name, Value: s.format(c), Origin: c.Origins[s.name]})
	}
	return all
}

// Format writes the settings, secrets redacted. Without it fmt would print the
// fields of a *Config inside other values as they are, asked for a verb such as %s.
func (c Config) Format(f fmt.State, _ rune) {
	for i, s := range c.Settings() {
		if i > 0 {
			io.WriteString(f, " ")
		}
		fmt.Fprintf(f, "%s=%q", s.Name, s.Value)
	}
}

// Error is what is wrong with one setting.
type Error struct {
	Setting string // its name; "" if there is no such setting
	Origin  Origin
	Problem string
}

func (e *Error) Error() string {
	switch {
	case e.Setting == "":
		return e.Origin.Detail + ": " + e.Problem
	case e.Origin.Source == "":
		return e.Setting + ": " + e.Problem
	}
	return fmt.Sprintf("%s (set by %s): %s", e.Setting, e.Origin, e.Problem)
}

// Validate returns everything that is wrong with the settings, one [*Error] per
// line. [Load] has done it already.
func (c *Config) Validate() error {
	var errs []error
	var bad []string
	for _, s := range settings() {
		if err := s.check(c); err != nil {
			bad = append(bad, s.name)
			errs = append(errs, &Error{Setting: s.name, Origin: c.Origins[s.name], Problem: err.Error()})
		}
	}
	return errors.Join(append(errs, c.together(bad)...)...)
}

// TLS tells whether `listen` serves TLS.
func (c *Config) TLS() bool { return c.TLSCert != "" || len(c.ACMEDomains) > 0 }

// together checks settings against each other, leaving out those that are wrong
// by themselves.
func (c *Config) together(bad []string) []error {
	var errs []error
	require := func(ok bool, problem string, names ...string) {
		if ok || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(bad, name) }) {
			return
		}
		errs = append(errs, &Error{Setting: names[0], Origin: c.Origins[names[0]], Problem: problem})
	}
	require(c.AccessKeyID == "" || c.SecretAccessKey != "",
		"is set without secret-access-key; set both or neither", "access-key-id", "secret-access-key")
	require(c.SecretAccessKey == "" || c.AccessKeyID != "",
		"is set without access-key-id; set both or neither", "secret-access-key", "access-key-id")
	require(c.ReviewLambdaAccessKeyID == "" || c.ReviewLambdaSecretAccessKey != "",
		"is set without review-lambda-secret-access-key; set both or neither", "review-lambda-access-key-id", "review-lambda-secret-access-key")
	require(c.ReviewLambdaSecretAccessKey == "" || c.ReviewLambdaAccessKeyID != "",
		"is set without review-lambda-access-key-id; set both or neither", "review-lambda-secret-access-key", "review-lambda-access-key-id")
	require(c.TLSCert == "" || c.TLSKey != "", "is set without tls-key; set both or neither", "tls-cert", "tls-key")
	require(c.TLSKey == "" || c.TLSCert != "", "is set without tls-cert; set both or neither", "tls-key", "tls-cert")
	require(len(c.ACMEDomains) == 0 || c.TLSCert == "", "and tls-cert are two ways to a certificate; set one", "acme-domain", "tls-cert")
	require(c.ACMEEmail == "" || len(c.ACMEDomains) > 0, "is set without acme-domain", "acme-email", "acme-domain")
	require(c.MetricsTLSCert == "" || c.MetricsTLSKey != "", "is set without metrics-tls-key; set both or neither", "metrics-tls-cert", "metrics-tls-key")
	require(c.MetricsTLSKey == "" || c.MetricsTLSCert != "", "is set without metrics-tls-cert; set both or neither", "metrics-tls-key", "metrics-tls-cert")
	require(c.MetricsClientCA == "" || c.MetricsTLSCert != "", "needs metrics-tls-cert and metrics-tls-key", "metrics-client-ca", "metrics-tls-cert")
	require(c.MetricsTLSCert == "" || c.MetricsListen != "", "is set without metrics-listen", "metrics-tls-cert", "metrics-listen")
	require(!c.ProxyProtocol || len(c.TrustedProxies) > 0,
		"believes nobody without trusted-proxies; name the balancer's addresses", "proxy-protocol", "trusted-proxies")
	require(len(c.Roomlog) == 0 || c.Store != "",
		"needs store: nodes that share room logs share their rooms", "roomlog", "store")
	for _, name := range []string{"roomlog-credentials", "roomlog-tls-ca", "roomlog-name", "roomlog-replicas", "roomlog-storage", "roomlog-limit", "roomlog-wait"} {
		require(len(c.Roomlog) > 0 || !c.Explicit(name), "is set without roomlog", name, "roomlog")
	}
	require(len(c.Regions) == 0 || slices.Contains(c.Regions, c.Region),
		fmt.Sprintf("%q is not among regions", c.Region), "region", "regions")
	require(c.PongTimeout <= c.PingInterval,
		fmt.Sprintf("%s is longer than ping-interval, %s", formatDuration(c.PongTimeout), formatDuration(c.PingInterval)),
		"pong-timeout", "ping-interval")
	require(c.SendQueue >= c.MaxFrame,
		fmt.Sprintf("%s is smaller than max-frame, %s", c.SendQueue, c.MaxFrame), "send-queue", "max-frame")
	return errs
}
