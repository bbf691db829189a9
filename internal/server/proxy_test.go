package server

import (
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/parleychat/parley/internal/config"
)

func TestForwardedHeadersCountFromTrustedProxiesOnly(t *testing.T) {
	c := config.Default()
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	s := &Server{Config: c}
	for _, test := range []struct {
		peer, forwardedFor, forwardedHost string
		ip, host                          string
	}{
		{"192.0.2.1:5", "", "", "192.0.2.1", "example.com"},
		{"192.0.2.1:5", "203.0.113.9", "evil.test", "192.0.2.1", "example.com"},
		{"10.1.2.3:5", "203.0.113.9", "chat.test", "203.0.113.9", "chat.test"},
		{"10.1.2.3:5", "", "", "10.1.2.3", "example.com"},
		{"10.1.2.3:5", "198.51.100.7, 203.0.113.9, 10.9.9.9", "", "203.0.113.9", "example.com"},
		{"10.1.2.3:5", "spoof, 203.0.113.9", "", "203.0.113.9", "example.com"},
		{"10.1.2.3:5", "203.0.113.9, garbage", "", "10.1.2.3", "example.com"},
		{"[::1]:5", "2001:db8::7", "", "2001:db8::7", "example.com"},
		{"[::ffff:10.1.2.3]:5", "203.0.113.9", "chat.test", "203.0.113.9", "chat.test"},
		{"pipe", "203.0.113.9", "chat.test", "pipe", "example.com"},
	} {
		r := httptest.NewRequest("GET", "http://example.com/", nil)
		r.RemoteAddr = test.peer
		if test.forwardedFor != "" {
			r.Header.Set("X-Forwarded-For", test.forwardedFor)
		}
		if test.forwardedHost != "" {
			r.Header.Set("X-Forwarded-Host", test.forwardedHost)
		}
		if ip, host := s.clientIP(r), s.host(r); ip != test.ip || host != test.host {
			t.Errorf("%+v: got %s %s", test, ip, host)
		}
	}
}
