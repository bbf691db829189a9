package api_test

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/api"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/ivschat"
)

const identityForm = "Action=GetCallerIdentity&Version=2011-06-15"

// form signs a query-protocol request as botocore sends it.
func (s *server) form(body string) *http.Request {
	s.Helper()
	r := s.request(http.MethodPost, "/", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return s.sign(r, body, "sts")
}

func TestGetCallerIdentity(t *testing.T) {
	s := newServer(t)
	get := s.sign(s.request(http.MethodGet, "/?"+identityForm, ""), "", "sts")
	for name, r := range map[string]*http.Request{
		"form":         s.form(identityForm),
		"other order":  s.form("Version=2011-06-15&Action=GetCallerIdentity"),
		"no version":   s.form("Action=GetCallerIdentity"),
		"GET":          get,
		"POST a query": s.sign(s.request(http.MethodPost, "/?"+identityForm, ""), "", "sts"),
		"presigned":    s.presigned(http.MethodGet, "/", url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}, "", "sts"),
	} {
		t.Run(name, func(t *testing.T) {
			got := s.send(r)
			s.checkHeaders(got)
			want := `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
				`<Arn>arn:aws:iam::123456789012:user/bob</Arn><UserId>` + accessKeyID + `</UserId><Account>123456789012</Account>` +
				`</GetCallerIdentityResult><ResponseMetadata><RequestId>` + got.header.Get("X-Amzn-Requestid") + `</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
			if got.status != http.StatusOK || got.header.Get("Content-Type") != "text/xml" || got.body != want {
				t.Errorf("status %d, %s\nwant %s", got.status, got.body, want)
			}
		})
	}
}

func TestGetCallerIdentityRefuses(t *testing.T) {
	denied := func(o *api.Options) {
		o.Allow = func(principal.Principal, string) error { return ivschat.Throttled("", 1) }
	}
	plain, throttled := newServer(t), newServer(t, denied)
	unsigned := func(s *server, body string) *http.Request {
		r := s.form(body)
		r.Header.Del("Authorization")
		return r
	}
	wrong := plain.form(identityForm)
	wrong.Header.Set("Authorization", strings.Replace(wrong.Header.Get("Authorization"), accessKeyID, "AKIAIOSFODNN8EXAMPLE", 1))
	mismatch := plain.form(identityForm)
	mismatch.Body, mismatch.GetBody, mismatch.ContentLength = nil, nil, 0
	for _, tt := range []struct {
		name    string
		s       *server
		request *http.Request
		status  int
		code    string
	}{
		{"not signed", plain, unsigned(plain, identityForm), 403, "MissingAuthenticationToken"},
		{"not signed, no action", plain, unsigned(plain, ""), 403, "MissingAuthenticationToken"},
		{"signed for chat", plain, plain.sign(unsigned(plain, identityForm), identityForm, ivschat.ServiceID), 403, "SignatureDoesNotMatch"},
		{"unknown key", plain, wrong, 403, "InvalidClientTokenId"},
		{"body gone", plain, mismatch, 403, ""},
		{"another action", plain, plain.form("Action=AssumeRole&Version=2011-06-15"), 400, "InvalidAction"},
		{"another case", plain, plain.form("Action=getcalleridentity&Version=2011-06-15"), 400, "InvalidAction"},
		{"another version", plain, plain.form("Action=GetCallerIdentity&Version=2010-05-08"), 400, "InvalidAction"},
		{"markup in the action", plain, plain.form("Action=%3Cb%3E%00%ff" + strings.Repeat("x", 1000)), 400, "InvalidAction"},
		{"no action", plain, plain.form("Version=2011-06-15"), 400, "MissingAction"},
		{"two actions", plain, plain.form(identityForm + "&Action=AssumeRole"), 400, "MalformedQueryString"},
		{"no form", plain, plain.form("Action=%zz"), 400, "MalformedQueryString"},
		{"JSON", plain, plain.form(`{"Action":"GetCallerIdentity"}`), 400, "MissingAction"},
		{"too long", plain, plain.form("Action=" + strings.Repeat("x", 300_000)), 413, "RequestEntityTooLargeException"},
		{"throttled", throttled, throttled.form(identityForm), 429, "Throttling"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.s.send(tt.request)
			tt.s.checkHeaders(got)
			var e struct {
				XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
				Error   struct{ Type, Code, Message string }
				Request string `xml:"RequestId"`
			}
			if err := xml.Unmarshal([]byte(got.body), &e); err != nil {
				t.Fatalf("%v: %s", err, got.body)
			}
			if got.status != tt.status || tt.code != "" && e.Error.Code != tt.code || e.Error.Type != "Sender" || e.Error.Message == "" ||
				e.Request != got.header.Get("X-Amzn-Requestid") || got.header.Get("X-Amzn-Errortype") != e.Error.Code {
				t.Errorf("status %d, %s", got.status, got.body)
			}
			if len(got.body) > 1000 {
				t.Errorf("the answer has %d bytes", len(got.body))
			}
			plain.serves()
		})
	}
}
