//go:build !unix

package wsconn

import "net"

func newRaw(net.Conn, *Conn) transport { return nil }
