// Package principal says who acts: the principal that signed a request, carried
// from the front door that verified it to the service, and the user of a session.
package principal

import "context"

// Principal is who signed a request, and for which region.
type Principal struct {
	Account     string // 12 digits
	Region      string // of the signature's scope
	ARN         string // arn:aws:iam::<account>:…
	AccessKeyID string
}

// TextSuspended is what the sessions of a suspended account are told.
const TextSuspended = "The account is suspended"

type key struct{}

// NewContext returns a context in which the principal acts.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// FromContext returns the principal that acts in ctx. A context without one
// yields the zero Principal, which owns nothing.
func FromContext(ctx context.Context) Principal {
	p, _ := ctx.Value(key{}).(Principal)
	return p
}

// User is who holds a session: what its chat token said, and where it came from.
type User struct {
	Account    string
	Region     string
	RoomID     string
	UserID     string
	Attributes map[string]string
	IP         string
}
