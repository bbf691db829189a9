package session

import (
	"net/netip"

	"github.com/parleychat/parley/internal/limit"
)

// clientNetwork is what limits per client address count by: of IPv6 the /64, since
// one customer has at least that many addresses.
func clientNetwork(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}

func (s *Server) enterNetwork(ip string) bool {
	if s.options.ClientSessions == 0 {
		return true
	}
	return s.networks.Take(limit.Key{What: clientNetwork(ip)}, s.options.ClientSessions)
}

func (s *Server) leaveNetwork(ip string) {
	if s.options.ClientSessions > 0 {
		s.networks.Release(limit.Key{What: clientNetwork(ip)})
	}
}
