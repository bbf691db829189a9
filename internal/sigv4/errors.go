package sigv4

import (
	"fmt"
	"strings"
	"time"
)

// The error names of the wire.
// spec: security.md §3
const (
	codeMissing      = "MissingAuthenticationTokenException"
	codeIncomplete   = "IncompleteSignatureException"
	codeInvalid      = "InvalidSignatureException"
	codeUnrecognized = "UnrecognizedClientException"
	codeExpired      = "ExpiredTokenException"
)

// Error is an authentication failure: Code is the wire's error name, Message
// AWS's wording. It is always answered with 403 (spec: security.md §3).
// Messages echo short pieces of the request, never its signature or session token.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func errMissing() error {
	return &Error{codeMissing, "Missing Authentication Token"}
}

func errUnrecognized() error {
	return &Error{codeUnrecognized, "The security token included in the request is invalid."}
}

func errExpiredToken() error {
	return &Error{codeExpired, "The security token included in the request is expired"}
}

func errMismatch() error {
	return &Error{codeInvalid, "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
}

func incomplete(format string, args ...any) error {
	return &Error{codeIncomplete, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &Error{codeInvalid, fmt.Sprintf(format, args...)}
}

// clip makes a piece of the request fit for a message: short, valid UTF-8, no
// control characters.
func clip(s string) string {
	const limit = 64
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	s = strings.ToValidUTF8(s, "?")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// span writes a duration as AWS does: "5 min."
func span(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d min.", d/time.Minute)
	}
	return fmt.Sprintf("%d sec.", d/time.Second)
}
