package messaging

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gobwas/ws"
)

// maxRefusal is how much of a refusal's body is read.
const maxRefusal = 4 << 10

// open tries once: a token, then a connection with it. The error is a
// *TokenError, a *HandshakeError or of the network.
func (r *Room) open(ctx context.Context) (*session, error) {
	token, err := r.config.TokenProvider(ctx)
	if err == nil {
		err = token.check()
	}
	if err != nil {
		return nil, &TokenError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, r.config.HandshakeTimeout)
	defer cancel()
	conn, early, err := r.dial(ctx, token.Token)
	if err != nil {
		return nil, err
	}
	return newSession(&r.config, conn, early, token.SessionExpirationTime), nil
}

// dial makes a handshake. early is what the service sent right behind its
// answer.
func (r *Room) dial(ctx context.Context, token string) (conn net.Conn, early []byte, err error) {
	var refused *HandshakeError
	dialer := ws.Dialer{
		Protocols: []string{token},
		Header:    ws.HandshakeHeaderHTTP(r.config.Header),
		NetDial:   r.config.DialContext,
		TLSConfig: r.config.TLSConfig,
		OnStatusError: func(status int, _ []byte, answer io.Reader) {
			refused = refusal(status, answer)
		},
	}
	conn, br, handshake, err := dialer.Dial(ctx, r.url)
	if br != nil {
		early = make([]byte, br.Buffered())
		io.ReadFull(br, early) // from the buffer: it cannot fail
		ws.PutReader(br)
	}
	switch {
	case refused != nil:
		return nil, nil, refused
	case err != nil:
		return nil, nil, err
	case handshake.Protocol != token:
		conn.Close()
		return nil, nil, errors.New("the service did not accept the token as a subprotocol")
	}
	return conn, early, nil
}

// refusal reads the answer to a handshake that failed.
func refusal(status int, answer io.Reader) *HandshakeError {
	e := &HandshakeError{Status: status, Message: http.StatusText(status)}
	response, err := http.ReadResponse(bufio.NewReader(answer), nil)
	if err != nil {
		return e
	}
	defer response.Body.Close()
	e.RetryAfter = retryAfter(response.Header.Get("Retry-After"))
	body, err := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	var said struct {
		Message string `json:"message"`
	}
	if err == nil && json.Unmarshal(bytes.TrimSpace(body), &said) == nil && said.Message != "" {
		e.Message = said.Message
	}
	return e
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		// Beyond a day it makes no difference, save that it must not overflow.
		return time.Duration(min(max(seconds, 0), 86400)) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(time.Until(date), 0)
	}
	return 0
}
