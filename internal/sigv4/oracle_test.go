package sigv4

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// signedRequest is a request as it came in, with what Verify needs to take it.
type signedRequest struct {
	wire  []byte
	token string
}

// randomRequest makes a request of this service's kind and has AWS's own signer
// sign it.
func randomRequest(t testing.TB, rng *rand.Rand) signedRequest {
	t.Helper()
	operations := []string{"CreateChatToken", "CreateRoom", "CreateLoggingConfiguration", "GetRoom", "UpdateRoom", "DeleteRoom",
		"ListRooms", "SendEvent", "DeleteMessage", "DisconnectUser", "GetLoggingConfiguration"}
	method, target := "POST", "/"+pick(rng, operations)
	if rng.IntN(2) == 0 {
		arn := pick(rng, []string{
			testARN, "arn:aws:ivschat:eu-central-1:000000000001:logging-configuration/" + randomText(rng, "abcXYZ019", 12),
			"arn:aws:ivschat:x:1:room/" + randomText(rng, " %+/é💬~$", 6),
		})
		method, target = pick(rng, []string{"GET", "POST", "DELETE"}), "/tags/"+escapeAll(arn)
	}
	if rng.IntN(2) == 0 {
		query := url.Values{}
		for range rng.IntN(6) {
			query.Add(pick(rng, []string{"tagKeys", "roomIdentifier", "maxResults", "", "é"}), randomText(rng, "abAB12 &=+;%/~-._é💬", rng.IntN(6)))
		}
		target += "?" + query.Encode()
	}
	var body []byte
	if method == "POST" {
		body = fmt.Appendf(nil, `{"name":%q}`, randomText(rng, "ab é💬", rng.IntN(30)))
	}

	r := newRequest(t, method, target, body)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if rng.IntN(2) == 0 {
		r.Header.Set("Amz-Sdk-Invocation-Id", randomText(rng, "0123456789abcdef-", 36))
		r.Header.Set("Amz-Sdk-Request", "attempt=1;  max=3")
		r.Header.Set("X-Amz-User-Agent", "aws-sdk-js/3.1  ua/2.1 os/linux")
		r.Header.Set("X-Amz-Content-Sha256", hashOf(body))
	}
	if rng.IntN(4) == 0 {
		r.Header["My-Header"] = []string{" b   c ", "a", ""}
	}
	token := ""
	if rng.IntN(3) == 0 {
		token = "FwoGZXIvYXdzE//+" + randomText(rng, "abcXYZ/+=", 40)
	}
	if rng.IntN(3) == 0 {
		r = presign(t, r, body, token, testTime, pick(rng, []string{"1", "900", "604800"}))
	} else {
		signHeader(t, r, body, token, testTime)
	}
	return signedRequest{onWire(t, r), token}
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func randomText(rng *rand.Rand, alphabet string, n int) string {
	letters := []rune(alphabet)
	b := make([]rune, n)
	for i := range b {
		b[i] = pick(rng, letters)
	}
	return string(b)
}

func escapeAll(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func TestAcceptsWhatTheAWSSignerSigns(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 500
	}
	rng := rand.New(rand.NewPCG(1, 2))
	v := verifier(Key{}, testTime)
	for i := range n {
		s := randomRequest(t, rng)
		v.Lookup = verifier(Key{Secret: testSecret, SessionToken: s.token}, testTime).Lookup
		r, body := mustReceive(t, s.wire)
		id, err := v.Verify(r, body, "ivschat")
		if err != nil {
			t.Fatalf("request %d: %v\n%s", i, err, s.wire)
		}
		want := Identity{testID, testRegion, "ivschat", testTime, IsPresigned(r), s.token}
		if id != want {
			t.Fatalf("request %d: got %+v, want %+v", i, id, want)
		}
	}
}

var (
	runsOfSpaces = regexp.MustCompile(` +`)
	aroundCommas = regexp.MustCompile(`[ \t]*,[ \t]*`)
	afterScheme  = regexp.MustCompile(`^(AWS4-HMAC-SHA256 )[ \t]+`)
)

// meaning writes down everything about a request that its signature stands for,
// and nothing else, worked out apart from the verifier. Two requests of one
// meaning differ in spelling only: the spaces a header's value is trimmed of or
// its runs of spaces, the case of header names, blanks between the parameters of
// Authorization, percent-encoding in the query, order of the query, and
// percent-encoding of an ARN in /tags/.
func meaning(r *http.Request, body []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nbody %q\n", r.Method, body)

	path, raw, _ := strings.Cut(r.RequestURI, "?")
	if tail, ok := strings.CutPrefix(path, "/tags/"); ok {
		arn, err := url.PathUnescape(tail)
		fmt.Fprintf(&b, "arn %q %v\n", arn, err)
	} else {
		fmt.Fprintf(&b, "path %q\n", path)
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		fmt.Fprintf(&b, "bad query %q\n", raw)
	}
	for _, values := range query {
		slices.Sort(values)
	}
	fmt.Fprintf(&b, "query %q\n", query) // maps print in order

	authorization := r.Header.Get("Authorization")
	authorization = aroundCommas.ReplaceAllString(strings.Trim(authorization, " \t"), ",")
	authorization = afterScheme.ReplaceAllString(authorization, "$1")
	fmt.Fprintf(&b, "authorization %q\n", authorization)

	signed := query.Get("X-Amz-SignedHeaders")
	for part := range strings.SplitSeq(authorization, ",") {
		if list, ok := strings.CutPrefix(part, "SignedHeaders="); ok {
			signed = list
		}
	}
	headers := map[string]string{}
	for name, values := range r.Header {
		name = strings.ToLower(name)
		if slices.Contains(strings.Split(signed, ";"), name) || strings.HasPrefix(name, "x-amz-") {
			var trimmed []string
			for _, value := range values {
				trimmed = append(trimmed, runsOfSpaces.ReplaceAllString(strings.Trim(value, " \t"), " "))
			}
			headers[name] = strings.Join(trimmed, ",")
		}
	}
	headers["host"] = r.Host
	headers["content-length"] = fmt.Sprint(r.ContentLength)
	fmt.Fprintf(&b, "headers %q\n", headers)
	return b.String()
}

// mutateByte changes, drops or adds one byte anywhere in the request.
func mutateByte(rng *rand.Rand, wire []byte) []byte {
	out := slices.Clone(wire)
	i := rng.IntN(len(out))
	letters := []byte("%2FfAa;=&+ ,/:.-0\x00\xff")
	switch rng.IntN(5) {
	case 0:
		out[i] ^= 1 << rng.IntN(8)
	case 1:
		out[i] = pick(rng, letters)
	case 2:
		out = slices.Delete(out, i, i+1)
	case 3:
		out = slices.Insert(out, i, pick(rng, letters))
	case 4:
		j := min(i+1, len(out)-1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// fieldMutations change one field of a received request; each gives the body.
var fieldMutations = []func(rng *rand.Rand, r *http.Request, body []byte) []byte{
	func(rng *rand.Rand, r *http.Request, body []byte) []byte {
		r.Method = pick(rng, []string{"GET", "PUT", "PATCH", "post", "HEAD"})
		return body
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte {
		r.RequestURI = "/DeleteRoom?" + r.URL.RawQuery
		r.URL.Path, r.URL.RawPath = "/DeleteRoom", ""
		return body
	},
	func(_ *rand.Rand, r *http.Request, body []byte) []byte {
		return append(slices.Clone(body), ' ')
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte {
		r.Host = pick(rng, []string{"", "evil.example.com", r.Host + ":80", strings.ToUpper(r.Host), r.Host + "."})
		return body
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte { // one more member
		r.URL.RawQuery += pick(rng, []string{"&tagKeys=x", "&=", "&X-Amz-Date=20260915T120001Z", "&X-Amz-Security-Token=", "&%00"})
		r.RequestURI, _, _ = strings.Cut(r.RequestURI, "?")
		r.RequestURI += "?" + r.URL.RawQuery
		return body
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte { // one member less
		members := strings.Split(r.URL.RawQuery, "&")
		i := rng.IntN(len(members))
		r.URL.RawQuery = strings.Join(slices.Delete(members, i, i+1), "&")
		r.RequestURI, _, _ = strings.Cut(r.RequestURI, "?")
		r.RequestURI += "?" + r.URL.RawQuery
		return body
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte { // one header less
		delete(r.Header, pick(rng, headerNames(r)))
		return body
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte { // one value more
		name := pick(rng, append(headerNames(r), "Host"))
		r.Header[name] = append(slices.Clone(r.Header[name]), pick(rng, []string{"", "x", r.Header.Get(name)}))
		return body
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte {
		r.Header.Set("X-Amz-Target", "DeleteRoom")
		return body
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte {
		replaceAuth(r, pick(rng, [][2]string{
			{"/" + testRegion + "/", "/us-east-1/"}, {"/ivschat/", "/sts/"}, {"20260915/", "20260914/"}, {testID, "AKIDEXAMPLF"},
			{"aws4_request", "aws5_request"}, {"host", "host;my-other"}, {"host", "accept-encoding;host"}, {"content-type;", ""},
			{";x-amz-date", ""}, {"HMAC", "ECDSA"},
		}))
		return body
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte { // as if signed another time
		at := testTime.Add(time.Duration(rng.IntN(590)-295) * time.Second).Format(timeFormat)
		if len(r.Header["X-Amz-Date"]) > 0 {
			r.Header.Set("X-Amz-Date", at)
		}
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Date=20260915T120000Z", "X-Amz-Date="+at, 1)
		r.RequestURI = strings.Replace(r.RequestURI, "X-Amz-Date=20260915T120000Z", "X-Amz-Date="+at, 1)
		return body
	},
	func(rng *rand.Rand, r *http.Request, body []byte) []byte { // live longer
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Expires=", "X-Amz-Expires=1", 1)
		r.RequestURI = strings.Replace(r.RequestURI, "X-Amz-Expires=", "X-Amz-Expires=1", 1)
		return body
	},
}

func headerNames(r *http.Request) []string {
	var names []string
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func replaceAuth(r *http.Request, change [2]string) {
	if r.Header.Get("Authorization") != "" {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), change[0], change[1], 1))
		return
	}
	from, to := escapeAll(change[0]), escapeAll(change[1])
	r.URL.RawQuery = strings.Replace(r.URL.RawQuery, from, to, 1)
	r.RequestURI = strings.Replace(r.RequestURI, from, to, 1)
}

// TestRefusesEveryMutation: what is accepted must mean what was signed. Nothing
// else is excused.
func TestRefusesEveryMutation(t *testing.T) {
	want := 100_000
	if testing.Short() {
		want = 5_000
	}
	rng := rand.New(rand.NewPCG(3, 4))
	v := verifier(Key{}, testTime)
	var refused, respelled, unreadable int
	perField := make([]int, len(fieldMutations))
	for refused < want {
		s := randomRequest(t, rng)
		v.Lookup = verifier(Key{Secret: testSecret, SessionToken: s.token}, testTime).Lookup
		r, body := mustReceive(t, s.wire)
		if _, err := v.Verify(r, body, "ivschat"); err != nil {
			t.Fatalf("unchanged: %v\n%s", err, s.wire)
		}
		original := meaning(r, body)

		check := func(r *http.Request, body []byte) bool {
			_, err := v.Verify(r, body, "ivschat")
			if err != nil {
				refused++
				return true
			}
			respelled++
			if got := meaning(r, body); got != original {
				t.Fatalf("accepted with another meaning\nsigned:\n%s\nreceived:\n%s", original, got)
			}
			return false
		}
		for range 150 {
			r, body, err := receive(mutateByte(rng, s.wire))
			if err != nil {
				unreadable++
				continue
			}
			check(r, body)
		}
		for i, mutate := range fieldMutations {
			r, body := mustReceive(t, s.wire)
			if check(r, mutate(rng, r, slices.Clone(body))) {
				perField[i]++
			}
		}
	}
	t.Logf("%d refused, %d respelled, %d not HTTP", refused, respelled, unreadable)
	if respelled > refused/2 {
		t.Errorf("%d of the mutations changed nothing: too few are real", respelled)
	}
	for i, n := range perField {
		if n == 0 {
			t.Errorf("field mutation %d never changed a meaning", i)
		}
	}
}

// Spellings that proxies and hand-written clients use, all of one meaning.
func TestTagsPathSpellings(t *testing.T) {
	const tail = "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	encoded, other := escapeAll(tail), escapeAll(strings.Replace(tail, "abcd", "zbcd", 1))
	v := verifier(Key{Secret: testSecret}, testTime)
	for _, tt := range []struct {
		name, signed, received string
		ok                     bool
	}{
		{"as SDKs send it", encoded, encoded, true},
		{"a proxy decoded all", encoded, tail, true},
		{"a proxy decoded the slash", encoded, strings.Replace(encoded, "%2F", "/", 1), true},
		{"a proxy decoded the colons", encoded, strings.ReplaceAll(encoded, "%3A", ":"), true},
		{"a proxy writes lower-case hex", encoded, strings.ReplaceAll(encoded, "%3A", "%3a"), true},
		{"signed bare, sent bare", tail, tail, true},
		{"another room", encoded, other, false},
		{"encoded once more on the way", encoded, escapeAll(encoded), false},
		{"decoded once too often", escapeAll(encoded), tail, false},
		{"signed bare, encoded on the way", tail, encoded, false},
		{"with a tail", encoded, encoded + "/", false},
		{"with an encoded tail", encoded, encoded + "%00", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(t, "GET", "/tags/"+tt.signed, nil)
			signHeader(t, r, nil, "", testTime)
			wire := bytes.Replace(onWire(t, r), []byte("/tags/"+tt.signed+" "), []byte("/tags/"+tt.received+" "), 1)
			received, body := mustReceive(t, wire)
			_, err := v.Verify(received, body, "ivschat")
			if (err == nil) != tt.ok {
				t.Errorf("got %v, want accepted: %v", err, tt.ok)
			}
		})
	}
}

// A path that r.URL no longer holds must not be the one that is verified.
func TestRewrittenURLIsVerifiedAsRewritten(t *testing.T) {
	r, body := signedPost(t)
	r.URL.Path = "/DeleteRoom"
	_, err := verifier(Key{Secret: testSecret}, testTime).Verify(r, body, "ivschat")
	wantError(t, err, codeInvalid, "")
}
