package session

import "github.com/parleychat/parley/ivschat/messaging"

// Observer counts what sessions do. Its methods must not wait.
type Observer interface {
	// Handshake ended: "accepted", "left", or why it was refused. The set is fixed.
	Handshake(result string)
	// Opened and Closed are called once each for every accepted connection;
	// reason is one of wsconn.Reason's.
	Opened(account, region string)
	Closed(account, region, reason string)
	// Requested is a frame with a known action, whether it is then refused or not.
	Requested(messaging.Action)
	ErrorSent(messaging.ErrorCode)
	// Throttled is a refusal for a quota, by its name in package limit.
	Throttled(quota string)
}

type unobserved struct{}

func (unobserved) Handshake(string)              {}
func (unobserved) Opened(string, string)         {}
func (unobserved) Closed(string, string, string) {}
func (unobserved) Requested(messaging.Action)    {}
func (unobserved) ErrorSent(messaging.ErrorCode) {}
func (unobserved) Throttled(string)              {}
