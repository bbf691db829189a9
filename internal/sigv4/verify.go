// Package sigv4 verifies requests signed with AWS Signature Version 4, in the
// Authorization header or in the query of a presigned URL. It says who signed;
// what they may do is for others to decide.
//
// It assumes a request that net/http has parsed, whose path the front door has
// already found free of dot segments and empty segments: paths are never
// normalised here. There is no memory of signatures seen: two equal calls of
// one client in one second carry the same signature, so replay inside the
// accepted time is TLS's to prevent.
package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const defaultSkew = 5 * time.Minute

// ErrUnknownKey is what Lookup returns for an id it does not know.
var ErrUnknownKey = errors.New("unknown access key")

// Key is what the key store knows about an access key id.
type Key struct {
	Secret       string
	SessionToken string    // non-empty: temporary credential, the request must carry exactly this token
	Expires      time.Time // zero: never
	// Unverified is for development: form, dates, scope and payload hash are
	// checked as ever, but signature and session token are not compared.
	Unverified bool
}

// Verifier checks signatures. Set the fields before first use and do not copy
// it after; Verify may then be called concurrently.
type Verifier struct {
	Regions []string         // regions served; empty: any well-formed region name
	Global  []string         // services that Regions says nothing of, such as sts
	Skew    time.Duration    // how far a client's clock may be off; 0: 5 minutes
	Now     func() time.Time // nil: time.Now
	// Lookup finds an access key. An error other than ErrUnknownKey is not the
	// caller's fault and comes back from Verify wrapped, not as an *Error. It
	// is called concurrently, with ids that nobody has vouched for.
	Lookup func(ctx context.Context, accessKeyID string) (Key, error)
	// Host tells which host the client signed, for requests that come through
	// a trusted proxy; nil: r.Host.
	Host        func(r *http.Request) string
	NoPresigned bool // take the Authorization header only

	keys keyCache
}

// Identity is who signed a request, and how.
type Identity struct {
	AccessKeyID  string
	Region       string
	Service      string
	Date         time.Time
	Presigned    bool
	SessionToken string // as presented
}

// Verify checks r, whose whole body is given, for the service it was addressed
// to ("ivschat", "sts"). A request that fails gets an *Error.
//
// Failures are told in AWS's order: nothing presented, incomplete, wrong scope,
// unknown key, bad or expired session token, clock, signature.
func (v *Verifier) Verify(r *http.Request, body []byte, service string) (Identity, error) {
	p, err := v.parse(r)
	if err != nil {
		return Identity{}, err
	}
	if err := v.checkScope(p, service); err != nil {
		return Identity{}, err
	}
	if err := checkCoverage(r, p); err != nil {
		return Identity{}, err
	}

	key, err := v.Lookup(r.Context(), p.accessKeyID)
	if errors.Is(err, ErrUnknownKey) {
		// The work of a known key, so that timing tells no more than the code.
		// The secret is one that nobody can sign with.
		_ = v.compare(r, body, p, Key{Secret: rand.Text()})
		return Identity{}, errUnrecognized()
	}
	if err != nil {
		return Identity{}, fmt.Errorf("look up access key: %w", err)
	}

	now := v.now()
	if !key.Unverified && subtle.ConstantTimeCompare([]byte(key.SessionToken), []byte(p.sessionToken)) != 1 {
		return Identity{}, errUnrecognized()
	}
	if !key.Expires.IsZero() && !now.Before(key.Expires) {
		return Identity{}, errExpiredToken()
	}
	if err := v.checkDate(p, now); err != nil {
		return Identity{}, err
	}
	if err := v.compare(r, body, p, key); err != nil {
		return Identity{}, err
	}
	return Identity{
		AccessKeyID:  p.accessKeyID,
		Region:       p.region,
		Service:      p.service,
		Date:         p.date,
		Presigned:    p.presigned,
		SessionToken: p.sessionToken,
	}, nil
}

// now is cut to the second, the unit of the wire.
func (v *Verifier) now() time.Time {
	if v.Now == nil {
		return time.Now().UTC().Truncate(time.Second)
	}
	return v.Now().UTC().Truncate(time.Second)
}

func (v *Verifier) skew() time.Duration {
	if v.Skew == 0 {
		return defaultSkew
	}
	return v.Skew
}

func (v *Verifier) host(r *http.Request) string {
	if v.Host == nil {
		return r.Host
	}
	return v.Host(r)
}

// checkScope wants the credential scoped to us and to the day of the request.
// spec: security.md §2, §3
func (v *Verifier) checkScope(p *presented, service string) error {
	if day := p.timestamp[:len("20060102")]; p.scopeDay != day {
		return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			clip(p.scopeDay), day, p.timestamp)
	}
	if !isRegion(p.region) || !v.serves(p.region, service) {
		return invalid("Credential should be scoped to a valid region.")
	}
	if p.service != service {
		return invalid("Credential should be scoped to correct service: '%s'.", service)
	}
	if p.terminator != terminator {
		return invalid("Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, clip(p.terminator))
	}
	return nil
}

func (v *Verifier) serves(region, service string) bool {
	return len(v.Regions) == 0 || slices.Contains(v.Global, service) || slices.Contains(v.Regions, region)
}

// checkDate holds the request to the clock: both edges are inside.
// spec: security.md §3
func (v *Verifier) checkDate(p *presented, now time.Time) error {
	skew, valid := v.skew(), v.skew()
	if p.presigned {
		valid = p.expires
	}
	if latest := now.Add(skew); p.date.After(latest) {
		return invalid("Signature not yet current: %s is still later than %s (%s + %s)",
			p.timestamp, latest.Format(timeFormat), now.Format(timeFormat), span(skew))
	}
	if earliest := now.Add(-valid); p.date.Before(earliest) {
		return invalid("Signature expired: %s is now earlier than %s (%s - %s)",
			p.timestamp, earliest.Format(timeFormat), now.Format(timeFormat), span(valid))
	}
	return nil
}

// compare recomputes the signature and holds it against the one presented.
func (v *Verifier) compare(r *http.Request, body []byte, p *presented, key Key) error {
	sum := sha256.Sum256(body)
	payloadHash := hex.EncodeToString(sum[:])
	for _, claim := range p.contentHashes {
		if claim != payloadHash {
			return invalid("The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
	}
	headers, ok := canonicalHeaders(r, p.signedNames, v.host(r), len(body))
	if !ok {
		return errMismatch()
	}
	claimed, ok := decodeSignature(p.signature)
	if !ok {
		return errMismatch()
	}
	if key.Unverified {
		return nil
	}

	id := keyID{p.accessKeyID, key.Secret, p.scopeDay, p.region, p.service}
	signingKey, cached := v.keys.get(id)
	if !cached {
		signingKey = deriveKey(id)
	}
	query := p.canonicalQuery()
	for _, path := range canonicalPaths(r) {
		creq := canonicalRequest(r.Method, path, query, headers, p.signedHeaders, payloadHash)
		computed := sign(signingKey, stringToSign(p, creq))
		if !hmac.Equal(computed[:], claimed[:]) {
			continue
		}
		// Only what has verified is remembered: strangers cannot push the keys
		// of real callers out.
		if !cached {
			v.keys.put(id, signingKey)
		}
		return nil
	}
	return errMismatch()
}

// decodeSignature takes lower-case hex only, as every signer writes it, so that
// a signature has one spelling.
func decodeSignature(s string) (sig [sha256.Size]byte, ok bool) {
	if len(s) != hex.EncodedLen(len(sig)) {
		return sig, false
	}
	for i := range len(s) {
		if !isDigit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
			return sig, false
		}
	}
	_, err := hex.Decode(sig[:], []byte(s))
	return sig, err == nil
}
