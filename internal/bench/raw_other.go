//go:build !linux

package bench

import (
	"errors"
	"net/netip"
)

var errNoSuchFD = errors.New("raw sockets are not supported on this system")

const rawSupported = false

// poller is there so that the engine reads the same everywhere; without raw
// sockets none is made.
type poller struct{}

func newPoller() (poller, error) { return poller{}, errNoSuchFD }

func (p *poller) close() {}

func (p *poller) add(int, int32, int32, bool) error { return errNoSuchFD }

func connectFD(netip.AddrPort, netip.Addr, bool) (int, error) { return -1, errNoSuchFD }

func closeFD(int) {}

func writeFD(int, []byte) (int, error) { return 0, errNoSuchFD }

func (l *loop) run() {}

func (l *loop) look(*conn) {}

func (c *conn) keep(rest []byte) { c.partial = append(c.partial[:0], rest...) }
