package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/parleychat/parley/internal/api"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/ivschat"
)

// routes puts everything on one port: an upgrade on any path is messaging, a
// few fixed paths are for probes, all else is the control plane.
func (s *Server) routes(control http.Handler) http.Handler {
	probes := map[string]http.HandlerFunc{
		"/healthz":            func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") },
		"/readyz":             s.ready,
		"/_localstack/health": s.localstackHealth,
	}
	control = allowPages(s.Config.CORSOrigins, control)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// An answer is data, whatever a browser that was sent here makes of it.
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer") // presigned URLs are secrets
		if isUpgrade(r) {
			s.sessions.ServeHTTP(w, r)
			return
		}
		if probe := probes[r.URL.Path]; probe != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			probe(w, r)
			return
		}
		h.Set("Cache-Control", "no-store") // chat tokens are in it
		if ip, err := netip.ParseAddr(s.clientIP(r)); err == nil {
			r = r.WithContext(principal.WithClientIP(r.Context(), ip.Unmap()))
		}
		control.ServeHTTP(w, r)
	})
}

// isUpgrade tells a WebSocket handshake, well formed or not, from the control plane.
func isUpgrade(r *http.Request) bool {
	for _, value := range r.Header.Values("Upgrade") {
		if strings.Contains(strings.ToLower(value), "websocket") {
			return true
		}
	}
	return r.Header.Get("Sec-WebSocket-Key") != ""
}

// ready answers 200 while the server takes new work, its store answers and its room
// logs are in reach.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	if err := s.store.Ping(r.Context()); err != nil {
		s.logger.Error("not ready", "error", err)
		http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
		return
	}
	if s.cluster != nil && !s.cluster.log.Reachable() {
		http.Error(w, "NATS does not answer", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ready\n")
}

func (s *Server) localstackHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"services":{"ivschat":"running","sts":"running"}}`+"\n")
}

func (s *Server) apiOptions(quotas *limit.Quotas, dev bool) api.Options {
	verifier := &sigv4.Verifier{
		Regions: s.Config.Regions, Global: []string{"sts"}, Skew: s.Config.ClockSkew, Host: s.host, NoPresigned: !s.Config.Presigned,
		Lookup: func(_ context.Context, accessKeyID string) (sigv4.Key, error) {
			switch {
			case dev: // its own key too: a stray secret or session token in the environment is no reason
				return sigv4.Key{Unverified: true}, nil
			case accessKeyID == s.Keys.AccessKey.ID:
				return sigv4.Key{Secret: string(s.Keys.AccessKey.Secret)}, nil
			}
			return s.access.Lookup(accessKeyID)
		},
	}
	return api.Options{
		Service: s.chat,
		Verify:  verifier.Verify,
		Principal: func(_ context.Context, id sigv4.Identity) (principal.Principal, error) {
			return s.principal(id, dev), nil
		},
		Authorize: s.authorizer(dev),
		Allow: func(p principal.Principal, operation string) error {
			rate := quotas.For(p.Account, p.Region).Operations[operation]
			if s.calls.Allow(limit.Key{Account: p.Account, Region: p.Region, What: operation}, rate) {
				return nil
			}
			s.metrics.Throttled(limit.QuotaOperation(operation))
			return throttled(operation, rate)
		},
		MaxBody: int64(s.Config.MaxBody),
		Log:     s.logger,
		Observe: s.metrics.API,
	}
}

// throttled names no resource, as the rate is the account's, but its type.
func throttled(operation string, rate int) error {
	e := ivschat.Throttled("", int32(rate))
	if strings.Contains(operation, "LoggingConfiguration") {
		e.ResourceType = ivschat.ResourceTypeLoggingConfiguration
	}
	return e
}

// isAccount tells a 12-digit access key id, which emulators of AWS take as the
// account.
func isAccount(accessKeyID string) bool {
	if len(accessKeyID) != 12 {
		return false
	}
	return strings.Trim(accessKeyID, "0123456789") == ""
}

// trusted tells whether the request came through a proxy whose word counts.
func (s *Server) trusted(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	return s.trustedAddr(peer.Addr())
}

func (s *Server) trustedAddr(a netip.Addr) bool {
	for _, prefix := range s.Config.TrustedProxies {
		if prefix.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// host is the host that the client signed.
func (s *Server) host(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" && s.trusted(r) {
		return forwarded
	}
	return r.Host
}

// clientIP is the last address in front of our own proxies.
func (s *Server) clientIP(r *http.Request) string {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	if !s.trusted(r) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil || hop.Zone() != "" { // a zone may be any text, and means nothing from elsewhere
			break
		}
		peer = hop.Unmap().String()
		if !s.trustedAddr(hop) {
			break
		}
	}
	return peer
}
