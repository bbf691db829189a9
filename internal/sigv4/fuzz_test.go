package sigv4

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signHash signs r over a payload hash of the caller's choosing.
func signHash(t testing.TB, r *http.Request, payloadHash string) {
	t.Helper()
	creds := aws.Credentials{AccessKeyID: testID, SecretAccessKey: testSecret}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, payloadHash, "ivschat", testRegion, testTime); err != nil {
		t.Fatal(err)
	}
}

// verifyTwice is the fuzz targets' question. With signatures not compared, the
// form of what the fuzzer made may pass; then it must pass again with the same
// outcome, and what it claims to be (key id, region, time) must be something
// that AWS's signer can sign and a comparing verifier takes.
func verifyTwice(t *testing.T, r *http.Request, body []byte) {
	v := verifier(Key{}, testTime)
	v.Lookup = func(ctx context.Context, id string) (Key, error) { return Key{Unverified: true}, nil }
	id, err := v.Verify(r, body, "ivschat")
	again, errAgain := v.Verify(r, body, "ivschat")
	if id != again || (err == nil) != (errAgain == nil) {
		t.Fatalf("first %+v, %v; then %+v, %v", id, err, again, errAgain)
	}

	v.Lookup = func(ctx context.Context, id string) (Key, error) { return Key{Secret: testSecret}, nil }
	if strict, strictErr := v.Verify(r, body, "ivschat"); strictErr == nil && (err != nil || strict != id) {
		t.Fatalf("accepted only when compared: %+v, %v", strict, err)
	}
	if err != nil {
		return
	}
	if id.Service != "ivschat" || !isRegion(id.Region) || strings.Contains(id.AccessKeyID, "/") || id.Presigned != IsPresigned(r) {
		t.Fatalf("accepted %+v", id)
	}
	if !id.Presigned && testTime.Sub(id.Date).Abs() > defaultSkew {
		t.Fatalf("accepted a date of %s", id.Date)
	}

	if id.Presigned || strings.Contains(id.AccessKeyID, ",") || strings.Trim(id.AccessKeyID, " \t") != id.AccessKeyID {
		return // such an id has no place in an Authorization header
	}
	signed := newRequest(t, "POST", "/ListRooms", nil)
	creds := aws.Credentials{AccessKeyID: id.AccessKeyID, SecretAccessKey: testSecret}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, signed, hashOf(nil), "ivschat", id.Region, id.Date); err != nil {
		t.Fatal(err)
	}
	got, err := v.Verify(signed, nil, "ivschat")
	if err != nil || got.AccessKeyID != id.AccessKeyID || got.Region != id.Region || !got.Date.Equal(id.Date) {
		t.Fatalf("accepted %+v, but signed anew: %+v, %v", id, got, err)
	}
}

func FuzzAuthorization(f *testing.F) {
	r, _ := signedPost(f)
	f.Add(r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"), "", "x-amz-user-agent", "aws-sdk-js/3")
	f.Add("AWS4-HMAC-SHA256 Credential=a b/20260915/x/ivschat/aws4_request,SignedHeaders=date;host,Signature="+strings.Repeat("0", 64),
		"", "Tue, 15 Sep 2026 12:00:00 GMT", "x", "  a   b ")
	f.Add("AWS4-HMAC-SHA256 Credential=, Signature=, SignedHeaders=,", "20260915T120000.0Z", "", "", "")
	f.Add("AWS4-HMAC-SHA256 Credential=/////", "20260915T120000Z", "20260915T120000Z", "x-amz-security-token", "t")
	f.Fuzz(func(t *testing.T, authorization, amzDate, date, name, value string) {
		r, body := signedPost(t)
		r.Header = http.Header{"Authorization": {authorization}, "Content-Type": {"application/json"}}
		for name, value := range map[string]string{"X-Amz-Date": amzDate, "Date": date, name: value} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		verifyTwice(t, r, body)
	})
}

func FuzzPresignedQuery(f *testing.F) {
	r, _ := presignedPost(f)
	f.Add(r.URL.RawQuery)
	f.Add(r.URL.RawQuery + "&X-Amz-Security-Token=a%2Fb&tagKeys=b&tagKeys=a&&=&x")
	f.Add(strings.Replace(r.URL.RawQuery, "host", "host;x-amz-date", 1))
	f.Add("X-Amz-Signature=%zz")
	f.Fuzz(func(t *testing.T, raw string) {
		r, body := presignedPost(t)
		r.URL.RawQuery = raw
		verifyTwice(t, r, body)
	})
}

// FuzzCanonicalQuery: members verified are the members used, and the canonical
// form is its own canonical form and the AWS signer's.
func FuzzCanonicalQuery(f *testing.F) {
	for _, seed := range []string{"", "a=1&b=2", "tagKeys=b&tagKeys=a", "a=x+y&a=x%20y&a=x%2By", "=&&a&=b", "%E1%88%B4=Value1&Param=Value2&Param-3=Value3",
		"ሴ=bar", "a/b=1&a-b=2&a%2fb=0", "a;b=c", "%", "a=%f", "a==b", "\x00=\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		pairs, ok := parseQuery(raw)
		want, err := url.ParseQuery(raw)
		if len(pairs) == maxMembers || len(raw) > 10*maxMembers {
			return
		}
		if ok != (err == nil) {
			t.Fatalf("parseQuery(%q) = %v, url.ParseQuery: %v", raw, ok, err)
		}
		if !ok {
			return
		}
		got := url.Values{}
		for _, p := range pairs {
			got.Add(p.key, p.value)
		}
		if len(got) != len(want) {
			t.Fatalf("members %q, want %q", got, want)
		}
		for key := range want {
			if !slices.Equal(got[key], want[key]) {
				t.Fatalf("member %q: %q, want %q", key, got[key], want[key])
			}
		}

		canonical := (&presented{query: pairs}).canonicalQuery()
		pairs, ok = parseQuery(canonical)
		if again := (&presented{query: pairs}).canonicalQuery(); !ok || again != canonical {
			t.Fatalf("canonical form of %q is %q, and of that %q", raw, canonical, again)
		}

		r := newRequest(t, "POST", "/ListRooms", nil)
		r.URL.RawQuery = raw
		if IsPresigned(r) {
			return
		}
		signHash(t, r, hashOf(nil)) // leaves the signer's own form behind
		if r.URL.RawQuery != canonical {
			t.Fatalf("canonical form of %q is %q, AWS's signer has %q", raw, canonical, r.URL.RawQuery)
		}
		r.URL.RawQuery = raw
		if _, err := verifier(Key{Secret: testSecret}, testTime).Verify(r, nil, "ivschat"); err != nil {
			t.Fatalf("query %q: %v", raw, err)
		}
	})
}
