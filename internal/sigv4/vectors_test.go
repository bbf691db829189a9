package sigv4

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	noNormalising  = "paths are not normalised: the front door refuses dot segments and empty segments before authentication"
	wrongSignature = "the published .sreq carries the signature of get-vanilla; its .authz, which is right, is checked"
	signedAfter    = "the session token was added after signing: every x-amz-* header and the whole query must be signed"
)

// notApplicable are the published cases whose signer follows another rule than
// this service's clients. They must be refused, not merely left out.
var notApplicable = map[string]struct{ why, code string }{
	// botocore
	"botocore/get-relative":                          {noNormalising, codeInvalid},
	"botocore/get-relative-relative":                 {noNormalising, codeInvalid},
	"botocore/get-slash":                             {noNormalising, codeInvalid},
	"botocore/get-slash-dot-slash":                   {noNormalising, codeInvalid},
	"botocore/get-slash-pointless-dot":               {noNormalising, codeInvalid},
	"botocore/get-slashes":                           {noNormalising, codeInvalid},
	"botocore/post-sts-header-after/signed":          {signedAfter, codeInvalid},
	"botocore/get-vanilla-with-session-token/signed": {wrongSignature, codeInvalid},
	// aws-c-auth
	"header/get-relative-normalized":            {noNormalising, codeInvalid},
	"header/get-relative-relative-normalized":   {noNormalising, codeInvalid},
	"header/get-slash-normalized":               {noNormalising, codeInvalid},
	"header/get-slash-dot-slash-normalized":     {noNormalising, codeInvalid},
	"header/get-slash-pointless-dot-normalized": {noNormalising, codeInvalid},
	"header/get-slashes-normalized":             {noNormalising, codeInvalid},
	"header/post-sts-header-after":              {signedAfter, codeInvalid},
	"query/get-relative-normalized":             {noNormalising, codeInvalid},
	"query/get-relative-relative-normalized":    {noNormalising, codeInvalid},
	"query/get-slash-normalized":                {noNormalising, codeInvalid},
	"query/get-slash-dot-slash-normalized":      {noNormalising, codeInvalid},
	"query/get-slash-pointless-dot-normalized":  {noNormalising, codeInvalid},
	"query/get-slashes-normalized":              {noNormalising, codeInvalid},
	"query/post-sts-header-after":               {signedAfter, codeInvalid},
}

// vector is one published case: a signed request and the steps to its signature.
type vector struct {
	request          string
	token            string
	canonicalRequest string
	stringToSign     string
}

func (c vector) run(t *testing.T, name string) {
	r, body := receiveVector(t, c.request)
	v := verifier(Key{Secret: testSecret, SessionToken: c.token}, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
	v.Regions = []string{"us-east-1"}
	id, err := v.Verify(r, body, "service")

	if na, ok := notApplicable[name]; ok {
		if err == nil {
			t.Fatalf("accepted, though not applicable: %s", na.why)
		}
		wantError(t, err, na.code, "")
		return
	}
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	want := Identity{
		AccessKeyID: testID, Region: "us-east-1", Service: "service", SessionToken: c.token,
		Date: time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), Presigned: IsPresigned(r),
	}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}

	p, err := v.parse(r)
	if err != nil {
		t.Fatal(err)
	}
	headers, ok := canonicalHeaders(r, p.signedNames, r.Host, len(body))
	if !ok {
		t.Fatal("a signed header is missing")
	}
	creq := canonicalRequest(r.Method, canonicalPaths(r)[0], p.canonicalQuery(), headers, p.signedHeaders, hashOf(body))
	if diff := cmp.Diff(c.canonicalRequest, creq); diff != "" {
		t.Errorf("canonical request (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.stringToSign, stringToSign(p, creq)); diff != "" {
		t.Errorf("string to sign (-want +got):\n%s", diff)
	}
}

// receiveVector reads a published request as a server would. A space in the
// path cannot come over HTTP/1, so that one case is put in place by hand.
func receiveVector(t *testing.T, text string) (*http.Request, []byte) {
	t.Helper()
	head, body, hasBody := strings.Cut(text, "\n\n")
	method, rest, _ := strings.Cut(head, " ")
	first, lines, _ := strings.Cut(rest, "\n")
	target := strings.TrimSuffix(first, " HTTP/1.1")
	onTheWire := strings.ReplaceAll(target, " ", "%20")
	r, _ := mustReceive(t, []byte(method+" "+onTheWire+" HTTP/1.1\r\n"+strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\r\n")+"\r\n\r\n"+body))
	if target != onTheWire {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.RequestURI = u, target
	}
	if !hasBody {
		return r, nil
	}
	return r, []byte(body)
}

func TestBotocoreVectors(t *testing.T) {
	dir := sharedData(t, "sigv4/botocore")
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".req" {
			return err
		}
		seen++
		base := strings.TrimSuffix(path, ".req")
		name := filepath.Base(base)
		request := strings.TrimRight(readText(t, base+".req"), "\n")
		head, body, _ := strings.Cut(request, "\n\n")
		// The publisher's .req leaves a credential's token for the signer to add.
		token := tokenOf(readText(t, base+".creq"))
		if token != "" && tokenOf(head) == "" {
			head += "\nX-Amz-Security-Token:" + token
		}
		c := vector{
			request:          head + "\nAuthorization: " + strings.TrimSpace(readText(t, base+".authz")) + "\n\n" + body,
			canonicalRequest: readText(t, base+".creq"),
			stringToSign:     readText(t, base+".sts"),
			token:            token,
		}
		t.Run(name, func(t *testing.T) { c.run(t, "botocore/"+name) })

		// The request as the publisher would send it is the second witness.
		c.request = readText(t, base+".sreq")
		c.token = tokenOf(c.request)
		t.Run(name+"/signed", func(t *testing.T) {
			key := "botocore/" + name
			if _, ok := notApplicable[key+"/signed"]; ok {
				key += "/signed"
			}
			c.run(t, key)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != 34 {
		t.Errorf("ran %d cases, want 34", seen)
	}
}

func tokenOf(request string) string {
	for line := range strings.Lines(request) {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "x-amz-security-token") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestAWSCAuthVectors(t *testing.T) {
	dir := sharedData(t, "sigv4/aws-c-auth/v4")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 38 {
		t.Errorf("found %d cases, want 38", len(entries))
	}
	for _, entry := range entries {
		for _, form := range []string{"header", "query"} {
			t.Run(form+"/"+entry.Name(), func(t *testing.T) {
				at := filepath.Join(dir, entry.Name())
				var options struct {
					Credentials struct {
						AccessKeyID     string `json:"access_key_id"`
						SecretAccessKey string `json:"secret_access_key"`
						Token           string `json:"token"`
					} `json:"credentials"`
					Region    string    `json:"region"`
					Service   string    `json:"service"`
					Timestamp time.Time `json:"timestamp"`
				}
				if err := json.Unmarshal([]byte(readText(t, at, "context.json")), &options); err != nil {
					t.Fatal(err)
				}
				creds := options.Credentials
				if creds.AccessKeyID != testID || creds.SecretAccessKey != testSecret || options.Region != "us-east-1" ||
					options.Service != "service" || !options.Timestamp.Equal(time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)) {
					t.Fatalf("a context this test does not set up: %+v", options)
				}
				vector{
					request:          readText(t, at, form+"-signed-request.txt"),
					token:            creds.Token,
					canonicalRequest: readText(t, at, form+"-canonical-request.txt"),
					stringToSign:     readText(t, at, form+"-string-to-sign.txt"),
				}.run(t, form+"/"+entry.Name())
			})
		}
	}
}

func TestEveryNotApplicableVectorExists(t *testing.T) {
	botocore, awsc := sharedData(t, "sigv4/botocore"), sharedData(t, "sigv4/aws-c-auth/v4")
	for name := range notApplicable {
		family, rest, _ := strings.Cut(name, "/")
		rest = strings.TrimSuffix(rest, "/signed")
		patterns := []string{filepath.Join(awsc, rest)}
		if family == "botocore" {
			patterns = []string{filepath.Join(botocore, rest), filepath.Join(botocore, "*", rest)}
		}
		if !slices.ContainsFunc(patterns, func(p string) bool { m, _ := filepath.Glob(p); return len(m) > 0 }) {
			t.Errorf("%s names no published case", name)
		}
	}
}

// The double encoding of this service's clients, over a request that boto3 1.43
// would send; the canonical path is worked out by hand.
func TestTagsPathIsEncodedTwice(t *testing.T) {
	r := newRequest(t, "GET", "/tags/arn%3Aaws%3Aivschat%3Aus-west-2%3A123456789012%3Aroom%2FabcdABCDefgh", nil)
	want := []string{"/tags/arn%253Aaws%253Aivschat%253Aus-west-2%253A123456789012%253Aroom%252FabcdABCDefgh"}
	if diff := cmp.Diff(want, canonicalPaths(r)); diff != "" {
		t.Error(diff)
	}
}

func TestLookupGetsTheRequestsContext(t *testing.T) {
	type mark struct{}
	r, body := signedPost(t)
	r = r.WithContext(context.WithValue(t.Context(), mark{}, "here"))
	v := verifier(Key{}, testTime)
	v.Lookup = func(ctx context.Context, id string) (Key, error) {
		if ctx.Value(mark{}) != "here" || id != testID {
			t.Errorf("Lookup(%v, %q)", ctx, id)
		}
		return Key{Secret: testSecret}, nil
	}
	if _, err := v.Verify(r, body, "ivschat"); err != nil {
		t.Error(err)
	}
}
