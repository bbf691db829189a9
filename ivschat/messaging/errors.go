package messaging

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Reasons why a request has no answer, wrapped in a [*ConnectionError].
var (
	ErrNotConnected = errors.New("the room is not connected")
	ErrNoAnswer     = errors.New("no answer within Config.RequestTimeout")
)

// ErrClosed is what the methods of a closed room return.
var ErrClosed = errors.New("messaging: the room is closed")

// ConnectionError says that a request was not answered. One that is refused
// fails with an [*Error] instead.
type ConnectionError struct {
	// Sent tells whether the request may have reached the service, and been
	// carried out. If not, it can safely be made again.
	Sent bool
	Err  error
}

func (e *ConnectionError) Error() string { return "messaging: no answer: " + e.Err.Error() }

// Unwrap returns why.
func (e *ConnectionError) Unwrap() error { return e.Err }

// CloseError is a Close frame from the service.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string {
	return "the service closed the connection: " + strconv.Itoa(e.Code) + " " + e.Reason
}

// HandshakeError says that the service refused to open a connection.
type HandshakeError struct {
	Status     int // of HTTP
	Message    string
	RetryAfter time.Duration // 0 if the service named none
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("the service refused the connection: %d %s", e.Status, e.Message)
}

// TokenError says that the TokenProvider had no token to give.
type TokenError struct{ Err error }

func (e *TokenError) Error() string { return "fetch a chat token: " + e.Err.Error() }

// Unwrap returns the provider's error.
func (e *TokenError) Unwrap() error { return e.Err }

// reasonOf returns why a room gives up after an error of open.
func reasonOf(err error) DisconnectReason {
	if _, ok := errors.AsType[*TokenError](err); ok {
		return ReasonFetchTokenError
	}
	return ReasonSocketError
}
