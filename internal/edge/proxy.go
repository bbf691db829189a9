package edge

import (
	"net"
	"time"

	"github.com/pires/go-proxyproto"
)

// Proxied reads the PROXY protocol, version 1 or 2, from peers that are trusted,
// where the header may be missing (a probe of the balancer's has none). What
// others send is left as it is, so that their header is no HTTP and refused.
func Proxied(l net.Listener, trusted func(net.Addr) bool, within time.Duration) net.Listener {
	return &proxyproto.Listener{
		Listener:          l,
		ReadHeaderTimeout: within,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if trusted(o.Upstream) {
				return proxyproto.USE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}
