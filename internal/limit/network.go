package limit

import "net/netip"

// Network is what limits per client address count by: of IPv6 the /64, since one
// customer has at least that many addresses. What is no address is itself.
func Network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
