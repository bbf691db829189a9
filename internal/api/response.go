package api

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"

	"github.com/parleychat/parley/internal/restjson"
	"github.com/parleychat/parley/ivschat"
)

// format is how a protocol writes answers down.
type format interface {
	contentType() string
	success(out any, requestID string) ([]byte, error)
	// failure returns the body, and the code as the protocol names it.
	failure(e ivschat.APIError, requestID string) (body []byte, code string)
}

type jsonFormat struct{}

func (jsonFormat) contentType() string { return "application/json" }

func (jsonFormat) success(out any, _ string) ([]byte, error) { return restjson.Marshal(out) }

func (jsonFormat) failure(e ivschat.APIError, _ string) ([]byte, string) {
	return restjson.AppendError(e.ErrorCode(), e), e.ErrorCode()
}

// response is all of a response but its headers that are always the same.
type response struct {
	status int
	code   string // of the exception, "" for a success
	body   []byte
}

func (x *exchange) success(out any) (response, error) {
	if x.route.bodiless || x.route.status == http.StatusNoContent {
		return response{status: x.route.status}, nil
	}
	body, err := x.route.format.success(out, x.requestID)
	if err != nil {
		return response{}, fmt.Errorf("encode the output: %w", err)
	}
	return response{status: x.route.status, body: body}, nil
}

func (x *exchange) failure(e ivschat.APIError) response {
	body, code := x.route.format.failure(e, x.requestID)
	return response{status: e.HTTPStatusCode(), code: code, body: body}
}

// write sends the response. A client that has gone cannot be told anything, so
// what Write answers is of no use.
func (r response) write(x *exchange) {
	header := x.w.Header()
	header.Set("X-Amzn-Requestid", x.requestID)
	if r.code != "" {
		header.Set("X-Amzn-Errortype", r.code)
	}
	if r.body != nil {
		header.Set("Content-Type", x.route.format.contentType())
		header.Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	x.w.WriteHeader(r.status)
	_, _ = x.w.Write(r.body)
}

// newRequestID returns a random UUID, which is what request ids look like.
func newRequestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand crashes the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text := make([]byte, 0, 36)
	for i, part := range [...][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}
