package review

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// newClient returns the client of every call: it connects to public addresses
// and the networks named, follows no redirect, asks no proxy of the environment
// and reads at most maxAnswer of an answer. Deadlines are the caller's.
func newClient(networks []netip.Prefix, calls int) *http.Client {
	dialer := &net.Dialer{
		KeepAlive: 15 * time.Second,
		// On the socket's address, after DNS: a name that resolves to something
		// else the second time gains nothing.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("address %q: %w", address, err)
			}
			return permit(at.Addr(), networks)
		},
	}
	transport := &http.Transport{
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        4 * calls,
		MaxIdleConnsPerHost: calls,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
		DisableCompression:  true, // bodies are small, and a bomb stays what it is
		// A request that is given up leaves its HTTP/2 connection as it is, dead or not.
		HTTP2: &http.HTTP2Config{SendPingTimeout: time.Second, PingTimeout: time.Second},
	}
	return &http.Client{
		Transport:     bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// permit refuses what is not a public address, save in the networks named.
func permit(addr netip.Addr, networks []netip.Prefix) error {
	addr = addr.Unmap().WithZone("")
	for _, network := range networks {
		if network.Contains(addr) {
			return nil
		}
	}
	if addr.IsGlobalUnicast() && !addr.IsPrivate() && !special(addr) {
		return nil
	}
	return fmt.Errorf("%s is not a public address: add it to review-allow-networks if it may be called", addr)
}

// special tells the ranges that netip does not know by name and that lead, or may
// lead, back inside (RFC 6890 and its registries).
func special(addr netip.Addr) bool {
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2002::/16", "fec0::/10",
	} {
		if netip.MustParsePrefix(text).Contains(addr) {
			return true
		}
	}
	return false
}

// errTooLong says that an answer is over maxAnswer.
var errTooLong = errors.New("the answer is too long")

// bounded bounds what is read of answers.
type bounded struct{ next http.RoundTripper }

// CloseIdleConnections implements what http.Client looks for.
func (b bounded) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{response.Body, maxAnswer}
	return response, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read fails instead of ending when there is more than the bound.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLong
	}
	p = p[:min(int64(len(p)), b.left+1)]
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n, errTooLong
	}
	return n, err
}

// status turns the status of an answer that is not 200 into a failure.
func status(code int, detail string) *Error {
	f := ServerError
	switch code {
	case http.StatusNotFound:
		f = NotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		f = AccessDenied
	case http.StatusTooManyRequests:
		f = Throttled
	}
	return &Error{Failure: f, Detail: shorten(fmt.Sprintf("status %d %s", code, detail))}
}

// broken turns an error of the connection into a failure.
func broken(err error) *Error {
	if errors.Is(err, errTooLong) {
		return invalid("the answer is over %d bytes", maxAnswer)
	}
	return &Error{Failure: Network, Detail: shorten(err.Error())}
}
