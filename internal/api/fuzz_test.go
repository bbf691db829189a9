package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/api"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/ivschat"
)

// FuzzRequests sends what a signer may send: whatever it is, it is served or
// refused, and never our fault.
func FuzzRequests(f *testing.F) {
	for _, tt := range operationTests() {
		f.Add(tt.method, tt.target, tt.body, false)
	}
	f.Add(http.MethodPost, "/CreateRoom?tags=%7B%27k%27%3A%20%27v%27%7D&maximumMessageLength=5", "", true)
	f.Add(http.MethodPost, "/?Action=GetCallerIdentity", "Action=x", false)
	s := &service{}
	presigned := false
	o := options(s, io.Discard)
	o.Verify = func(_ *http.Request, _ []byte, service string) (sigv4.Identity, error) {
		return sigv4.Identity{AccessKeyID: accessKeyID, Region: region, Service: service, Presigned: presigned}, nil
	}
	handler := api.New(o)
	f.Fuzz(func(t *testing.T, method, target, body string, inQuery bool) {
		u, err := url.ParseRequestURI(target)
		if err != nil || method == http.MethodHead {
			return
		}
		presigned = inQuery
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		calls := s.taken()
		if w.Code >= 500 || (w.Code < 300) != (w.Header().Get("X-Amzn-Errortype") == "") || w.Code >= 300 && len(calls) > 0 {
			t.Errorf("status %d, %s, calls %v", w.Code, w.Body, calls)
		}
		for _, c := range calls {
			if fields := c.Input.(interface {
				Validate() []ivschat.ValidationExceptionField
			}).Validate(); len(fields) > 0 {
				t.Errorf("%s was called with %+v: %v", c.Operation, c.Input, fields)
			}
		}
		if w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s is no JSON", w.Body)
		}
	})
}
