package config

import (
	"errors"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
)

// domain is a name as certificates have it.
func domain(s string) error {
	_, ip := netip.ParseAddr(s)
	label := `[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?`
	err := matching(s, `(?:`+label+`\.)+`+label, "a domain such as chat.example.com: in lower case, no wildcard, no port")
	if err == nil && (ip == nil || len(s) > 253) {
		return errors.New("is not a domain such as chat.example.com")
	}
	return err
}

func email(s string) error {
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
		return errors.New("is not an address such as ops@example.com")
	}
	return nil
}

func secureURL(s string) error {
	if u, err := url.Parse(s); webURL(s) != nil || err != nil || u.Scheme != "https" {
		return errors.New("is not an https URL")
	}
	return nil
}

// origin is what a browser sends as one (RFC 6454): a prefix of a URL would
// never match, and a wildcard would let every page in.
func origin(s string) error {
	u, err := url.Parse(s)
	if err != nil || webURL(s) != nil || s == "" || u.Scheme+"://"+u.Host != s || s != strings.ToLower(s) ||
		u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" || strings.Contains(s, "*") {
		return errors.New("is not an origin such as https://console.example.com: scheme, host and a port that is not the scheme's own, in lower case")
	}
	return nil
}
