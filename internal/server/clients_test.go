package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
)

// proxied asks for a path after a first line, and returns the status, 0 for none.
func (r *running) proxied(first string) int {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(c, "%sGET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n", first)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return response.StatusCode
}

func behindProxy(c *config.Config) {
	c.ProxyProtocol, c.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

func TestClientsBehindTheProxyProtocolAreCountedApart(t *testing.T) {
	r := start(t, func(c *config.Config) {
		behindProxy(c)
		c.ClientHandshakeRate = 1
	})
	from := func(ip string) string { return "PROXY TCP4 " + ip + " 127.0.0.1 4000 7878\r\n" }
	v2 := func(ip [4]byte) string {
		return "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + string(ip[:]) + "\x7f\x00\x00\x01\x0f\xa0\x1e\xc6"
	}
	if got := r.proxied(from("203.0.113.1")); got != http.StatusUpgradeRequired {
		t.Errorf("the first of one client: %d, want 426", got)
	}
	limited := false // a second at a rate of one, unless a second passed between them
	for range 20 {
		limited = limited || r.proxied(from("203.0.113.1")) == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("one client's handshakes were never refused")
	}
	if got := r.proxied(v2([4]byte{203, 0, 113, 2})); got != http.StatusUpgradeRequired {
		t.Errorf("another client: %d, want 426", got)
	}
	if got := r.proxied(""); got != http.StatusUpgradeRequired {
		t.Errorf("the proxy itself, without a header: %d, want 426", got)
	}
}

func TestAProxyHeaderFromAStrangerIsRefused(t *testing.T) {
	r := start(t, func(c *config.Config) {
		c.ProxyProtocol, c.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		c.ClientHandshakeRate = 1
	})
	if got := r.proxied("PROXY TCP4 203.0.113.1 127.0.0.1 4000 7878\r\n"); got != http.StatusBadRequest {
		t.Errorf("status %d, want 400", got)
	}
	if got := r.proxied(""); got != http.StatusUpgradeRequired {
		t.Errorf("the stranger's own handshake: %d, want 426: the header before it was counted", got)
	}
}

func TestConnectionsPerClientAreCapped(t *testing.T) {
	r := start(t, func(c *config.Config) { c.ClientConnections = 2 })
	room := r.room()
	first := r.connect(room, "a")
	r.connect(room, "b")
	if _, status, err := r.dial(r.token(room, "c")); err == nil || status != http.StatusTooManyRequests {
		t.Errorf("a third connection: status %d, %v; want 429", status, err)
	}
	first.CloseNow()
	r.until("there is room again", func() bool {
		c, _, err := r.dial(r.token(room, "c"))
		if err != nil {
			return false
		}
		c.CloseNow()
		return true
	})
}

func TestConnectionsWithoutARequestAreCappedPerClient(t *testing.T) {
	files := newPair(t)
	for name, change := range map[string]func(*config.Config){
		"plain": func(*config.Config) {},
		"TLS":   func(c *config.Config) { c.TLSCert, c.TLSKey = files.cert, files.key },
		"a proxy's that speaks for nobody we trust": func(c *config.Config) {
			c.ProxyProtocol, c.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(c *config.Config) {
				c.ClientPending = 3
				change(c)
			})
			var held []net.Conn
			dial := func() net.Conn {
				c, err := net.Dial("tcp", r.addr)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				return c
			}
			for range 3 {
				held = append(held, dial())
			}
			r.until("one more is closed", func() bool { // in no time, not after that of headers
				c := dial()
				c.SetReadDeadline(time.Now().Add(time.Second))
				_, err := c.Read(make([]byte, 1))
				var slow net.Error
				return err != nil && !(errors.As(err, &slow) && slow.Timeout())
			})
			for _, c := range held {
				c.Close()
			}
			r.until("there is room again", func() bool {
				scheme := "http"
				if name == "TLS" {
					scheme = "https"
				}
				web := files.web(t)
				defer web.CloseIdleConnections()
				response, err := web.Get(scheme + "://" + r.addr + "/healthz")
				if err != nil {
					return false
				}
				response.Body.Close()
				return response.StatusCode == http.StatusOK
			})
		})
	}
}

// Whoever has sent a request does not count any more, nor does a proxy.
func TestOnlyConnectionsWithoutARequestAreCapped(t *testing.T) {
	r := start(t, func(c *config.Config) { c.ClientPending = 2 })
	room := r.room()
	var sessions []*websocket.Conn
	for i := range 10 {
		sessions = append(sessions, r.connect(room, fmt.Sprint("user", i)))
	}
	r.send(sessions[0], `{"Action":"SEND_MESSAGE","Content":"hello"}`)
	for _, c := range sessions {
		if f := r.read(c); f.Content != "hello" {
			t.Errorf("got %+v", f)
		}
	}
	behind := start(t, func(c *config.Config) {
		behindProxy(c)
		c.ClientPending = 2
	})
	for range 10 {
		c, err := net.Dial("tcp", behind.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if got := behind.proxied("PROXY TCP4 203.0.113.1 127.0.0.1 4000 7878\r\n"); got != http.StatusUpgradeRequired {
		t.Errorf("one more of a trusted proxy's: %d, want 426", got)
	}
}
