package ivschat

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
)

// recording is one call as botocore signs it; testdata/record.py makes them.
type recording struct {
	Operation string
	Python    string
	Input     map[string]json.RawMessage
	Token     string
	Request   struct{ Method, URL, Body, Authorization string }
	Presigned string
}

func recordings(t *testing.T) (all []recording) {
	t.Helper()
	text, err := os.ReadFile("testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// input returns the recorded input, typed.
func (r recording) input(t *testing.T) input {
	t.Helper()
	in := newInput(r.Operation)
	v := reflect.ValueOf(in).Elem()
	for name, text := range r.Input {
		f, ok := wireFields(v.Type())[name]
		if !ok {
			t.Fatalf("%s has no %s", r.Operation, name)
		}
		if err := json.Unmarshal(text, v.FieldByIndex(f.field.Index).Addr().Interface()); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(req *http.Request) (*http.Response, error) { return d(req) }

func recordedClient(r recording, do doer) *Client {
	endpoint := "http://127.0.0.1:7878"
	return New(Options{
		Region:       "us-west-2",
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", r.Token),
		HTTPClient:   do,
	})
}

// In a bubble the clock stands where the recordings were made.
func TestRequestsAreSignedAsByBotocore(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range recordings(t) {
		seen[r.Operation] = true
		synctest.Test(t, func(t *testing.T) {
			var got recording
			client := recordedClient(r, func(req *http.Request) (*http.Response, error) {
				got.Request.Method, got.Request.URL = req.Method, req.URL.String()
				got.Request.Authorization = req.Header.Get("Authorization")
				if req.Body != nil {
					body, err := io.ReadAll(req.Body)
					if err != nil {
						return nil, err
					}
					got.Request.Body = string(body)
				}
				return &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Body: io.NopCloser(strings.NewReader("{}"))}, nil
			})
			method := reflect.ValueOf(client).MethodByName(r.Operation)
			results := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(r.input(t))})
			if err := results[1].Interface(); err != nil {
				t.Fatalf("%s: %v", r.Operation, err)
			}
			if diff := cmp.Diff(r.Request, got.Request); diff != "" {
				t.Errorf("%s (-botocore +sent):\n%s", r.Operation, diff)
			}
		})
	}
	if len(seen) != len(Operations()) {
		t.Errorf("%d operations are recorded, not %d", len(seen), len(Operations()))
	}
}

func TestPresignedURLsAreBotocores(t *testing.T) {
	for _, r := range recordings(t) {
		for _, name := range []string{r.Operation, r.Python} {
			synctest.Test(t, func(t *testing.T) {
				got, err := recordedClient(r, nil).GeneratePresignedURL(context.Background(), name, r.input(t), 10*time.Minute, "")
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if diff := cmp.Diff(canonical(t, r.Presigned), canonical(t, got)); diff != "" {
					t.Errorf("%s (-botocore +ours):\n%s", name, diff)
				}
			})
		}
	}
}

// canonical returns scheme, host, path and the sorted parameters of a URL.
func canonical(t *testing.T, text string) []string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	pairs := strings.Split(u.RawQuery, "&")
	slices.Sort(pairs)
	return append([]string{u.Scheme, u.Host, u.EscapedPath()}, pairs...)
}
