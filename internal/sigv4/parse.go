package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	blank      = " \t" // what HTTP calls white space inside a header
)

// presented is the authentication a request carries, checked for form only.
type presented struct {
	presigned     bool
	accessKeyID   string
	scopeDay      string
	region        string
	service       string
	terminator    string
	signedHeaders string
	signedNames   []string
	signature     string
	timestamp     string // date in the form that is signed
	date          time.Time
	expires       time.Duration // presigned only
	sessionToken  string
	contentHashes []string // as claimed; each must be right
	query         []pair
}

// IsPresigned tells whether the request carries its authentication in the
// query.
func IsPresigned(r *http.Request) bool {
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		raw, _, _ := strings.Cut(part, "=")
		switch key, _ := url.QueryUnescape(raw); key {
		case "X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential":
			return true
		}
	}
	return false
}

func (v *Verifier) parse(r *http.Request) (*presented, error) {
	inHeader := strings.Join(r.Header["Authorization"], "") != ""
	inQuery := IsPresigned(r)
	if !inHeader && (!inQuery || v.NoPresigned) {
		return nil, errMissing()
	}
	if inHeader && inQuery {
		return nil, incomplete("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified.")
	}
	if err := checkSingle(r); err != nil {
		return nil, err
	}

	// The query is signed in both forms, so a broken one is fatal to both.
	query, ok := parseQuery(r.URL.RawQuery)
	if !ok {
		return nil, incomplete("Re-examine the query-string parameters.")
	}
	p := &presented{presigned: inQuery, query: query}
	parse := p.fromHeader
	if inQuery {
		parse = p.fromQuery
	}
	if err := parse(r); err != nil {
		return nil, err
	}
	return p, nil
}

// checkSingle refuses repetition of the headers whose meaning would then depend
// on which one is read.
func checkSingle(r *http.Request) error {
	for _, name := range []string{"Authorization", "X-Amz-Date", "Date", "Content-Type", "X-Amz-Content-Sha256", "X-Amz-Security-Token"} {
		if len(r.Header[name]) > 1 {
			return incomplete("Header '%s' must not be repeated.", name)
		}
	}
	// net/http moves Host out of the map; one that is still there is a second.
	if len(r.Header["Host"]) > 0 {
		return incomplete("Header 'Host' must not be repeated.")
	}
	return nil
}

// fromHeader reads
//
//	AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…
//
// A comma separates, so an access key id that has one can only be presigned.
func (p *presented) fromHeader(r *http.Request) error {
	alg, rest, _ := strings.Cut(strings.Trim(r.Header.Get("Authorization"), blank), " ")
	if alg != algorithm {
		return incomplete("Unsupported AWS 'algorithm': '%s'", clip(alg))
	}
	params, err := authorizationParams(strings.Trim(rest, blank))
	if err != nil {
		return err
	}

	var missing strings.Builder
	for _, p := range [...]struct{ key, value string }{
		{"Credential", params.credential}, {"Signature", params.signature}, {"SignedHeaders", params.signedHeaders},
	} {
		if p.value == "" {
			missing.WriteString("Authorization header requires '" + p.key + "' parameter. ")
		}
	}
	date, isAmz := r.Header.Get("X-Amz-Date"), len(r.Header["X-Amz-Date"]) > 0
	if !isAmz {
		date = r.Header.Get("Date")
	}
	if date == "" {
		missing.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if missing.Len() > 0 {
		return incomplete("%sAuthorization=%s", missing.String(), algorithm)
	}

	if !p.setDate(date) && (isAmz || !p.setHTTPDate(date)) {
		return errDate(date)
	}
	p.signature = params.signature
	p.sessionToken = r.Header.Get("X-Amz-Security-Token")
	p.contentHashes = r.Header["X-Amz-Content-Sha256"]
	if err := p.setCredential(params.credential); err != nil {
		return err
	}
	return p.setSignedHeaders(params.signedHeaders)
}

// authorization is the parameters of an Authorization header.
type authorization struct{ credential, signedHeaders, signature string }

func authorizationParams(s string) (a authorization, err error) {
	if s == "" {
		return a, nil
	}
	var seen [3]bool
	for part := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(strings.Trim(part, blank), "=")
		if !ok {
			return a, incomplete("Invalid key=value pair (missing equal-sign) in Authorization header. Authorization=%s", algorithm)
		}
		at, to := 0, &a.credential
		switch key {
		case "Credential":
		case "SignedHeaders":
			at, to = 1, &a.signedHeaders
		case "Signature":
			at, to = 2, &a.signature
		default:
			return a, incomplete("Authorization header has unknown parameter '%s'. Authorization=%s", clip(key), algorithm)
		}
		if seen[at] {
			return a, incomplete("Authorization header has parameter '%s' twice. Authorization=%s", key, algorithm)
		}
		seen[at], *to = true, value
	}
	return a, nil
}

// fromQuery reads the presigned form. Names are case-sensitive, as signers
// write them.
func (p *presented) fromQuery(r *http.Request) error {
	params := map[string]string{}
	for _, q := range p.query {
		switch q.key {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
			"X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Content-Sha256":
			if _, twice := params[q.key]; twice {
				return incomplete("AWS query-string parameter '%s' must not be repeated. Re-examine the query-string parameters.", q.key)
			}
			params[q.key] = q.value
		}
	}
	var missing strings.Builder
	for _, key := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires"} {
		if params[key] == "" {
			missing.WriteString("AWS query-string parameters must include '" + key + "'. ")
		}
	}
	if missing.Len() > 0 {
		return incomplete("%sRe-examine the query-string parameters.", missing.String())
	}
	if params["X-Amz-Algorithm"] != algorithm {
		return incomplete("Unsupported AWS 'algorithm': '%s'", clip(params["X-Amz-Algorithm"]))
	}
	if !p.setDate(params["X-Amz-Date"]) {
		return errDate(params["X-Amz-Date"])
	}
	for _, name := range []string{"X-Amz-Date", "X-Amz-Security-Token"} {
		if len(r.Header[name]) > 0 {
			return incomplete("Header '%s' must not be sent with a presigned request.", name)
		}
	}
	if err := p.setExpires(params["X-Amz-Expires"]); err != nil {
		return err
	}
	p.signature = params["X-Amz-Signature"]
	p.sessionToken = params["X-Amz-Security-Token"]
	p.contentHashes = slices.Clone(r.Header["X-Amz-Content-Sha256"])
	if hash, ok := params["X-Amz-Content-Sha256"]; ok {
		p.contentHashes = append(p.contentHashes, hash)
	}
	if err := p.setCredential(params["X-Amz-Credential"]); err != nil {
		return err
	}
	return p.setSignedHeaders(params["X-Amz-SignedHeaders"])
}
