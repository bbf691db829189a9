package wsconn

import (
	"errors"
	"fmt"

	"github.com/gobwas/ws"
)

// NoStatus is the code of a CloseError whose Close frame carried none.
const NoStatus = uint16(ws.StatusNoStatusRcvd)

// Codes registered with IANA after RFC 6455, which gobwas/ws does not name.
const (
	statusServiceRestart = 1012
	statusTryAgainLater  = 1013
	statusBadGateway     = 1014
)

var (
	// ErrSlow ends a connection whose peer reads too slowly.
	ErrSlow = errors.New("wsconn: peer reads too slowly")
	// ErrAborted ends a connection that Abort was called on.
	ErrAborted = errors.New("wsconn: aborted")
	// ErrTimeout is joined to the CloseError of a Close the peer did not answer in time.
	ErrTimeout = errors.New("wsconn: peer did not answer the Close frame")
)

// CloseError is the end by a Close frame: the peer's (Remote) or our own.
type CloseError struct {
	Code   uint16
	Reason string
	Remote bool
}

func (e *CloseError) Error() string {
	by := "server"
	if e.Remote {
		by = "client"
	}
	return fmt.Sprintf("wsconn: closed by the %s: %d %q", by, e.Code, e.Reason)
}

// ProtocolError is the end of a peer that broke a rule or one of our limits.
// It was sent a Close frame with Code.
type ProtocolError struct {
	Code uint16
	Err  error
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("wsconn: closed with %d: %v", e.Code, e.Err)
}
func (e *ProtocolError) Unwrap() error { return e.Err }

// Reason turns the error given to Handler.Closed into one of a fixed set of labels:
// client_close, server_close, timeout (a server close that was not answered),
// protocol, too_big, flood, slow, abort, eof (the peer left without a Close frame).
func Reason(err error) string {
	if pe, ok := errors.AsType[*ProtocolError](err); ok {
		switch ws.StatusCode(pe.Code) {
		case ws.StatusMessageTooBig:
			return "too_big"
		case ws.StatusPolicyViolation:
			return "flood"
		}
		return "protocol"
	}
	for _, e := range []struct {
		err   error
		label string
	}{
		{ErrSlow, "slow"},
		{ErrAborted, "abort"},
		{ErrTimeout, "timeout"},
	} {
		if errors.Is(err, e.err) {
			return e.label
		}
	}
	ce, ok := errors.AsType[*CloseError](err)
	if !ok {
		return "eof"
	}
	if ce.Remote {
		return "client_close"
	}
	return "server_close"
}
