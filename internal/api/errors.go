package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/parleychat/parley/internal/restjson"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/ivschat"
)

// The exceptions of the front door (spec: control-plane.md §5).

func internal() ivschat.APIError {
	return &ivschat.InternalServerException{Message: "An internal error occurred."}
}

func overloaded() ivschat.APIError {
	return &ivschat.ClientError{Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable,
		Message: "The service is busy. Try again later."}
}

func unknownOperation() error {
	return &ivschat.ClientError{Code: "UnknownOperationException", Status: http.StatusNotFound,
		Message: "There is no operation with this method and path."}
}

func badPath() error {
	return &ivschat.ValidationException{Reason: ivschat.ValidationExceptionReasonOther,
		Message: "The path has an empty segment, a dot segment or a forbidden character."}
}

func tooLarge(most int64) error {
	return &ivschat.ClientError{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge,
		Message: fmt.Sprintf("The body must be at most %d bytes.", most)}
}

func tooSlow() error {
	return &ivschat.ClientError{Code: "RequestTimeoutException", Status: http.StatusRequestTimeout,
		Message: "The body did not arrive in time."}
}

func unreadable() error {
	return serialization("the body could not be read")
}

func serialization(message string) *ivschat.ClientError {
	return &ivschat.ClientError{Code: "SerializationException", Status: http.StatusBadRequest, Message: message}
}

// exception returns what an error is answered with. What the service and the
// front door refused travels untouched; all else is logged here and told to
// nobody.
func (h *handler) exception(x *exchange, err error) ivschat.APIError {
	if api, ok := errors.AsType[ivschat.APIError](err); ok && api.HTTPStatusCode() >= 400 && api.HTTPStatusCode() <= 599 {
		return api
	}
	if auth, ok := errors.AsType[*sigv4.Error](err); ok {
		return &ivschat.ClientError{Code: auth.Code, Status: http.StatusForbidden, Message: auth.Message}
	}
	if malformed, ok := errors.AsType[*restjson.DecodeError](err); ok {
		return serialization(malformed.Error())
	}
	if x.r.Context().Err() == nil { // else nobody waits, and the error is most likely just that
		h.Log.Error("request failed", "operation", x.route.name, "request_id", x.requestID, "error", err)
	}
	return internal()
}
