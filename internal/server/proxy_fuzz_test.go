package server

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/config"
)

// FuzzForwardedFor holds clientIP to its promise: an address of a hop, never
// the text of a header, and the peer's own if the peer is not trusted.
func FuzzForwardedFor(f *testing.F) {
	for _, value := range []string{"203.0.113.9", "198.51.100.7, 10.0.0.1", "a\nb", "::1%\n", "::1%\xe8", ",,", "[::1]:80", "10.0.0.2,\x00"} {
		f.Add(value, true)
		f.Add(value, false)
	}
	c := config.Default()
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	s := &Server{Config: c}
	f.Fuzz(func(t *testing.T, value string, trusted bool) {
		peer := "192.0.2.1"
		if trusted {
			peer = "10.1.2.3"
		}
		r := &http.Request{RemoteAddr: peer + ":5", Header: http.Header{"X-Forwarded-For": {value}}}
		got := s.clientIP(r)
		if !trusted && got != peer {
			t.Fatalf("a stranger is believed: %q", got)
		}
		if _, err := netip.ParseAddr(got); err != nil {
			t.Fatalf("%q is no address", got)
		}
		if strings.ContainsAny(got, "%\r\n") {
			t.Fatalf("%q has a zone or a control byte", got)
		}
	})
}
