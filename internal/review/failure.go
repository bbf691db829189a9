package review

import "fmt"

// Failure is a way for a handler to fail; 0 is none.
type Failure uint8

// The failures (spec: review-handler.md §4).
const (
	NotFound      Failure = iota + 1 // no such function, or the ARN means nothing here
	AccessDenied                     // the function's policy or the endpoint refuses us
	Throttled                        // the endpoint has too much to do
	ServerError                      // any other status that is not 200
	Network                          // no connection, or it broke
	Timeout                          // the budget is spent
	Overloaded                       // too many reviews are under way here
	CircuitOpen                      // not called: it failed too often just now
	FunctionError                    // the function ran and failed
	Invalid                          // the answer is no verdict
	cancelled                        // nobody wants to know any more
)

// Names of the metrics that IVS Chat counts failures by; for a function's own
// errors it has none, as Lambda counts them (spec: monitoring.md §1).
const (
	InvocationErrors         = "InvocationErrors"
	ResponseValidationErrors = "ResponseValidationErrors"
)

// Metric returns the name of the metric that counts the failure, "" for those of
// the function itself.
func (f Failure) Metric() string {
	switch f {
	case 0, FunctionError, cancelled:
		return ""
	case Invalid:
		return ResponseValidationErrors
	}
	return InvocationErrors
}

// String returns the failure as a label of metrics.
func (f Failure) String() string {
	switch f {
	case 0:
		return "none"
	case NotFound:
		return "notfound"
	case AccessDenied:
		return "denied"
	case Throttled:
		return "throttled"
	case ServerError:
		return "status"
	case Network:
		return "network"
	case Timeout:
		return "timeout"
	case Overloaded:
		return "overload"
	case CircuitOpen:
		return "circuit"
	case FunctionError:
		return "function"
	case Invalid:
		return "invalid"
	}
	return "cancelled"
}

// Error is a failure and what an operator may want to know of it. It may quote
// the endpoint, never the message.
type Error struct {
	Failure Failure
	Detail  string
}

func (e *Error) Error() string { return e.Failure.String() + ": " + e.Detail }

func invalid(format string, args ...any) *Error {
	return &Error{Failure: Invalid, Detail: fmt.Sprintf(format, args...)}
}
