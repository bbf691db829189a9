package bench

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
)

// hello is a handshake that is under way (RFC 6455 §4.1).
type hello struct {
	request []byte
	token   string
	accept  string // what Sec-WebSocket-Accept must be
	began   int64
}

const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// maxAnswer is the longest answer to a handshake that is read.
const maxAnswer = 16 << 10

func newHello(u *url.URL, token string, began int64) *hello {
	var nonce [16]byte
	rand.Read(nonce[:])
	wsKey := base64.StdEncoding.EncodeToString(nonce[:])
	sum := sha1.Sum([]byte(wsKey + acceptGUID))
	h := &hello{token: token, accept: base64.StdEncoding.EncodeToString(sum[:]), began: began}
	h.request = fmt.Appendf(make([]byte, 0, 256+len(token)),
		"GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", u.RequestURI(), u.Host, wsKey)
	if token != "" {
		h.request = fmt.Appendf(h.request, "Sec-WebSocket-Protocol: %s\r\n", token)
	}
	h.request = append(h.request, "\r\n"...)
	return h
}

// refusedError is an answer that is not 101.
type refusedError struct{ status string }

func (e *refusedError) Error() string { return "refused: " + e.status }

var (
	errNoHTTP   = errors.New("the answer to the handshake is no HTTP")
	errTooLong  = errors.New("the answer to the handshake is too long")
	errAccept   = errors.New("the answer has the wrong Sec-WebSocket-Accept")
	errProtocol = errors.New("the answer does not repeat the chat token")
)

// answer reads the answer to the handshake. size is 0 while it is incomplete.
func (h *hello) answer(buf []byte) (size int, err error) {
	end := bytes.Index(buf, []byte("\r\n\r\n"))
	if end < 0 {
		if len(buf) > maxAnswer {
			return 0, errTooLong
		}
		return 0, nil
	}
	first, rest, _ := bytes.Cut(buf[:end], []byte("\r\n"))
	version, status, ok := bytes.Cut(first, []byte(" "))
	if !ok || !bytes.HasPrefix(version, []byte("HTTP/1.")) || len(status) < 3 {
		return 0, errNoHTTP
	}
	if string(status[:3]) != "101" {
		return 0, &refusedError{string(status)}
	}
	accepted, echoed := false, h.token == ""
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Sec-WebSocket-Accept")):
			accepted = string(value) == h.accept
		case bytes.EqualFold(name, []byte("Sec-WebSocket-Protocol")):
			echoed = string(value) == h.token
		}
	}
	switch {
	case !accepted:
		return 0, errAccept
	case !echoed:
		return 0, errProtocol
	}
	return end + 4, nil
}
