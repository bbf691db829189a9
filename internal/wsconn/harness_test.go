package wsconn

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const handshake = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// handler echoes unless text is set, and remembers how it ended.
type handler struct {
	c      *Conn
	text   func(c *Conn, text []byte)
	closed chan error
}

func (h *handler) Text(p []byte) {
	if h.text != nil {
		h.text(h.c, p)
		return
	}
	h.c.Write(AppendText(nil, p))
}
func (h *handler) Binary()          { h.c.Write(AppendText(nil, []byte("(binary)"))) }
func (h *handler) Closed(err error) { h.closed <- err }

// end waits for the connection's end and returns the reason.
func (h *handler) end(t *testing.T) error {
	t.Helper()
	err := <-h.closed
	if len(h.closed) > 0 {
		t.Fatal("closed twice")
	}
	return err
}

// rig is a server over one kind of transport.
type rig struct {
	dial  func(t *testing.T) net.Conn
	conns chan *handler
}

func startRig(t *testing.T, ln net.Listener, config *tls.Config, dial func() (net.Conn, error), o Options, text func(*Conn, []byte)) *rig {
	t.Helper()
	r := &rig{conns: make(chan *handler, 1)}
	u := upgrader(t, o)
	srv := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			c, err := u.Upgrade(w, req, "")
			if err != nil {
				t.Errorf("upgrade: %v", err)
				return
			}
			h := &handler{c: c, text: text, closed: make(chan error, 2)}
			c.Serve(h)
			r.conns <- h
		}),
	}
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	r.dial = func(t *testing.T) net.Conn {
		t.Helper()
		nc, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		return nc
	}
	return r
}

func upgrader(t testing.TB, o Options) *Upgrader {
	t.Helper()
	u := NewUpgrader(o)
	t.Cleanup(u.Close)
	return u
}

// pipeListener accepts the server's ends of net.Pipe.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Net: "pipe"} }

func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	l.conns <- server
	return client, nil
}

func tcpRig(t *testing.T, o Options, text func(*Conn, []byte)) *rig {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startRig(t, ln, nil, func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) }, o, text)
}

func tlsRig(t *testing.T, o Options, text func(*Conn, []byte)) *rig {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := httptest.NewUnstartedServer(nil)
	issuer.StartTLS()
	issuer.Close()
	roots := issuer.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return startRig(t, ln, &tls.Config{Certificates: issuer.TLS.Certificates}, func() (net.Conn, error) {
		return tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com"})
	}, o, text)
}

func pipeRig(t *testing.T, o Options, text func(*Conn, []byte)) *rig {
	t.Helper()
	ln := newPipeListener()
	return startRig(t, ln, nil, ln.dial, o, text)
}

// overEach runs a test over every transport; the pipe's runs in fake time.
func overEach(t *testing.T, o Options, text func(*Conn, []byte), test func(*testing.T, *rig)) {
	t.Run("tcp", func(t *testing.T) { test(t, tcpRig(t, o, text)) })
	t.Run("tcp without a poller", func(t *testing.T) {
		o := o
		o.NoPoller = true
		test(t, tcpRig(t, o, text))
	})
	t.Run("tls", func(t *testing.T) { test(t, tlsRig(t, o, text)) })
	t.Run("pipe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, pipeRig(t, o, text)) })
	})
}

// client is a peer that writes bytes, right or wrong.
type client struct {
	net.Conn
	r *bufio.Reader
	h *handler
}

// connect performs the handshake, sending glued in the same write.
func (r *rig) connect(t *testing.T, glued ...byte) *client {
	t.Helper()
	nc := r.dial(t)
	if tcp, ok := bottom(nc).(*net.TCPConn); ok {
		// Fixed, or the kernel makes it larger while a peer is behind.
		if err := tcp.SetReadBuffer(32 << 10); err != nil {
			t.Fatal(err)
		}
	}
	c := &client{Conn: nc, r: bufio.NewReader(nc)}
	sent := make(chan error, 1)
	go func() {
		_, err := nc.Write(append([]byte(handshake), glued...))
		sent <- err
	}()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake answered %s", resp.Status)
	}
	if got, want := resp.Header.Get("Sec-Websocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Fatalf("accept %q, want %q", got, want)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	c.h = <-r.conns
	return c
}

// send writes p in pieces of at most n bytes and gives up when the server has
// closed, as a client does.
func (c *client) send(p []byte, n int) {
	for len(p) > 0 {
		k := min(n, len(p))
		if _, err := c.Write(p[:k]); err != nil {
			return
		}
		p = p[k:]
	}
}

// frames reads until the server ends the connection.
func (c *client) frames(t *testing.T) []string {
	t.Helper()
	if _, fake := c.LocalAddr().(*net.TCPAddr); fake {
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
	}
	var got []string
	for {
		h, err := ws.ReadHeader(c.r)
		if err != nil {
			return append(got, ended(err))
		}
		if err := ws.CheckHeader(h, ws.StateClientSide); err != nil {
			t.Fatalf("server sent %+v: %v", h, err)
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(c.r, p); err != nil {
			return append(got, "cut in a frame")
		}
		got = append(got, describe(h, p))
	}
}

func ended(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "still open"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // the latter from TLS after a cut
		return "end"
	}
	return err.Error()
}

func describe(h ws.Header, p []byte) string {
	switch h.OpCode {
	case ws.OpText:
		return "text " + short(p)
	case ws.OpPing:
		return "ping " + short(p)
	case ws.OpPong:
		return "pong " + short(p)
	case ws.OpClose:
		if len(p) == 0 {
			return "close"
		}
		code, _ := ws.ParseCloseFrameData(p)
		return fmt.Sprintf("close %d", code)
	}
	return fmt.Sprintf("opcode %d", h.OpCode)
}

func short(p []byte) string {
	if len(p) > 100 && len(bytes.Trim(p, string(p[:1]))) == 0 {
		return fmt.Sprintf("%c*%d", p[0], len(p))
	}
	return string(p)
}

// frame encodes one masked client frame.
func frame(op ws.OpCode, fin bool, payload string) []byte {
	return encode(ws.Header{Fin: fin, OpCode: op, Masked: true, Mask: [4]byte{0xa1, 0x5f, 0x00, 0x37}}, payload)
}

func encode(h ws.Header, payload string) []byte {
	h.Length = int64(len(payload))
	p := []byte(payload)
	if h.Masked {
		ws.Cipher(p, h.Mask, 0)
	}
	var b bytes.Buffer
	_ = ws.WriteFrame(&b, ws.Frame{Header: h, Payload: p})
	return b.Bytes()
}

func text(s string) []byte   { return frame(ws.OpText, true, s) }
func binMsg(s string) []byte { return frame(ws.OpBinary, true, s) }
func ping(s string) []byte   { return frame(ws.OpPing, true, s) }
func pong(s string) []byte   { return frame(ws.OpPong, true, s) }
func begin(s string) []byte  { return frame(ws.OpText, false, s) }
func more(s string) []byte   { return frame(ws.OpContinuation, false, s) }
func last(s string) []byte   { return frame(ws.OpContinuation, true, s) }
func closing(code int, reason string) []byte {
	return frame(ws.OpClose, true, string(ws.NewCloseFrameBody(ws.StatusCode(code), reason)))
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func pieces(s string, n int) []byte {
	b := begin(s[:min(n, len(s))])
	for s = s[min(n, len(s)):]; len(s) > n; s = s[n:] {
		b = append(b, more(s[:n])...)
	}
	return append(b, last(s)...)
}

func rep(s string, n int) string { return strings.Repeat(s, n) }
