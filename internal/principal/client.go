package principal

import (
	"context"
	"net/netip"
)

type clientKey struct{}

// WithClientIP returns a context of a request that came from ip, which is the
// client's behind trusted proxies.
func WithClientIP(ctx context.Context, ip netip.Addr) context.Context {
	return context.WithValue(ctx, clientKey{}, ip)
}

// ClientIP returns where the request of ctx came from. It is the zero Addr,
// which no network contains, if nobody said.
func ClientIP(ctx context.Context) netip.Addr {
	ip, _ := ctx.Value(clientKey{}).(netip.Addr)
	return ip
}
