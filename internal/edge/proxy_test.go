package edge_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/edge"
)

// one is a listener of one connection.
type one struct {
	net.Listener
	c net.Conn
}

func (l one) Accept() (net.Conn, error) { return l.c, nil }

func everybody(net.Addr) bool { return true }

func accept(t testing.TB, c net.Conn, trusted func(net.Addr) bool) net.Conn {
	t.Helper()
	got, err := edge.Proxied(one{c: c}, trusted, 5*time.Second).Accept()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// arrived is a connection on which everything has arrived that will.
type arrived struct {
	net.Conn
	*bytes.Reader
	peer   net.Addr
	closed bool
}

func newArrived(data string) *arrived {
	return &arrived{Reader: bytes.NewReader([]byte(data)), peer: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}}
}

func (a *arrived) Read(p []byte) (int, error)      { return a.Reader.Read(p) }
func (a *arrived) RemoteAddr() net.Addr            { return a.peer }
func (a *arrived) SetReadDeadline(time.Time) error { return nil }
func (a *arrived) Close() error                    { a.closed = true; return nil }

const v2 = "\r\n\r\n\x00\r\nQUIT\n"

func TestTheSourceIsWhatTheHeaderNames(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, test := range []struct{ what, data, source, rest string }{
		{"version 1", "PROXY TCP4 203.0.113.7 10.0.0.1 4000 443\r\nGET /", "203.0.113.7:4000", "GET /"},
		{"version 1, IPv6", "PROXY TCP6 2001:db8::7 ::1 4000 443\r\nGET /", "[2001:db8::7]:4000", "GET /"},
		{"version 1, unknown", "PROXY UNKNOWN\r\nGET /", "10.0.0.1:1", "GET /"},
		{"version 2", v2 + "\x21\x11\x00\x0c\xcb\x00\x71\x07\x0a\x00\x00\x01\x0f\xa0\x01\xbbGET /", "203.0.113.7:4000", "GET /"},
		{"version 2 with extensions", v2 + "\x21\x11\x03\xf7\xcb\x00\x71\x07\x0a\x00\x00\x01\x0f\xa0\x01\xbb\x04\x03\xe8" + long + "GET /", "203.0.113.7:4000", "GET /"},
		{"version 2, a probe", v2 + "\x20\x00\x00\x00GET /", "10.0.0.1:1", "GET /"},
		{"none", "GET / HTTP/1.1", "10.0.0.1:1", "GET / HTTP/1.1"},
		{"one that begins alike", "PUT / HTTP/1.1", "10.0.0.1:1", "PUT / HTTP/1.1"},
		{"TLS", "\x16\x03\x01\x00", "10.0.0.1:1", "\x16\x03\x01\x00"},
	} {
		c := accept(t, newArrived(test.data), everybody)
		if got := c.RemoteAddr().String(); got != test.source {
			t.Errorf("%s: source %s, want %s", test.what, got, test.source)
		}
		if got, err := io.ReadAll(c); string(got) != test.rest || err != nil {
			t.Errorf("%s: then %.40q, %v; want %q", test.what, got, err, test.rest)
		}
	}
}

func TestABrokenHeaderEndsTheConnection(t *testing.T) {
	for what, data := range map[string]string{
		"no address":         "PROXY TCP4 evil 10.0.0.1 4000 443\r\nGET /",
		"no end":             "PROXY TCP4 203.0.113.7 10.0.0.1 4000 443" + strings.Repeat(" ", 200),
		"a Unix socket":      v2 + "\x21\x31\x00\xd8" + strings.Repeat("/etc/pas", 27) + "GET /",
		"UDP":                v2 + "\x21\x12\x00\x0c\xcb\x00\x71\x07\x0a\x00\x00\x01\x0f\xa0\x01\xbbGET /",
		"too long":           v2 + "\x21\x11\xff\xff" + strings.Repeat("x", 1<<16) + "GET /",
		"shorter than it is": v2 + "\x21\x11\x00\x01\xcbGET /",
		"an unknown command": v2 + "\x2f\x11\x00\x0c\xcb\x00\x71\x07\x0a\x00\x00\x01\x0f\xa0\x01\xbbGET /",
	} {
		below := newArrived(data)
		c := accept(t, below, everybody)
		if got := c.RemoteAddr().String(); got != "10.0.0.1:1" {
			t.Errorf("%s: source %s, want the peer's", what, got)
		}
		if n, err := c.Read(make([]byte, 10)); n != 0 || err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: read %d, %v; want an error", what, n, err)
		}
		if !below.closed {
			t.Errorf("%s: the connection is open", what)
		}
	}
}

func TestStrangersAreNotListenedTo(t *testing.T) {
	below := newArrived("PROXY TCP4 203.0.113.7 10.0.0.1 4000 443\r\nGET /")
	c := accept(t, below, func(net.Addr) bool { return false })
	if c != net.Conn(below) {
		t.Errorf("a stranger's connection is a %T", c)
	}
}

func TestAHeaderIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		c := accept(t, server, everybody)
		go client.Write([]byte("PRO"))
		began := time.Now()
		_, err := c.Read(make([]byte, 10))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v, want a timeout after 5 s", err, time.Since(began))
		}
	})
}

// What is below can be had once nothing is held back.
func TestTheConnectionIsGivenUp(t *testing.T) {
	below := newArrived("PROXY TCP4 203.0.113.7 10.0.0.1 4000 443\r\nGET /")
	c := accept(t, below, everybody)
	bare := c.(interface{ Bare() (net.Conn, bool) })
	c.RemoteAddr()
	if got, ok := bare.Bare(); ok {
		t.Fatalf("%T is given up although some of its bytes were read", got)
	}
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if got, ok := bare.Bare(); !ok || got != net.Conn(below) {
		t.Errorf("got %v, %v", got, ok)
	}
}

// FuzzProxyHeader holds a header to what it may do: name an address, be no
// header, or end the connection; and be no longer than a few KiB.
func FuzzProxyHeader(f *testing.F) {
	for _, data := range []string{
		"PROXY TCP4 203.0.113.7 10.0.0.1 4000 443\r\nGET /", "PROXY UNKNOWN\r\n", "GET /", "P", "\r\n", "",
		v2 + "\x21\x11\x00\x0c\xcb\x00\x71\x07\x0a\x00\x00\x01\x0f\xa0\x01\xbbGET /", v2 + "\x20\x00\x00\x00x",
		v2 + "\x21\x31\x00\xd8" + strings.Repeat("/", 216), v2 + "\x21\x11\xff\xff" + strings.Repeat("x", 1<<16),
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		below := newArrived(data)
		c := accept(t, below, everybody)
		source, ok := c.RemoteAddr().(*net.TCPAddr)
		if !ok || source.IP == nil {
			t.Fatalf("the source is %v", c.RemoteAddr())
		}
		if read := len(data) - below.Len(); read > 4<<10 {
			t.Fatalf("%d bytes were read for a header", read)
		}
		rest, err := io.ReadAll(c)
		switch {
		case err != nil && !below.closed:
			t.Fatalf("open after %v", err)
		case err == nil && !strings.HasSuffix(data, string(rest)):
			t.Fatalf("the rest is %q", rest)
		case err == nil && !strings.HasPrefix(data, "PROXY") && !strings.HasPrefix(data, v2) && string(rest) != data:
			t.Fatalf("without a header the rest is %q", rest)
		}
	})
}
