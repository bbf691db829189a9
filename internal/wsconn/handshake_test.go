package wsconn

import (
	"bufio"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHandshakes(t *testing.T) {
	u := upgrader(t, Options{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var protocol string
		offered, checked := Check(r)
		if len(offered) > 0 {
			protocol = offered[0]
		}
		c, err := u.Upgrade(w, r, protocol)
		if diff := cmp.Diff(checked, err); diff != "" {
			t.Errorf("Check and Upgrade differ: %s", diff)
		}
		if he, ok := errors.AsType[*HandshakeError](err); ok {
			he.SetHeader(w.Header())
			http.Error(w, he.Reason, he.Status)
			return
		}
		h := &handler{c: c, closed: make(chan error, 2)}
		c.Serve(h)
		c.Abort()
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	defer srv.Close()

	drop := func(name string) func([]string) []string {
		return func(lines []string) []string {
			var kept []string
			for _, l := range lines {
				if !strings.HasPrefix(l, name+":") {
					kept = append(kept, l)
				}
			}
			return kept
		}
	}
	set := func(name string, values ...string) func([]string) []string {
		return func(lines []string) []string {
			kept := drop(name)(lines)
			for _, v := range values {
				kept = append(kept, name+": "+v)
			}
			return kept
		}
	}
	request := func(line string) func([]string) []string {
		return func(lines []string) []string { return append([]string{line}, lines[1:]...) }
	}
	const key, version, protocol = "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"
	for _, v := range []struct {
		name     string
		change   func([]string) []string
		status   int
		protocol string
	}{
		{"plain", set("X"), 101, ""},
		{"any path and query", request("GET /a/b?c=d HTTP/1.1"), 101, ""},
		{"any origin", set("Origin", "https://elsewhere.example"), 101, ""},
		{"lists and case", set("Connection", "keep-alive, UPGRADE"), 101, ""},
		{"Connection on two lines", set("Connection", "keep-alive", "Upgrade"), 101, ""},
		{"Upgrade in capitals", set("Upgrade", "WebSocket"), 101, ""},
		{"Upgrade as a list", set("Upgrade", "h2c, websocket"), 101, ""},
		{"extension offered", set("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"), 101, ""},
		{"one subprotocol", set(protocol, "v1.k.AbC-_~"), 101, "v1.k.AbC-_~"},
		{"every token character", set(protocol, "!#$%&'*+-.^_`|~09azAZ"), 101, "!#$%&'*+-.^_`|~09azAZ"},
		{"long subprotocol", set(protocol, strings.Repeat("t", 4000)), 101, strings.Repeat("t", 4000)},
		{"several subprotocols", set(protocol, "first,second", "third"), 101, "first"},
		{"subprotocols with empty elements", set(protocol, ", ,first, ,second,"), 101, "first"},
		{"empty subprotocol header", set(protocol, ""), 101, ""},

		{"POST", request("POST / HTTP/1.1"), 400, ""},
		{"HEAD", request("HEAD / HTTP/1.1"), 400, ""},
		{"OPTIONS", request("OPTIONS / HTTP/1.1"), 400, ""},
		{"CONNECT", request("CONNECT / HTTP/1.1"), 400, ""},
		{"lower-case method", request("get / HTTP/1.1"), 400, ""},
		{"HTTP/1.0", request("GET / HTTP/1.0"), 400, ""},
		{"no Host", drop("Host"), 400, ""},
		{"no Upgrade", drop("Upgrade"), 426, ""},
		{"empty Upgrade", set("Upgrade", ""), 426, ""},
		{"other Upgrade", set("Upgrade", "h2c"), 426, ""},
		{"nearly websocket", set("Upgrade", "websockets"), 426, ""},
		{"websocket with a version", set("Upgrade", "websocket/13"), 426, ""},
		{"no Connection", drop("Connection"), 426, ""},
		{"Connection keep-alive", set("Connection", "keep-alive"), 426, ""},
		{"Connection nearly upgrade", set("Connection", "not-upgrade"), 426, ""},
		{"neither Connection nor Upgrade", func(l []string) []string { return drop("Upgrade")(drop("Connection")(l)) }, 426, ""},
		{"no version", drop(version), 400, ""},
		{"empty version", set(version, ""), 400, ""},
		{"version 8", set(version, "8"), 426, ""},
		{"version 14", set(version, "14"), 426, ""},
		{"version 013", set(version, "013"), 426, ""},
		{"version list", set(version, "13, 8"), 426, ""},
		{"version twice", set(version, "13", "13"), 426, ""},
		{"version not a number", set(version, "x"), 426, ""},
		{"no key", drop(key), 400, ""},
		{"empty key", set(key, ""), 400, ""},
		{"short key", set(key, "c2hvcnQ="), 400, ""},
		{"key of 15 bytes", set(key, "MTIzNDU2Nzg5MDEyMzQ1"), 400, ""},
		{"key of 17 bytes", set(key, "MTIzNDU2Nzg5MDEyMzQ1Njc="), 400, ""},
		{"key of 24 other characters", set(key, "!!!!!!!!!!!!!!!!!!!!!!=="), 400, ""},
		{"key without padding", set(key, "dGhlIHNhbXBsZSBub25jZQ"), 400, ""},
		{"key with loose bits", set(key, "dGhlIHNhbXBsZSBub25jZR=="), 400, ""},
		{"key twice", set(key, "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="), 400, ""},
		{"body", func(l []string) []string { return append(l, "Content-Length: 5", "", "hello") }, 400, ""},
		{"chunked body", func(l []string) []string { return append(l, "Transfer-Encoding: chunked", "", "0") }, 400, ""},
		{"space in subprotocol", set(protocol, "a b"), 400, ""},
		{"slash in subprotocol", set(protocol, "a/b"), 400, ""},
		{"equals in subprotocol", set(protocol, "abc="), 400, ""},
		{"quoted subprotocol", set(protocol, `"abc"`), 400, ""},
		{"subprotocol not ASCII", set(protocol, "tökén"), 400, ""},
		{"subprotocol with braces", set(protocol, "{abc}"), 400, ""},
		{"good and bad subprotocol", set(protocol, "good, b@d"), 400, ""},
		{"subprotocol twice", set(protocol, "a, a"), 400, ""},
		{"seventeen subprotocols", set(protocol, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"), 400, ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			nc, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			lines := v.change(strings.Split(strings.TrimSuffix(handshake, "\r\n\r\n"), "\r\n"))
			if _, err := io.WriteString(nc, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != v.status {
				t.Errorf("status %d, want %d", resp.StatusCode, v.status)
			}
			if got := resp.Header.Get(protocol); got != v.protocol {
				t.Errorf("subprotocol %q, want %q", got, v.protocol)
			}
			if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != "" {
				t.Errorf("extensions %q", got)
			}
			if got := resp.Header.Get(version); (v.status == 426) != (got == "13") {
				t.Errorf("status %d with version %q", resp.StatusCode, got)
			}
		})
	}
}

func TestHTTP2IsNoHandshake(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.ProtoMajor, r.ProtoMinor = 2, 0
	_, err := Check(r)
	he, ok := errors.AsType[*HandshakeError](err)
	if !ok || he.Status != http.StatusBadRequest {
		t.Errorf("got %v", he)
	}
}

func TestProtocolThatWasNotOfferedIsNotEchoed(t *testing.T) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(handshake)))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	_, err = upgrader(t, Options{}).Upgrade(w, r, "surprise")
	if he, ok := errors.AsType[*HandshakeError](err); !ok || he.Status != http.StatusBadRequest || w.Body.Len() > 0 {
		t.Errorf("got %v", err)
	}
}

func TestProtocolsInOrderOverAllLines(t *testing.T) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(handshake)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header[headerProtocol] = []string{" a ,\tb", "c"}
	offered, err := Check(r)
	if diff := cmp.Diff([]string{"a", "b", "c"}, offered); diff != "" || err != nil {
		t.Error(err, diff)
	}
	r.Header[headerProtocol] = []string{"a", "b c"}
	if offered, err := Check(r); offered != nil || err == nil {
		t.Errorf("got %q, %v", offered, err)
	}
}
