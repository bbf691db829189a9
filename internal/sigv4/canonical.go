package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// pair is one member of the query, decoded.
type pair struct{ key, value string }

// maxMembers bounds the query: well above any operation's need, well below
// where url.ParseQuery gives up.
const maxMembers = 1000

// parseQuery decodes the query exactly as url.ParseQuery does, so that the
// members verified are the members used. What ParseQuery would drop (a raw
// semicolon, a broken escape) fails here.
//
// A raw '+' is a space, as in ParseQuery. No AWS signer sends one: all write a
// space as %20 and a plus as %2B. Reading it as a plus would let a%2Bb be signed
// and "a b" be used.
func parseQuery(raw string) (pairs []pair, ok bool) {
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		if strings.Contains(part, ";") || len(pairs) == maxMembers {
			return nil, false
		}
		key, value, _ := strings.Cut(part, "=")
		key, keyErr := url.QueryUnescape(key)
		value, valueErr := url.QueryUnescape(value)
		if keyErr != nil || valueErr != nil {
			return nil, false
		}
		pairs = append(pairs, pair{key, value})
	}
	return pairs, true
}

// canonicalQuery encodes the members anew and sorts them by encoded name, then
// value. A presigned request's own signature is left out.
func (p *presented) canonicalQuery() string {
	if len(p.query) == 0 {
		return ""
	}
	encoded := make([]pair, 0, len(p.query))
	for _, q := range p.query {
		if p.presigned && q.key == "X-Amz-Signature" {
			continue
		}
		encoded = append(encoded, pair{escape(q.key), escape(q.value)})
	}
	slices.SortFunc(encoded, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value))
	})
	var b strings.Builder
	for i, q := range encoded {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(q.key + "=" + q.value)
	}
	return b.String()
}

// receivedPath is the path byte for byte as it came, if that is the path
// r.URL holds: whoever rewrote r.URL must not have another path verified than
// the one that is then routed.
func receivedPath(r *http.Request) string {
	path := r.URL.EscapedPath()
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	if raw != path && strings.HasPrefix(raw, "/") {
		if decoded, err := url.PathUnescape(raw); err == nil && decoded == r.URL.Path {
			path = raw
		}
	}
	return cmp.Or(path, "/")
}

// canonicalPaths gives the one or two forms of the path a client may have
// signed. This service's clients encode the encoded path once more.
//
// A proxy may have decoded the ARN of /tags/{arn} on the way, hence a second
// form, made from the ARN. Both forms lead back to one ARN: if the received
// path in one form equals another's in the other form, both decode to the same
// bytes. So no ARN can be used but the one that was signed.
// spec: control-plane.md §1.1
func canonicalPaths(r *http.Request) []string {
	const tags = "/tags/"
	received := receivedPath(r)
	segments := strings.Split(received, "/")
	for i := range segments {
		segments[i] = escape(segments[i])
	}
	paths := []string{strings.Join(segments, "/")}

	tail, ok := strings.CutPrefix(received, tags)
	if !ok {
		return paths
	}
	arn, err := url.PathUnescape(tail)
	if err != nil {
		return paths
	}
	if path := tags + escape(escape(arn)); path != paths[0] {
		paths = append(paths, path)
	}
	return paths
}

// checkCoverage wants signed whatever can decide: the host, the date, and
// every x-amz-* header there is.
func checkCoverage(r *http.Request, p *presented) error {
	if !slices.Contains(p.signedNames, "host") {
		return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if !p.presigned && len(r.Header["X-Amz-Date"]) == 0 && !slices.Contains(p.signedNames, "date") {
		return invalid("'Date' must be a 'SignedHeader' in the AWS Authorization.")
	}
	unsigned := ""
	for name := range r.Header {
		const prefix = "x-amz-"
		if len(name) < len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
			continue
		}
		name = strings.ToLower(name)
		if slices.Contains(p.signedNames, name) {
			continue
		}
		if unsigned == "" || name < unsigned {
			unsigned = name
		}
	}
	if unsigned != "" {
		return invalid("There were headers present in the request which were not signed: '%s'.", clip(unsigned))
	}
	return nil
}

// canonicalHeaders writes the signed headers; it fails for one that the request
// does not have.
func canonicalHeaders(r *http.Request, names []string, host string, bodyLength int) (string, bool) {
	var b strings.Builder
	b.Grow(256) // about what clients sign
	for _, name := range names {
		values := headerValues(r, name, host, bodyLength)
		if len(values) == 0 {
			return "", false
		}
		b.WriteString(name)
		for i, value := range values {
			b.WriteByte(":,"[min(i, 1)])
			// net/http lets no line break through; without one a value cannot
			// pose as a further header.
			if strings.ContainsAny(value, "\r\n") {
				return "", false
			}
			b.WriteString(collapse(value))
		}
		b.WriteByte('\n')
	}
	return b.String(), true
}

// headerValues finds the values of a header, some of which net/http keeps
// outside the map.
func headerValues(r *http.Request, name, host string, bodyLength int) []string {
	switch name {
	case "host":
		return []string{host}
	case "content-length":
		// A proxy that sends the body on in chunks takes the length away, but
		// the payload hash stands for it.
		length := r.ContentLength
		if length < 0 {
			length = int64(bodyLength)
		}
		return []string{strconv.FormatInt(length, 10)}
	case "transfer-encoding":
		return r.TransferEncoding
	}
	return r.Header[textproto.CanonicalMIMEHeaderKey(name)]
}

// collapse trims a header's value and makes every run of spaces one.
func collapse(s string) string {
	s = strings.Trim(s, blank)
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

func canonicalRequest(method, path, query, headers, signedHeaders, payloadHash string) string {
	return method + "\n" + path + "\n" + query + "\n" + headers + "\n" + signedHeaders + "\n" + payloadHash
}

func stringToSign(p *presented, canonicalRequest string) string {
	sum := sha256.Sum256([]byte(canonicalRequest))
	return algorithm + "\n" + p.timestamp + "\n" +
		p.scopeDay + "/" + p.region + "/" + p.service + "/" + terminator + "\n" +
		hex.EncodeToString(sum[:])
}

func sign(key [sha256.Size]byte, text string) (sum [sha256.Size]byte) {
	return mac(key[:], text)
}

func mac(key []byte, text string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	h.Sum(sum[:0])
	return sum
}

// escape percent-encodes all but RFC 3986's unreserved characters.
func escape(s string) string {
	const hexDigits = "0123456789ABCDEF"
	escaped := 0
	for i := range len(s) {
		if !isUnreserved(s[i]) {
			escaped++
		}
	}
	if escaped == 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 2*escaped)
	for i := range len(s) {
		c := s[i]
		if isUnreserved(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}

func isUnreserved(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '.' || c == '_' || c == '~'
}
