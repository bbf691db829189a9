package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	testID     = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testRegion = "us-west-2"
	testARN    = "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
)

var testTime = time.Date(2026, 9, 15, 12, 0, 0, 0, time.UTC)

// verifier knows one key, and the time.
func verifier(key Key, now time.Time) *Verifier {
	return &Verifier{
		Now: func() time.Time { return now },
		Lookup: func(_ context.Context, id string) (Key, error) {
			if id != testID {
				return Key{}, ErrUnknownKey
			}
			return key, nil
		},
	}
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// newRequest is a client's request, target being path and query as sent.
func newRequest(t testing.TB, method, target string, body []byte) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, "https://chat.example.com"+target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func signHeader(t testing.TB, r *http.Request, body []byte, token string, at time.Time) {
	t.Helper()
	creds := aws.Credentials{AccessKeyID: testID, SecretAccessKey: testSecret, SessionToken: token}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, hashOf(body), "ivschat", testRegion, at); err != nil {
		t.Fatal(err)
	}
}

// presign returns the request that carries r's signature in its query.
func presign(t testing.TB, r *http.Request, body []byte, token string, at time.Time, expires string) *http.Request {
	t.Helper()
	query := r.URL.Query()
	query.Set("X-Amz-Expires", expires)
	r.URL.RawQuery = query.Encode()
	creds := aws.Credentials{AccessKeyID: testID, SecretAccessKey: testSecret, SessionToken: token}
	signed, headers, err := v4.NewSigner().PresignHTTP(t.Context(), creds, r, hashOf(body), "ivschat", testRegion, at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	p := newRequest(t, r.Method, u.RequestURI(), body)
	for name, values := range headers {
		if name != "Host" && name != "Content-Length" {
			p.Header[name] = values
		}
	}
	return p
}

// onWire writes a client's request as its bytes.
func onWire(t testing.TB, r *http.Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// receive reads a request as a server does.
func receive(wire []byte) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	return r, body, nil
}

func mustReceive(t testing.TB, wire []byte) (*http.Request, []byte) {
	t.Helper()
	r, body, err := receive(wire)
	if err != nil {
		t.Fatalf("read request: %v\n%s", err, wire)
	}
	return r, body
}

// signedPost is a signed CreateRoom as a server receives it.
func signedPost(t testing.TB) (*http.Request, []byte) {
	t.Helper()
	body := []byte(`{"name":"lobby"}`)
	r := newRequest(t, "POST", "/CreateRoom", body)
	r.Header.Set("Content-Type", "application/json")
	signHeader(t, r, body, "", testTime)
	return mustReceive(t, onWire(t, r))
}

// presignedPost is a presigned GetRoom as a server receives it.
func presignedPost(t testing.TB) (*http.Request, []byte) {
	t.Helper()
	r := presign(t, newRequest(t, "POST", "/GetRoom?identifier="+url.QueryEscape(testARN), nil), nil, "", testTime, "900")
	return mustReceive(t, onWire(t, r))
}

// wantError checks the code and, if message is not empty, the whole message.
func wantError(t testing.TB, err error, code, message string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want %s", err, code)
	}
	if e.Code != code || message != "" && e.Message != message {
		t.Fatalf("got  %s: %s\nwant %s: %s", e.Code, e.Message, code, message)
	}
}

// sharedData is a folder of ../shared/data, which lies beside the repository.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			t.Fatal("no go.mod above the working directory")
		}
		root = filepath.Dir(root)
	}
	dir := filepath.Join(root, "..", "shared", "data", name)
	if _, err := os.Stat(dir); err != nil {
		why := fmt.Sprintf("PUBLISHED VECTORS NOT CHECKED: %s is absent", filepath.Join("../shared/data", name))
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	return dir
}

func readText(t testing.TB, elem ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// signByHand signs with this package's own steps what AWS's signer cannot be
// asked for; the published vectors vouch for the steps.
func signByHand(r *http.Request, names []string, body []byte, at time.Time) {
	p := &presented{timestamp: at.Format(timeFormat), scopeDay: at.Format("20060102"), region: testRegion, service: "ivschat",
		signedHeaders: strings.Join(names, ";")}
	headers, _ := canonicalHeaders(r, names, r.Host, len(body))
	creq := canonicalRequest(r.Method, canonicalPaths(r)[0], "", headers, p.signedHeaders, hashOf(body))
	key := deriveKey(keyID{testID, testSecret, p.scopeDay, p.region, p.service})
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s/%s/%s/%s, SignedHeaders=%s, Signature=%x",
		algorithm, testID, p.scopeDay, p.region, p.service, terminator, p.signedHeaders, sign(key, stringToSign(p, creq))))
}
