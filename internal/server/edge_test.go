package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/edge/edgetest"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
)

// pair is a certificate's files.
type pair struct {
	*edgetest.Authority
	cert, key string
}

func newPair(t *testing.T) pair {
	t.Helper()
	authority, err := edgetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := pair{authority, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	p.write(t, 1)
	return p
}

func (p pair) write(t *testing.T, serial int64) {
	t.Helper()
	if err := p.Write(serial, p.cert, p.key); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := edgetest.Put(name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

// web is a client that trusts the pair's authority.
func (p pair) web(t *testing.T) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.Pool()}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// secure is the control plane's client over TLS.
func (r *running) secure(web *http.Client) *ivschat.Client {
	return r.client(func(o *ivschat.Options) { o.BaseEndpoint, o.HTTPClient = new("https://"+r.addr), web })
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
	r := start(t, func(c *config.Config) { c.TLSCert, c.TLSKey = files.cert, files.key })
	web := files.web(t)
	client := r.secure(web)
	room, err := client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	join := func(user string) *websocket.Conn {
		// HTTP/2 is refused: a client that offers it is given HTTP/1.1, over which WebSocket goes.
		c, _, err := websocket.Dial(t.Context(), "wss://"+r.addr, &websocket.DialOptions{
			Subprotocols: []string{issue(t, client, room, user)}, HTTPClient: web,
		})
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

	put(t, files.cert, "half a certifica")
	r.until("the broken pair is told of", func() bool { return strings.Contains(r.logs.String(), "the old one stays") })
	if got := r.serial(); got != 1 {
		t.Errorf("certificate %d is shown after a broken pair, want 1", got)
	}
	files.write(t, 2)
	r.until("the new certificate is shown", func() bool { return r.serial() == 2 })
	say("two") // over connections made before
}

func issue(t *testing.T, client *ivschat.Client, room *ivschat.Room, user string) string {
	t.Helper()
	out, err := client.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{
		RoomIdentifier: room.Arn, UserID: user, Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Token
}

// Renewal is no event for users: API calls, each over a connection of its own,
// and the sessions of a busy room go on through good and broken pairs.
func TestAReloadUnderLoadDisturbsNobody(t *testing.T) {
	files := newPair(t)
	r := start(t, func(c *config.Config) { c.TLSCert, c.TLSKey, c.Quotas = files.cert, files.key, "none" })
	web := files.web(t)
	web.Transport.(*http.Transport).DisableKeepAlives = true
	client := r.secure(web)
	room, err := client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var load sync.WaitGroup
	var calls, messages atomic.Int64
	for range 2 {
		load.Go(func() {
			for !closed(done) {
				if _, err := client.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: room.Arn}); err != nil {
					t.Errorf("a call: %v", err)
				}
				calls.Add(1)
			}
		})
	}
	viewers := make([]*websocket.Conn, 20)
	for i := range viewers {
		viewers[i], _, err = websocket.Dial(t.Context(), "wss://"+r.addr, &websocket.DialOptions{
			Subprotocols: []string{issue(t, client, room, fmt.Sprint("user", i))}, HTTPClient: web,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { viewers[i].CloseNow() })
	}
	within, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	load.Go(func() {
		for !closed(done) {
			text := fmt.Sprint(messages.Add(1))
			err := viewers[0].Write(within, websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","Content":"`+text+`"}`))
			for i, c := range viewers {
				var got []byte
				if err == nil {
					_, got, err = c.Read(within)
				}
				if err != nil || !strings.Contains(string(got), `"Content":"`+text+`"`) {
					t.Errorf("viewer %d, message %s: got %s, %v", i, text, got, err)
					return
				}
			}
		}
	})
	for serial := int64(2); serial < 5; serial++ {
		before := strings.Count(r.logs.String(), "the old one stays")
		put(t, files.key, "half a key")
		r.until("the broken pair is told of", func() bool { return strings.Count(r.logs.String(), "the old one stays") > before })
		files.write(t, serial)
		r.until("the new certificate is shown", func() bool { return r.serial() == serial })
	}
	close(done)
	load.Wait()
	if calls.Load() == 0 || messages.Load() == 0 {
		t.Errorf("%d calls and %d messages are no load", calls.Load(), messages.Load())
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestABrokenCertificateKeepsTheServerFromStarting(t *testing.T) {
	files := newPair(t)
	put(t, files.key, "no key")
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
