package edge

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// maxProxyHeader bounds a PROXY header with its extensions, of which those of
// TLS may be long.
const maxProxyHeader = 2 << 10

// Proxied reads the PROXY protocol, version 1 or 2, from peers that are trusted,
// where the header may be missing (a probe of the balancer's has none). What
// others send is left as it is, so that their header is no HTTP and refused.
// A header is waited for by whoever first uses its connection, never by Accept.
func Proxied(l net.Listener, trusted func(net.Addr) bool, within time.Duration) net.Listener {
	return &proxiedListener{l, trusted, within}
}

type proxiedListener struct {
	net.Listener
	trusted func(net.Addr) bool
	within  time.Duration
}

func (l *proxiedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil || !l.trusted(c.RemoteAddr()) {
		return c, err
	}
	return &proxied{Conn: c, within: l.within}, nil
}

// proxied is a connection of a trusted peer.
type proxied struct {
	net.Conn
	within time.Duration
	once   sync.Once
	source net.Addr // nil if the header names none
	err    error
	ahead  *bufio.Reader // the reader's: what came with the header; nil when it is used up
}

func (c *proxied) header() {
	c.once.Do(func() {
		if c.err = c.readHeader(); c.err != nil {
			c.Conn.Close()
		}
	})
}

// readHeader is called before anybody else can have set a deadline: net/http
// asks for the address first.
func (c *proxied) readHeader() error {
	if err := c.Conn.SetReadDeadline(time.Now().Add(c.within)); err != nil {
		return err
	}
	c.ahead = bufio.NewReaderSize(c.Conn, maxProxyHeader)
	h, err := proxyproto.Read(c.ahead)
	if errors.Is(err, proxyproto.ErrNoProxyProtocol) {
		return c.Conn.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return fmt.Errorf("PROXY header: %w", err)
	}
	if !h.Command.IsLocal() { // else it is the proxy itself that speaks
		source, ok := h.SourceAddr.(*net.TCPAddr)
		if !ok {
			return errors.New("PROXY header: its source is no TCP address")
		}
		c.source = source
	}
	return c.Conn.SetReadDeadline(time.Time{})
}

func (c *proxied) RemoteAddr() net.Addr {
	if c.header(); c.source != nil {
		return c.source
	}
	return c.Conn.RemoteAddr()
}

func (c *proxied) Read(p []byte) (int, error) {
	if c.header(); c.err != nil {
		return 0, c.err
	}
	if c.ahead == nil {
		return c.Conn.Read(p)
	}
	if c.ahead.Buffered() > 0 {
		return c.ahead.Read(p)
	}
	c.ahead = nil
	return c.Conn.Read(p)
}

// NetConn is the connection below, for its options and its end.
func (c *proxied) NetConn() net.Conn { return c.Conn }

// Bare is the connection below if all that was read of it has been handed on.
// It must not be called beside Read.
func (c *proxied) Bare() (net.Conn, bool) {
	if c.header(); c.err != nil || c.ahead != nil && c.ahead.Buffered() > 0 {
		return nil, false
	}
	return c.Conn, true
}
