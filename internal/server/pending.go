package server

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/parleychat/parley/internal/limit"
)

// pending bounds the connections of one client address that have not sent their
// first request: they cost a descriptor before anybody is known.
type pending struct {
	most    int
	trusted func(netip.Addr) bool // proxies, who bring the connections of many
	refused func()
	gauge   limit.Gauge
	keys    sync.Map // net.Conn to limit.Key, of those that are counted
}

// follow is told by net/http, in the loop that accepts for a new connection: it
// must not wait, as the address that a PROXY header names would make it.
func (p *pending) follow(c net.Conn, state http.ConnState) {
	if state != http.StateNew {
		if key, ok := p.keys.LoadAndDelete(c); ok {
			p.gauge.Release(key.(limit.Key))
		}
		return
	}
	below := socket(c)
	peer, err := netip.ParseAddrPort(below.RemoteAddr().String())
	if err != nil || p.trusted(peer.Addr()) {
		return
	}
	key := limit.Key{What: limit.Network(peer.Addr().String())}
	if !p.gauge.Take(key, p.most) {
		p.refused()
		below.Close()
		return
	}
	p.keys.Store(c, key)
}

// socket is below TLS and the PROXY protocol.
func socket(c net.Conn) net.Conn {
	for {
		wrapper, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = wrapper.NetConn()
	}
}
