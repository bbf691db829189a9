package api_test

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/api"
	"github.com/parleychat/parley/ivschat"
)

// refusal is a request that must be refused, and how.
type refusal struct {
	name   string
	send   func(s *server) reply
	status int
	code   string
	member string
}

func (tt refusal) run(t *testing.T, s *server) {
	t.Run(tt.name, func(t *testing.T) {
		at := *s
		at.TB = t
		at.refused(tt.send(&at), tt.status, tt.code, tt.member)
		at.serves()
	})
}

func post(operation, body string) func(s *server) reply {
	return func(s *server) reply { return s.send(s.signed(http.MethodPost, "/"+operation, body)) }
}

func with(method, target, body string, change func(*http.Request)) func(s *server) reply {
	return func(s *server) reply {
		r := s.signed(method, target, body)
		change(r)
		return s.send(r)
	}
}

// raw sends bytes that no client library would.
func raw(text string) func(s *server) reply {
	return func(s *server) reply {
		s.Helper()
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			s.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(text)); err != nil {
			s.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			s.Fatal(err)
		}
		return s.read(resp)
	}
}

func TestUnsignedAndBadlySigned(t *testing.T) {
	s := newServer(t)
	const body = `{"identifier":"` + room + `"}`
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	authorization := func(old, with string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
		}
	}
	getRoom := func(change func(*http.Request)) func(*server) reply {
		return with(http.MethodPost, "/GetRoom", body, change)
	}
	presigned := func(change func(q url.Values)) func(*server) reply {
		return func(s *server) reply {
			r := s.presigned(http.MethodPost, "/GetRoom", url.Values{"identifier": {room}}, "", ivschat.ServiceID)
			q := r.URL.Query()
			change(q)
			r.URL.RawQuery = q.Encode()
			return s.send(r)
		}
	}
	const missing, incomplete, invalid, unknown = "MissingAuthenticationTokenException", "IncompleteSignatureException",
		"InvalidSignatureException", "UnrecognizedClientException"
	for _, tt := range []refusal{
		{"no signature", func(s *server) reply { return s.send(s.request(http.MethodPost, "/GetRoom", body)) }, 403, missing, ""},
		{"no signature, malformed body", func(s *server) reply { return s.send(s.request(http.MethodPost, "/GetRoom", "{")) }, 403, missing, ""},
		{"empty header", getRoom(header("Authorization", " ")), 403, missing, ""},
		{"another scheme", getRoom(header("Authorization", "Bearer x")), 403, incomplete, ""},
		{"basic", getRoom(header("Authorization", "Basic dXNlcjpwYXNz")), 403, incomplete, ""},
		{"no parts", getRoom(header("Authorization", "AWS4-HMAC-SHA256")), 403, incomplete, ""},
		{"no credential", getRoom(authorization("Credential=", "Credentials=")), 403, incomplete, ""},
		{"other algorithm", getRoom(authorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")), 403, incomplete, ""},
		{"unknown key", getRoom(authorization(accessKeyID, "AKIAIOSFODNN8EXAMPLE")), 403, unknown, ""},
		{"other region", getRoom(authorization("/us-west-2/", "/eu-west-1/")), 403, invalid, ""},
		{"other service", func(s *server) reply {
			return s.send(s.sign(s.request(http.MethodPost, "/GetRoom", body), body, "sts"))
		}, 403, invalid, ""},
		{"other signature", getRoom(authorization("Signature=", "Signature=0")), 403, invalid, ""},
		{"other date", getRoom(header("X-Amz-Date", "20000101T000000Z")), 403, invalid, ""},
		{"no date", getRoom(func(r *http.Request) { r.Header.Del("X-Amz-Date") }), 403, incomplete, ""},
		{"bad date", getRoom(header("X-Amz-Date", "now")), 403, incomplete, ""},
		{"session token that was not signed", getRoom(header("X-Amz-Security-Token", "x")), 403, "", ""},
		{"other path", getRoom(func(r *http.Request) { r.URL.Path = "/DeleteRoom" }), 403, invalid, ""},
		{"other query", getRoom(func(r *http.Request) { r.URL.RawQuery = "x=y" }), 403, invalid, ""},
		{"other host", getRoom(func(r *http.Request) { r.Host = "example.com" }), 403, invalid, ""},
		{"other body", func(s *server) reply {
			return s.send(s.sign(s.request(http.MethodPost, "/GetRoom", body), "{}", ivschat.ServiceID))
		}, 403, invalid, ""},
		{"other method", func(s *server) reply {
			r := s.signed(http.MethodGet, "/tags/"+escapedRoom, "")
			r.Method = http.MethodDelete
			return s.send(r)
		}, 403, invalid, ""},
		{"presigned, other member", presigned(func(q url.Values) { q.Set("identifier", logging) }), 403, invalid, ""},
		{"presigned, one more member", presigned(func(q url.Values) { q.Set("x", "") }), 403, invalid, ""},
		{"presigned, no credential", presigned(func(q url.Values) { q.Del("X-Amz-Credential") }), 403, incomplete, ""},
		{"presigned for too long", presigned(func(q url.Values) { q.Set("X-Amz-Expires", "604801") }), 403, "", ""},
		{"presigned, with a header too", func(s *server) reply {
			r := s.presigned(http.MethodPost, "/GetRoom", url.Values{"identifier": {room}}, "", ivschat.ServiceID)
			return s.send(s.sign(r, "", ivschat.ServiceID))
		}, 403, "", ""},
	} {
		if tt.code != "" {
			tt.run(t, s)
			continue
		}
		// Which code of the family is the signature package's to say.
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.send(s); got.status != tt.status || got.header.Get("X-Amzn-Errortype") == "" || len(s.taken()) > 0 {
				t.Errorf("status %d, %s", got.status, got.body)
			}
			s.serves()
		})
	}
}

func TestPaths(t *testing.T) {
	s := newServer(t)
	line := func(method, target string) func(*server) reply {
		return raw(method + " " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	}
	const unknown, bad = "UnknownOperationException", "ValidationException"
	for _, tt := range []refusal{
		{"no such operation", line("POST", "/StartRoom"), 404, unknown, ""},
		{"signed, no such operation", post("StartRoom", "{}"), 404, unknown, ""},
		{"another case", line("POST", "/createroom"), 404, unknown, ""},
		{"slash at the end", line("POST", "/CreateRoom/"), 404, unknown, ""},
		{"deeper", line("POST", "/CreateRoom/x"), 404, unknown, ""},
		{"below a prefix", line("POST", "/api/CreateRoom"), 404, unknown, ""},
		{"escaped letters", line("POST", "/Create%52oom"), 404, unknown, ""},
		{"escaped slash at the end", line("POST", "/CreateRoom%2F"), 400, bad, ""},
		{"escaped slash, lower case", line("POST", "/x%2fCreateRoom"), 400, bad, ""},
		{"escaped backslash", line("POST", "/x%5cCreateRoom"), 400, bad, ""},
		{"two slashes", line("POST", "//CreateRoom"), 400, bad, ""},
		{"two slashes behind", line("POST", "/CreateRoom//"), 400, bad, ""},
		{"two slashes in tags", line("GET", "/tags//"+escapedRoom), 400, bad, ""},
		{"dot", line("POST", "/./CreateRoom"), 400, bad, ""},
		{"dot behind", line("POST", "/CreateRoom/."), 400, bad, ""},
		{"dots", line("POST", "/x/../CreateRoom"), 400, bad, ""},
		{"dots behind", line("POST", "/CreateRoom/.."), 400, bad, ""},
		{"escaped dots", line("POST", "/x/%2e%2E/CreateRoom"), 400, bad, ""},
		{"half escaped dots", line("POST", "/x/.%2e/CreateRoom"), 400, bad, ""},
		{"dots out of tags", line("GET", "/tags/../CreateRoom"), 400, bad, ""},
		{"dots in an ARN", line("GET", "/tags/arn:aws:ivschat:us-west-2:123456789012:room/../x"), 400, bad, ""},
		{"escaped NUL", line("POST", "/CreateRoom%00"), 400, bad, ""},
		{"escaped NUL in tags", line("GET", "/tags/"+escapedRoom+"%00"), 400, bad, ""},
		{"escaped newline", line("POST", "/CreateRoom%0a"), 400, bad, ""},
		{"escaped DEL", line("POST", "/CreateRoom%7F"), 400, bad, ""},
		{"tags without ARN", line("GET", "/tags/"), 404, unknown, ""},
		{"tags without slash", line("GET", "/tags"), 404, unknown, ""},
		{"PUT on tags", line("PUT", "/tags/"+escapedRoom), 404, unknown, ""},
		{"GET of an operation", line("GET", "/CreateRoom"), 404, unknown, ""},
		{"OPTIONS of an operation", line("OPTIONS", "/CreateRoom"), 404, unknown, ""},
		{"lower-case method", line("post", "/CreateRoom"), 404, unknown, ""},
		{"root", line("GET", "/"), 404, unknown, ""},
		{"POST to the root", line("POST", "/"), 404, unknown, ""},
		{"root with a query", line("GET", "/?x=Action"), 404, unknown, ""},
		{"DELETE of the root", line("DELETE", "/?Action=GetCallerIdentity"), 404, unknown, ""},
		{"letters that are not ASCII", line("POST", "/CréateRoom"), 404, unknown, ""},
		{"very long", line("POST", "/"+strings.Repeat("x", 8000)), 404, unknown, ""},
		{"many slashes", line("POST", strings.Repeat("/", 8000)), 400, bad, ""},
		{"absolute form", line("POST", "http://example.com/StartRoom"), 404, unknown, ""},
		{"favicon", line("GET", "/favicon.ico"), 404, unknown, ""},
	} {
		tt.run(t, s)
	}
}

func TestSizes(t *testing.T) {
	s := newServer(t, func(o *api.Options) { o.MaxBody = 1000 })
	padded := func(n int) string {
		body := `{"identifier":"` + room + `","x":""}`
		return strings.Replace(body, `""`, `"`+strings.Repeat("x", n-len(body))+`"`, 1)
	}
	chunked := func(body string) func(*server) reply {
		return with(http.MethodPost, "/GetRoom", body, func(r *http.Request) { r.ContentLength = -1 })
	}
	head := "POST /GetRoom HTTP/1.1\r\nHost: x\r\n"
	const code = "RequestEntityTooLargeException"
	for _, tt := range []refusal{
		{"one byte too long", post("GetRoom", padded(1001)), 413, code, ""},
		{"much too long", post("GetRoom", padded(2_000_000)), 413, code, ""},
		{"said to be long", raw(head + "Content-Length: 9223372036854775807\r\n\r\n"), 413, code, ""},
		{"chunked", chunked(padded(1001)), 413, code, ""},
		{"chunked, much too long", chunked(padded(2_000_000)), 413, code, ""},
		{"chunked without end", raw(head + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + padded(5000)), 413, code, ""},
		{"bad chunk", raw(head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400, "SerializationException", ""},
		{"bad chunk end", raw(head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx"), 400, "SerializationException", ""},
	} {
		tt.run(t, s)
	}
	if got := s.send(s.signed(http.MethodPost, "/GetRoom", padded(1000))); got.status != http.StatusOK {
		t.Errorf("a body of the most bytes: status %d, %s", got.status, got.body)
	}
}

// What net/http refuses before it comes to us: the connection must end and the
// service see nothing.
func TestDesynchronisingRequests(t *testing.T) {
	s := newServer(t)
	next := "POST /StartRoom HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	for name, text := range map[string]string{
		"two lengths":         "POST /GetRoom HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}" + next,
		"negative length":     "POST /GetRoom HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}" + next,
		"length with plus":    "POST /GetRoom HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}" + next,
		"unknown encoding":    "POST /GetRoom HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n" + next,
		"two encodings":       "POST /GetRoom HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + next,
		"no host":             "POST /GetRoom HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}" + next,
		"two hosts":           "POST /GetRoom HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 2\r\n\r\n{}" + next,
		"space before colon":  "POST /GetRoom HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\n{}" + next,
		"raw control in path": "POST /Get\x01Room HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" + next,
		"raw space in path":   "POST /Get Room HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" + next,
		"bad escape in path":  "POST /tags/%zz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" + next,
		"NUL in a header":     "POST /GetRoom HTTP/1.1\r\nHost: x\r\nX: \x00\r\nContent-Length: 2\r\n\r\n{}" + next,
		"no HTTP":             "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := raw(text)(s)
			if got.status != http.StatusBadRequest && got.status != http.StatusNotImplemented {
				t.Errorf("status %d, %s", got.status, got.body)
			}
			if calls := s.taken(); len(calls) > 0 {
				t.Errorf("the service was called: %v", calls)
			}
			s.serves()
		})
	}
}

// A length beside chunks is how requests are smuggled past a proxy that goes
// by the other of the two. net/http hides the length, and chunks count: so the
// connection ends, and what was smuggled is never read.
func TestLengthAndChunks(t *testing.T) {
	s := newServer(t)
	text := "POST /StartRoom HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	got := raw(text)(s)
	s.refused(got, http.StatusNotFound, "UnknownOperationException", "")
	if !got.last {
		t.Error("the connection stays open")
	}
	s.serves()
}
