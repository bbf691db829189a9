package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/parleychat/parley/internal/edge"
)

// proxyHeaderWithin bounds the wait for a PROXY header, as for those of HTTP.
const proxyHeaderWithin = 5 * time.Second

// certificates are what TLS is served with.
type certificates interface {
	Config() *tls.Config
	// Watch keeps them fresh until the context ends.
	Watch(context.Context)
}

func (s *Server) loadCertificates(dev bool) error {
	c := s.Config
	if c.TLSCert != "" {
		files, err := edge.LoadCertificate(edge.Files{Cert: c.TLSCert, Key: c.TLSKey}, s.logger)
		if err != nil {
			return err
		}
		s.tls = files
	}
	if c.MetricsTLSCert != "" {
		files, err := edge.LoadCertificate(edge.Files{Cert: c.MetricsTLSCert, Key: c.MetricsTLSKey, ClientCA: c.MetricsClientCA}, s.logger)
		if err != nil {
			return err
		}
		s.metricsTLS = files
	}
	if len(c.ACMEDomains) == 0 {
		return nil
	}
	if dev {
		return errors.New("dev is on loopback, where no ACME authority finds it; use serve, or tls-cert")
	}
	authority, err := edge.NewACME(edge.ACMEOptions{
		Domains: c.ACMEDomains, Email: c.ACMEEmail, Directory: c.ACMEDirectory,
		Cache: filepath.Join(c.Data, "acme"), Logger: s.logger,
	})
	if err != nil {
		return err
	}
	s.tls = authority
	return nil
}

// atEdge is the listener with what the settings put before HTTP: the PROXY
// header comes first on the wire, then TLS.
func (s *Server) atEdge(ctx context.Context, l net.Listener, beside *sync.WaitGroup) net.Listener {
	if s.Config.ProxyProtocol {
		l = edge.Proxied(l, s.trustedPeer, proxyHeaderWithin)
	}
	if s.tls == nil {
		return l
	}
	beside.Go(func() { s.tls.Watch(ctx) })
	return tls.NewListener(l, s.tls.Config())
}

func (s *Server) trustedPeer(a net.Addr) bool {
	peer, err := netip.ParseAddrPort(a.String())
	return err == nil && s.trustedAddr(peer.Addr())
}
