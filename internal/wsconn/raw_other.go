//go:build !unix

package wsconn

import "net"

func newTransport(nc net.Conn) transport { return newStream(nc) }
