//go:build !linux || 386

package wsconn

import "net"

// poller is for systems with epoll.
type poller struct{}

type polled struct{}

func newPoller() *poller { return nil }

func (*poller) close() {}

func (*poller) adopt(net.Conn, *Conn) transport { return nil }
