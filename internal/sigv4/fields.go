package sigv4

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	timeFormat     = "20060102T150405Z"
	maxExpires     = 7 * 24 * time.Hour
	maxAccessKeyID = 128 // as in AWS's own model of the access key id
)

func errDate(s string) error {
	return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", clip(s))
}

// setDate takes the exact form only: time.Parse alone would let a fraction of a
// second through.
func (p *presented) setDate(s string) bool {
	t, err := time.Parse(timeFormat, s)
	if err != nil || len(s) != len(timeFormat) {
		return false
	}
	p.timestamp, p.date = s, t
	return true
}

func (p *presented) setHTTPDate(s string) bool {
	t, err := http.ParseTime(s)
	if err != nil {
		return false
	}
	return p.setDate(t.UTC().Format(timeFormat))
}

func (p *presented) setExpires(s string) error {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return incomplete("X-Amz-Expires should be a number.")
		}
	}
	seconds, err := strconv.Atoi(s)
	if err != nil || seconds < 1 || seconds > int(maxExpires/time.Second) {
		return incomplete("X-Amz-Expires must be between 1 and %d seconds.", maxExpires/time.Second)
	}
	p.expires = time.Duration(seconds) * time.Second
	return nil
}

func (p *presented) setCredential(s string) error {
	parts := strings.Split(s, "/")
	if len(parts) != 5 || !isAccessKeyID(parts[0]) {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'.", clip(s))
	}
	p.accessKeyID, p.scopeDay, p.region, p.service, p.terminator = parts[0], parts[1], parts[2], parts[3], parts[4]
	return nil
}

// setSignedHeaders wants the list as signers write it: lower-case names, sorted,
// each once. Anything else could be read in two ways.
func (p *presented) setSignedHeaders(s string) error {
	names := strings.Split(s, ";")
	for i, name := range names {
		if !isHeaderName(name) || i > 0 && names[i-1] >= name {
			return incomplete("SignedHeaders must be lower-case header names in order, each once, delimited by ';', got '%s'.", clip(s))
		}
	}
	p.signedHeaders, p.signedNames = s, names
	return nil
}

// isAccessKeyID keeps from the key store, and from logs, what can be no id.
func isAccessKeyID(s string) bool {
	return s != "" && len(s) <= maxAccessKeyID && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func isRegion(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

func isHeaderName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isDigit(c) && (c < 'a' || c > 'z') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
