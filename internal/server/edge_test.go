package server_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
)

// pair is a certificate's files.
type pair struct{ cert, key string }

func newPair(t *testing.T) pair {
	dir := t.TempDir()
	return pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// write makes a new self-signed certificate of the serial number, and its client's trust.
func (p pair) write(t *testing.T, serial int64) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "parley"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p.put(t, p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	p.put(t, p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}}
}

func (p pair) put(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// serial is that of the certificate a new connection is shown.
func (r *running) serial() int64 {
	r.t.Helper()
	c, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func (r *running) until(what string, met func() bool) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-deadline:
			r.t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func TestBothPlanesOverTLSAndTheCertificateReloaded(t *testing.T) {
	files := newPair(t)
	trust := files.write(t, 1)
	r := start(t, func(c *config.Config) { c.TLSCert, c.TLSKey = files.cert, files.key })
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}}
	defer web.CloseIdleConnections()
	client := r.client(func(o *ivschat.Options) { o.BaseEndpoint, o.HTTPClient = new("https://"+r.addr), web })
	room, err := client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	join := func(user string) *websocket.Conn {
		out, err := client.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{
			RoomIdentifier: room.Arn, UserID: user, Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
		})
		if err != nil {
			t.Fatal(err)
		}
		// HTTP/2 is refused: a client that offers it is given HTTP/1.1, over which WebSocket goes.
		c, _, err := websocket.Dial(t.Context(), "wss://"+r.addr, &websocket.DialOptions{Subprotocols: []string{out.Token}, HTTPClient: web})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		return c
	}
	ada, ben := join("ada"), join("ben")
	say := func(text string) {
		t.Helper()
		r.send(ada, `{"Action":"SEND_MESSAGE","Content":"`+text+`"}`)
		for _, c := range []*websocket.Conn{ada, ben} {
			if f := r.read(c); f.Content != text {
				t.Errorf("got %+v, want %q", f, text)
			}
		}
	}
	say("one")

	files.put(t, files.cert, []byte("half a certifica"))
	r.until("the broken pair is told of", func() bool { return strings.Contains(r.logs.String(), "the old one stays") })
	if got := r.serial(); got != 1 {
		t.Errorf("certificate %d is shown after a broken pair, want 1", got)
	}
	files.write(t, 2)
	r.until("the new certificate is shown", func() bool { return r.serial() == 2 })
	say("two") // over connections made before
}

func TestABrokenCertificateKeepsTheServerFromStarting(t *testing.T) {
	files := newPair(t)
	files.write(t, 1)
	files.put(t, files.key, []byte("no key"))
	c := config.Default()
	c.Data, c.TLSCert, c.TLSKey = t.TempDir(), files.cert, files.key
	s, err := server.New(t.Context(), c, false, slog.New(slog.DiscardHandler))
	if err == nil {
		s.Close()
		t.Fatal("the server started")
	}
	if !strings.Contains(err.Error(), files.cert) {
		t.Errorf("%v does not name the file", err)
	}
}

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

func TestClientsBehindTheProxyProtocolAreCountedApart(t *testing.T) {
	r := start(t, func(c *config.Config) {
		c.ProxyProtocol, c.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
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
