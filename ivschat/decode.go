package ivschat

import (
	"encoding/json"
	"net/http"
	"strings"
)

// exception is what all modelled exceptions are.
type exception interface {
	APIError
	setRequest(id string)
}

func (r *Request) setRequest(id string) { r.ID = id }

// newException returns an empty exception for a code of the model, nil for others.
func newException(code string) exception {
	switch code {
	case "AccessDeniedException":
		return new(AccessDeniedException)
	case "ConflictException":
		return new(ConflictException)
	case "InternalServerException":
		return new(InternalServerException)
	case "PendingVerification":
		return new(PendingVerification)
	case "ResourceNotFoundException":
		return new(ResourceNotFoundException)
	case "ServiceQuotaExceededException":
		return new(ServiceQuotaExceededException)
	case "ThrottlingException":
		return new(ThrottlingException)
	case "ValidationException":
		return new(ValidationException)
	}
	return nil
}

// decodeError returns the exception an answer carries. The header names it
// before the body does (spec: control-plane.md §5). Members are taken as far
// as they can be read: a refusal must not get lost in a bad body.
func decodeError(resp *http.Response, body []byte) APIError {
	var said struct {
		Code    string `json:"code"`
		Type    string `json:"__type"`
		Message string `json:"message"` // or Message, as proxies and older services spell it
	}
	_ = json.Unmarshal(body, &said)
	id := requestID(resp.Header)
	for _, name := range []string{resp.Header.Get("X-Amzn-Errortype"), said.Code, said.Type} {
		code := bareCode(name)
		if code == "" {
			continue
		}
		if e := newException(code); e != nil {
			_ = json.Unmarshal(body, e)
			e.setRequest(id)
			return e
		}
		return &ClientError{Request: Request{ID: id}, Code: code, Status: resp.StatusCode, Message: said.Message}
	}
	message := said.Message
	if message == "" {
		message = http.StatusText(resp.StatusCode)
	}
	return &ClientError{Request: Request{ID: id}, Code: "UnknownError", Status: resp.StatusCode, Message: message}
}

// bareCode takes namespace and documentation link off a code:
// "com.amazonaws.ivschat#ConflictException:http://…".
func bareCode(code string) string {
	code, _, _ = strings.Cut(code, ":")
	return strings.TrimSpace(code[strings.LastIndexByte(code, '#')+1:])
}

func requestID(h http.Header) string {
	if id := h.Get("X-Amzn-Requestid"); id != "" {
		return id
	}
	return h.Get("X-Amz-Request-Id")
}
