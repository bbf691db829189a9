package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/parleychat/parley/internal/edge"
)

const (
	// certificateEvery is how often the files of the certificate are looked at.
	certificateEvery = time.Second
	// proxyHeaderWithin bounds the wait for a PROXY header, as for those of HTTP.
	proxyHeaderWithin = 5 * time.Second
)

// atEdge is the listener with what the settings put before HTTP: the PROXY
// header comes first on the wire, then TLS.
func (s *Server) atEdge(ctx context.Context, l net.Listener, beside *sync.WaitGroup) net.Listener {
	if s.Config.ProxyProtocol {
		l = edge.Proxied(l, s.trustedPeer, proxyHeaderWithin)
	}
	if s.tls != nil {
		beside.Go(func() { s.tls.Watch(ctx, certificateEvery) })
		l = tls.NewListener(l, s.tls.Config())
	}
	return l
}

func (s *Server) trustedPeer(a net.Addr) bool {
	peer, err := netip.ParseAddrPort(a.String())
	return err == nil && s.trustedAddr(peer.Addr())
}
