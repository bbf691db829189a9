package bench

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
)

// portableRead holds a few frames; what a loop of the raw way has once, each
// connection has here.
const portableRead = 4 << 10

// portable connects and receives on a goroutine of its own. It ends with the
// connection.
func (e *engine) portable(c *conn, generation int32, p place, local netip.Addr) {
	l := c.loop
	drop := func(err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if c.generation == generation {
			l.drop(c, err)
		}
	}
	nc, err := e.dialNet(c, p, local)
	if err != nil {
		drop(err)
		return
	}
	l.mu.Lock()
	if c.generation != generation || c.state != dialing {
		l.mu.Unlock()
		nc.Close()
		return
	}
	c.state = shaking
	c.wmu.Lock()
	c.nc = nc
	c.wmu.Unlock()
	request, ignore := c.hello.request, c.role == stalled
	l.mu.Unlock()
	if _, err := nc.Write(request); err != nil {
		drop(err)
		return
	}
	buf := make([]byte, portableRead)
	kept := 0
	for {
		if kept == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		n, err := nc.Read(buf[kept:])
		if err != nil {
			drop(err)
			return
		}
		l.mu.Lock()
		l.stats.reads++
		l.stats.bytes += int64(n)
		rest, err := l.feed(c, buf[:kept+n], e.now())
		opened := c.state == open
		l.mu.Unlock()
		if err != nil {
			drop(err)
			return
		}
		kept = copy(buf, rest)
		if ignore && opened {
			<-e.done // drop closes the connection meanwhile
			return
		}
	}
}

func (e *engine) dialNet(c *conn, p place, local netip.Addr) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	var d net.Dialer
	if local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	nc, err := d.DialContext(ctx, "tcp", p.addr.String())
	if err != nil || p.url.Scheme != "wss" {
		return nc, err
	}
	secure := tls.Client(nc, e.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return secure, nil
}
