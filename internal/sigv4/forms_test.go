package sigv4

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	mismatch = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	fiveParts = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"
	listForm  = "SignedHeaders must be lower-case header names in order, each once, delimited by ';', got '"
	dateForm  = "'. See http://en.wikipedia.org/wiki/ISO_8601"
	unknown   = "The security token included in the request is invalid."
)

// change edits a good request; what it changes must be there.
type change func(t *testing.T, r *http.Request)

func auth(from, to string) change {
	return func(t *testing.T, r *http.Request) {
		old := r.Header.Get("Authorization")
		if !strings.Contains(old, from) {
			t.Fatalf("no %q in %q", from, old)
		}
		r.Header.Set("Authorization", strings.Replace(old, from, to, 1))
	}
}

func query(from, to string) change {
	return func(t *testing.T, r *http.Request) {
		if !strings.Contains(r.URL.RawQuery, from) {
			t.Fatalf("no %q in %q", from, r.URL.RawQuery)
		}
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, from, to, 1)
	}
}

func header(name string, values ...string) change {
	return func(_ *testing.T, r *http.Request) {
		delete(r.Header, name)
		if values != nil {
			r.Header[name] = values
		}
	}
}

func all(changes ...change) change {
	return func(t *testing.T, r *http.Request) {
		for _, c := range changes {
			c(t, r)
		}
	}
}

func setAuth(value string) change { return header("Authorization", value) }

type malformed struct {
	name    string
	change  change
	code    string
	message string
}

var malformedHeaders = []malformed{
	{"no authorization", header("Authorization"), codeMissing, "Missing Authentication Token"},
	{"empty authorization", setAuth(""), codeMissing, "Missing Authentication Token"},
	{"other scheme", setAuth("Bearer abc"), codeIncomplete, "Unsupported AWS 'algorithm': 'Bearer'"},
	{"other hash", auth("SHA256", "SHA512"), codeIncomplete, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'"},
	{"asymmetric algorithm", auth("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), codeIncomplete, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'"},
	{"version 2", setAuth("AWS AKIDEXAMPLE:c2ln"), codeIncomplete, "Unsupported AWS 'algorithm': 'AWS'"},
	{"lower-case algorithm", auth("AWS4-HMAC-SHA256", "aws4-hmac-sha256"), codeIncomplete, "Unsupported AWS 'algorithm': 'aws4-hmac-sha256'"},
	{"tab after algorithm", auth("SHA256 ", "SHA256\t"), codeIncomplete, ""},
	{"long algorithm is clipped", setAuth(strings.Repeat("x", 500)), codeIncomplete, "Unsupported AWS 'algorithm': '" + strings.Repeat("x", 64) + "...'"},
	{"algorithm of broken text", setAuth("\xff\x7f"), codeIncomplete, "Unsupported AWS 'algorithm': '??'"},
	{"algorithm only", setAuth("AWS4-HMAC-SHA256"), codeIncomplete,
		"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256"},
	{"algorithm only, no date", all(setAuth("AWS4-HMAC-SHA256 "), header("X-Amz-Date")), codeIncomplete,
		"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"},
	{"no credential", auth("Credential=AKIDEXAMPLE/20260915/us-west-2/ivschat/aws4_request, ", ""), codeIncomplete, "Authorization header requires 'Credential' parameter. Authorization=AWS4-HMAC-SHA256"},
	{"empty credential", auth("Credential=AKIDEXAMPLE/20260915/us-west-2/ivschat/aws4_request", "Credential="), codeIncomplete, "Authorization header requires 'Credential' parameter. Authorization=AWS4-HMAC-SHA256"},
	{"no signature", func(_ *testing.T, r *http.Request) {
		before, _, _ := strings.Cut(r.Header.Get("Authorization"), ", Signature=")
		r.Header.Set("Authorization", before)
	}, codeIncomplete, "Authorization header requires 'Signature' parameter. Authorization=AWS4-HMAC-SHA256"},
	{"no signed headers", auth("SignedHeaders=content-length;content-type;host;x-amz-date, ", ""), codeIncomplete, "Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256"},
	{"empty signed headers", auth("content-length;content-type;host;x-amz-date", ""), codeIncomplete, "Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256"},
	{"parameter without value", auth("Credential=", "Credential"), codeIncomplete, "Invalid key=value pair (missing equal-sign) in Authorization header. Authorization=AWS4-HMAC-SHA256"},
	{"trailing comma", auth("Signature=", ",Signature="), codeIncomplete, "Invalid key=value pair (missing equal-sign) in Authorization header. Authorization=AWS4-HMAC-SHA256"},
	{"lower-case parameter", auth("Credential=", "credential="), codeIncomplete, "Authorization header has unknown parameter 'credential'. Authorization=AWS4-HMAC-SHA256"},
	{"further parameter", auth("Signature=", "Extra=1, Signature="), codeIncomplete, "Authorization header has unknown parameter 'Extra'. Authorization=AWS4-HMAC-SHA256"},
	{"two credentials", auth("SignedHeaders=", "Credential=x, SignedHeaders="), codeIncomplete, "Authorization header has parameter 'Credential' twice. Authorization=AWS4-HMAC-SHA256"},
	{"two signatures", auth("Signature=", "Signature=, Signature="), codeIncomplete, "Authorization header has parameter 'Signature' twice. Authorization=AWS4-HMAC-SHA256"},
	{"two authorizations", header("Authorization", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256"), codeIncomplete, "Header 'Authorization' must not be repeated."},
	{"header and query", func(_ *testing.T, r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=" }, codeIncomplete,
		"Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified."},
	{"broken query", func(_ *testing.T, r *http.Request) { r.URL.RawQuery = "a=%zz" }, codeIncomplete, "Re-examine the query-string parameters."},
	{"semicolon in the query", func(_ *testing.T, r *http.Request) { r.URL.RawQuery = "a;b=c" }, codeIncomplete, "Re-examine the query-string parameters."},
	{"endless query", func(_ *testing.T, r *http.Request) { r.URL.RawQuery = strings.Repeat("a&", maxMembers+1) }, codeIncomplete, "Re-examine the query-string parameters."},

	{"credential of four", auth("AKIDEXAMPLE/", ""), codeIncomplete, fiveParts + "20260915/us-west-2/ivschat/aws4_request'."},
	{"credential of six", auth("AKIDEXAMPLE/", "AKID/EXAMPLE/"), codeIncomplete, fiveParts + "AKID/EXAMPLE/20260915/us-west-2/ivschat/aws4_request'."},
	{"access key id empty", auth("AKIDEXAMPLE/", "/"), codeIncomplete, fiveParts + "/20260915/us-west-2/ivschat/aws4_request'."},
	{"access key id too long", auth("AKIDEXAMPLE/", strings.Repeat("A", maxAccessKeyID+1)+"/"), codeIncomplete, fiveParts + strings.Repeat("A", 64) + "...'."},
	{"access key id not UTF-8", auth("AKIDEXAMPLE/", "\xff/"), codeIncomplete, fiveParts + "?/20260915/us-west-2/ivschat/aws4_request'."},
	{"scope of another day", auth("20260915/", "20260914/"), codeInvalid,
		"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260914' != '20260915', from '20260915T120000Z'."},
	{"scope without a day", auth("20260915/", "/"), codeInvalid,
		"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '' != '20260915', from '20260915T120000Z'."},
	{"region not served", auth("us-west-2", "us-east-1"), codeInvalid, "Credential should be scoped to a valid region."},
	{"region empty", auth("us-west-2", ""), codeInvalid, "Credential should be scoped to a valid region."},
	{"other service", auth("ivschat", "ivs"), codeInvalid, "Credential should be scoped to correct service: 'ivschat'."},
	{"service in capitals", auth("ivschat", "IVSCHAT"), codeInvalid, "Credential should be scoped to correct service: 'ivschat'."},
	{"other terminator", auth("aws4_request", "aws5_request"), codeInvalid, "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},

	{"capitals in signed headers", auth("content-type", "Content-Type"), codeIncomplete, listForm + "content-length;Content-Type;host;x-amz-date'."},
	{"signed headers out of order", auth("content-length;content-type", "content-type;content-length"), codeIncomplete, listForm + "content-type;content-length;host;x-amz-date'."},
	{"signed header twice", auth("host;", "host;host;"), codeIncomplete, listForm + "content-length;content-type;host;host;x-amz-date'."},
	{"signed header empty", auth("host;", "host;;"), codeIncomplete, listForm + "content-length;content-type;host;;x-amz-date'."},
	{"signed headers end in a delimiter", auth("x-amz-date", "x-amz-date;"), codeIncomplete, listForm + "content-length;content-type;host;x-amz-date;'."},
	{"space in signed headers", auth("content-type;", "content type;"), codeIncomplete, ""},
	{"host not signed", auth("host;", ""), codeInvalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
	{"x-amz-date not signed", auth(";x-amz-date", ""), codeInvalid, "There were headers present in the request which were not signed: 'x-amz-date'."},
	{"date not signed", all(header("X-Amz-Date"), header("Date", "20260915T120000Z"), auth(";x-amz-date", "")), codeInvalid, "'Date' must be a 'SignedHeader' in the AWS Authorization."},
	{"x-amz header not signed", header("X-Amz-Target", "x"), codeInvalid, "There were headers present in the request which were not signed: 'x-amz-target'."},
	{"first x-amz header not signed is named", all(header("X-Amz-B", "x"), header("X-Amz-A", "x")), codeInvalid, "There were headers present in the request which were not signed: 'x-amz-a'."},
	{"session token not signed", header("X-Amz-Security-Token", "x"), codeInvalid, "There were headers present in the request which were not signed: 'x-amz-security-token'."},
	{"signed header missing", auth("content-type;", "content-type;expect;"), codeInvalid, mismatch},
	{"signed transfer-encoding missing", auth("host;", "host;transfer-encoding;"), codeInvalid, mismatch},

	{"no date", header("X-Amz-Date"), codeIncomplete, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"},
	{"empty x-amz-date beside a date", all(header("X-Amz-Date", ""), header("Date", "20260915T120000Z")), codeIncomplete, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"},
	{"extended date", header("X-Amz-Date", "2026-09-15T12:00:00Z"), codeIncomplete, "Date must be in ISO-8601 'basic format'. Got '2026-09-15T12:00:00Z" + dateForm},
	{"date with a fraction", header("X-Amz-Date", "20260915T120000.5Z"), codeIncomplete, "Date must be in ISO-8601 'basic format'. Got '20260915T120000.5Z" + dateForm},
	{"date without zone", header("X-Amz-Date", "20260915T120000"), codeIncomplete, "Date must be in ISO-8601 'basic format'. Got '20260915T120000" + dateForm},
	{"30th of February", header("X-Amz-Date", "20260230T120000Z"), codeIncomplete, "Date must be in ISO-8601 'basic format'. Got '20260230T120000Z" + dateForm},
	{"HTTP date in x-amz-date", header("X-Amz-Date", "Tue, 15 Sep 2026 12:00:00 GMT"), codeIncomplete, "Date must be in ISO-8601 'basic format'. Got 'Tue, 15 Sep 2026 12:00:00 GMT" + dateForm},
	{"nonsense in date", all(header("X-Amz-Date"), header("Date", "today")), codeIncomplete, "Date must be in ISO-8601 'basic format'. Got 'today" + dateForm},
	{"two x-amz-date", header("X-Amz-Date", "20260915T120000Z", "20260915T120000Z"), codeIncomplete, "Header 'X-Amz-Date' must not be repeated."},
	{"two content types", header("Content-Type", "application/json", "application/json"), codeIncomplete, "Header 'Content-Type' must not be repeated."},
	{"two payload hashes", header("X-Amz-Content-Sha256", "a", "b"), codeIncomplete, "Header 'X-Amz-Content-Sha256' must not be repeated."},
	{"two session tokens", header("X-Amz-Security-Token", "a", "b"), codeIncomplete, "Header 'X-Amz-Security-Token' must not be repeated."},
	{"two hosts", header("Host", "chat.example.com"), codeIncomplete, "Header 'Host' must not be repeated."},

	{"signature in capitals", func(_ *testing.T, r *http.Request) {
		before, sig, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		r.Header.Set("Authorization", before+"Signature="+strings.ToUpper(sig))
	}, codeInvalid, mismatch},
	{"signature cut short", func(_ *testing.T, r *http.Request) {
		h := r.Header.Get("Authorization")
		r.Header.Set("Authorization", h[:len(h)-2])
	}, codeInvalid, mismatch},
	{"signature of no hex", auth("Signature=", "Signature=z"), codeInvalid, mismatch},
	{"unknown key", auth("AKIDEXAMPLE", "AKIDOTHER"), codeUnrecognized, unknown},
	{"unknown key goes before a bad signature", all(auth("AKIDEXAMPLE", "AKIDOTHER"), auth("Signature=", "Signature=z")), codeUnrecognized, unknown},
	{"line break in a signed header", header("Content-Type", "application/json\nx-evil:1"), codeInvalid, mismatch},
}

var malformedQueries = []malformed{
	{"no algorithm", query("X-Amz-Algorithm=", "X-Algorithm="), codeIncomplete, "AWS query-string parameters must include 'X-Amz-Algorithm'. Re-examine the query-string parameters."},
	{"other algorithm", query("HMAC-SHA256", "HMAC-SHA512"), codeIncomplete, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'"},
	{"no credential", query("X-Amz-Credential=", "X-Credential="), codeIncomplete, "AWS query-string parameters must include 'X-Amz-Credential'. Re-examine the query-string parameters."},
	{"no signature", query("X-Amz-Signature=", "X-Signature="), codeIncomplete, "AWS query-string parameters must include 'X-Amz-Signature'. Re-examine the query-string parameters."},
	{"no signed headers", query("X-Amz-SignedHeaders=", "x-amz-signedheaders="), codeIncomplete, "AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters."},
	{"no date", query("X-Amz-Date=", "X-Date="), codeIncomplete, "AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters."},
	{"no expiry", query("X-Amz-Expires=900", ""), codeIncomplete, "AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters."},
	{"neither expiry nor date", all(query("X-Amz-Expires=900", ""), query("X-Amz-Date=", "X-Date=")), codeIncomplete,
		"AWS query-string parameters must include 'X-Amz-Date'. AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters."},
	{"expiry of zero", query("Expires=900", "Expires=0"), codeIncomplete, "X-Amz-Expires must be between 1 and 604800 seconds."},
	{"expiry over a week", query("Expires=900", "Expires=604801"), codeIncomplete, "X-Amz-Expires must be between 1 and 604800 seconds."},
	{"expiry that overflows", query("Expires=900", "Expires=99999999999999999999"), codeIncomplete, "X-Amz-Expires must be between 1 and 604800 seconds."},
	{"negative expiry", query("Expires=900", "Expires=-900"), codeIncomplete, "X-Amz-Expires should be a number."},
	{"expiry with a sign", query("Expires=900", "Expires=%2B900"), codeIncomplete, "X-Amz-Expires should be a number."},
	{"expiry of words", query("Expires=900", "Expires=soon"), codeIncomplete, "X-Amz-Expires should be a number."},
	{"bad date", query("X-Amz-Date=20260915T120000Z", "X-Amz-Date=20260915"), codeIncomplete, "Date must be in ISO-8601 'basic format'. Got '20260915" + dateForm},
	{"date twice", query("X-Amz-Date=", "X-Amz-Date=20260915T120000Z&X-Amz-Date="), codeIncomplete, "AWS query-string parameter 'X-Amz-Date' must not be repeated. Re-examine the query-string parameters."},
	{"signature twice", query("X-Amz-Signature=", "X-Amz-Signature=&X-Amz-Signature="), codeIncomplete, "AWS query-string parameter 'X-Amz-Signature' must not be repeated. Re-examine the query-string parameters."},
	{"date again under an escaped name", query("X-Amz-Date=", "X-Amz-%44ate=20260915T120000Z&X-Amz-Date="), codeIncomplete, "AWS query-string parameter 'X-Amz-Date' must not be repeated. Re-examine the query-string parameters."},
	{"broken escape", query("X-Amz-Date=", "X-Amz-Date=%zz"), codeIncomplete, "Re-examine the query-string parameters."},
	{"credential of four", query("AKIDEXAMPLE%2F", ""), codeIncomplete, fiveParts + "20260915/us-west-2/ivschat/aws4_request'."},
	{"control byte in access key id", query("AKIDEXAMPLE", "AKID%0AEXAMPLE"), codeIncomplete, fiveParts + "AKID?EXAMPLE/20260915/us-west-2/ivschat/aws4_request'."},
	{"scope of another day", query("%2F20260915", "%2F20260916"), codeInvalid, ""},
	{"region not served", query("us-west-2%2F", "us-east-1%2F"), codeInvalid, "Credential should be scoped to a valid region."},
	{"other service", query("ivschat%2F", "sts%2F"), codeInvalid, "Credential should be scoped to correct service: 'ivschat'."},
	{"other terminator", query("aws4_request", "aws4"), codeInvalid, "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'."},
	{"host not signed", query("SignedHeaders=host", "SignedHeaders=accept"), codeInvalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
	{"signed headers out of order", query("SignedHeaders=host", "SignedHeaders=host%3Baccept"), codeIncomplete, listForm + "host;accept'."},
	{"x-amz header not signed", header("X-Amz-Target", "x"), codeInvalid, "There were headers present in the request which were not signed: 'x-amz-target'."},
	{"date header too", header("X-Amz-Date", "20260915T120000Z"), codeIncomplete, "Header 'X-Amz-Date' must not be sent with a presigned request."},
	{"session token header too", header("X-Amz-Security-Token", "x"), codeIncomplete, "Header 'X-Amz-Security-Token' must not be sent with a presigned request."},
	{"authorization too", setAuth("AWS4-HMAC-SHA256"), codeIncomplete,
		"Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified."},
	{"payload not signed", query("X-Amz-Date=", "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Date="), codeInvalid, "The provided 'x-amz-content-sha256' header does not match what was computed."},
	{"session token of a lasting key", query("X-Amz-Date=", "X-Amz-Security-Token=x&X-Amz-Date="), codeUnrecognized, unknown},
	{"unknown key", query("AKIDEXAMPLE", "AKIDOTHER"), codeUnrecognized, unknown},
	{"member changed", query("abcdABCDefgh", "abcdABCDefgi"), codeInvalid, mismatch},
	{"member added", query("identifier=", "identifier=x&identifier="), codeInvalid, mismatch},
	{"plus sign in place of its escape", query("identifier=", "identifier=+"), codeInvalid, mismatch},
}

func TestMalformedAuthorization(t *testing.T) {
	runMalformed(t, malformedHeaders, signedPost)
}

func TestMalformedPresignedQuery(t *testing.T) {
	runMalformed(t, malformedQueries, presignedPost)
}

func runMalformed(t *testing.T, table []malformed, good func(testing.TB) (*http.Request, []byte)) {
	v := verifier(Key{Secret: testSecret}, testTime)
	v.Regions = []string{"eu-west-1", testRegion}
	r, body := good(t)
	if _, err := v.Verify(r, body, "ivschat"); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	for _, tt := range table {
		t.Run(tt.name, func(t *testing.T) {
			r, body := good(t)
			tt.change(t, r)
			_, err := v.Verify(r, body, "ivschat")
			wantError(t, err, tt.code, tt.message)
		})
	}
}

func TestPayloadHashMustBeTheBodys(t *testing.T) {
	body := []byte(`{"name":"lobby"}`)
	const refusal = "The provided 'x-amz-content-sha256' header does not match what was computed."
	for _, tt := range []struct{ name, claim, signed, code, message string }{
		{"right", hashOf(body), hashOf(body), "", ""},
		{"unsigned payload", "UNSIGNED-PAYLOAD", "UNSIGNED-PAYLOAD", codeInvalid, refusal},
		{"streaming", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", codeInvalid, refusal},
		{"unsigned trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", codeInvalid, refusal},
		{"empty", "", hashOf(body), codeInvalid, refusal},
		{"of another body", hashOf(nil), hashOf(nil), codeInvalid, refusal},
		{"in capitals", strings.ToUpper(hashOf(body)), hashOf(body), codeInvalid, refusal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(t, "POST", "/CreateRoom", body)
			r.Header.Set("X-Amz-Content-Sha256", tt.claim)
			signHash(t, r, tt.signed)
			received, body := mustReceive(t, onWire(t, r))
			_, err := verifier(Key{Secret: testSecret}, testTime).Verify(received, body, "ivschat")
			if tt.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantError(t, err, tt.code, tt.message)
		})
	}
}

func TestDateHeaderInPlaceOfXAmzDate(t *testing.T) {
	for _, date := range []string{"20260915T120000Z", "Tue, 15 Sep 2026 12:00:00 GMT"} {
		r := newRequest(t, "POST", "/ListRooms", nil)
		r.Header.Set("Date", date)
		signByHand(r, []string{"date", "host"}, nil, testTime)
		received, body := mustReceive(t, onWire(t, r))
		id, err := verifier(Key{Secret: testSecret}, testTime).Verify(received, body, "ivschat")
		if err != nil || !id.Date.Equal(testTime) {
			t.Errorf("Date: %s: got %v, %v", date, id.Date, err)
		}
	}
}

func TestBodySentOnInChunksKeepsItsSignedLength(t *testing.T) {
	r, body := signedPost(t)
	r.ContentLength = -1
	r.TransferEncoding = []string{"chunked"}
	if _, err := verifier(Key{Secret: testSecret}, testTime).Verify(r, body, "ivschat"); err != nil {
		t.Error(err)
	}
}

func TestHostHookNamesTheSignedHost(t *testing.T) {
	r, body := signedPost(t)
	r.Host = "10.0.0.7:8080"
	r.Header.Set("X-Forwarded-Host", "chat.example.com")
	v := verifier(Key{Secret: testSecret}, testTime)
	_, err := v.Verify(r, body, "ivschat")
	wantError(t, err, codeInvalid, mismatch)
	v.Host = func(r *http.Request) string { return r.Header.Get("X-Forwarded-Host") }
	if _, err := v.Verify(r, body, "ivschat"); err != nil {
		t.Error(err)
	}
}

func TestPresignedFormCanBeSwitchedOff(t *testing.T) {
	v := verifier(Key{Secret: testSecret}, testTime)
	v.NoPresigned = true
	r, body := presignedPost(t)
	_, err := v.Verify(r, body, "ivschat")
	wantError(t, err, codeMissing, "Missing Authentication Token")
	r, body = signedPost(t)
	if _, err := v.Verify(r, body, "ivschat"); err != nil {
		t.Error(err)
	}
}

func TestSessionTokens(t *testing.T) {
	const expired = "The security token included in the request is expired"
	for _, tt := range []struct {
		name      string
		presented string
		key       Key
		code      string
		message   string
	}{
		{"right", "tok", Key{Secret: testSecret, SessionToken: "tok"}, "", ""},
		{"right and not yet expired", "tok", Key{Secret: testSecret, SessionToken: "tok", Expires: testTime.Add(time.Second)}, "", ""},
		{"expired this second", "tok", Key{Secret: testSecret, SessionToken: "tok", Expires: testTime}, codeExpired, expired},
		{"wrong", "tok", Key{Secret: testSecret, SessionToken: "tik"}, codeUnrecognized, unknown},
		{"missing", "", Key{Secret: testSecret, SessionToken: "tok"}, codeUnrecognized, unknown},
		{"of a lasting key", "tok", Key{Secret: testSecret}, codeUnrecognized, unknown},
		{"wrong goes before expired", "tok", Key{Secret: testSecret, SessionToken: "tik", Expires: testTime}, codeUnrecognized, unknown},
		{"not compared", "tok", Key{Unverified: true, SessionToken: "tik"}, "", ""},
		{"not compared but expired", "tok", Key{Unverified: true, Expires: testTime}, codeExpired, expired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := newRequest(t, "POST", "/ListRooms", nil)
			signHeader(t, header, nil, tt.presented, testTime)
			query := presign(t, newRequest(t, "POST", "/ListRooms", nil), nil, tt.presented, testTime, "60")
			for _, r := range []*http.Request{header, query} {
				received, body := mustReceive(t, onWire(t, r))
				id, err := verifier(tt.key, testTime).Verify(received, body, "ivschat")
				if tt.code != "" {
					wantError(t, err, tt.code, tt.message)
					continue
				}
				if err != nil || id.SessionToken != tt.presented {
					t.Errorf("got %+v, %v", id, err)
				}
			}
		})
	}
}

// In development the signature may be anyone's, but nothing else is let through.
func TestUnverifiedKeyStillChecksForm(t *testing.T) {
	v := verifier(Key{Unverified: true}, testTime)
	forge := func(t *testing.T, r *http.Request) {
		before, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		r.Header.Set("Authorization", before+"Signature="+strings.Repeat("0", 64))
	}
	r, body := signedPost(t)
	forge(t, r)
	if id, err := v.Verify(r, body, "ivschat"); err != nil || id.AccessKeyID != testID {
		t.Errorf("got %+v, %v", id, err)
	}
	for _, tt := range []malformed{
		{"signature of no hex", auth("Signature=", "Signature=z"), codeInvalid, mismatch},
		{"signed header missing", auth("host;", "host;via;"), codeInvalid, mismatch},
		{"other service", auth("ivschat", "ivs"), codeInvalid, "Credential should be scoped to correct service: 'ivschat'."},
		{"old", all(header("X-Amz-Date", "20260915T115459Z")), codeInvalid, "Signature expired: 20260915T115459Z is now earlier than 20260915T115500Z (20260915T120000Z - 5 min.)"},
		{"wrong payload hash", all(header("X-Amz-Content-Sha256", hashOf(nil)), auth("host;", "host;x-amz-content-sha256;")), codeInvalid,
			"The provided 'x-amz-content-sha256' header does not match what was computed."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, body := signedPost(t)
			forge(t, r)
			tt.change(t, r)
			_, err := v.Verify(r, body, "ivschat")
			wantError(t, err, tt.code, tt.message)
		})
	}
}

func TestKeyStoreFailureIsNotTheCallersFault(t *testing.T) {
	down := errors.New("disk on fire")
	v := &Verifier{Now: func() time.Time { return testTime }, Lookup: failingLookup(down)}
	r, body := signedPost(t)
	_, err := v.Verify(r, body, "ivschat")
	var e *Error
	if !errors.Is(err, down) || errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
}
