package wsconn

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

const (
	headerKey      = "Sec-Websocket-Key"
	headerVersion  = "Sec-Websocket-Version"
	headerProtocol = "Sec-Websocket-Protocol"

	maxProtocols = 16 // nobody is known yet: their header must be cheap to judge
)

// HandshakeError is a request that is no valid WebSocket handshake.
type HandshakeError struct {
	Status int // 400 or 426
	Reason string
}

func (e *HandshakeError) Error() string { return "wsconn: no WebSocket handshake: " + e.Reason }

// SetHeader sets what the answer with Status has to carry.
func (e *HandshakeError) SetHeader(h http.Header) {
	if e.Status == http.StatusUpgradeRequired {
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
		h.Set(headerVersion, "13")
	}
}

// Check validates a handshake (RFC 6455 §4.2.1), writes nothing, and returns the
// offered subprotocols in order over all header lines. Its error is a
// *HandshakeError. The Origin is not looked at: spec: messaging.md §1.
func Check(r *http.Request) (offered []string, err error) {
	key := r.Header[headerKey]
	version := strings.Join(r.Header[headerVersion], ",")
	offered, fault := protocols(r)
	const bad, required = http.StatusBadRequest, http.StatusUpgradeRequired
	for _, rule := range []struct {
		broken bool
		status int
		reason string
	}{
		{r.ProtoMajor != 1 || r.ProtoMinor < 1, bad, "not HTTP/1.1"},
		{r.Method != http.MethodGet, bad, "method is not GET"},
		{!listed(r.Header["Upgrade"], "websocket"), required, "Upgrade is not websocket"},
		{!listed(r.Header["Connection"], "upgrade"), required, "Connection is not Upgrade"},
		{version == "", bad, "Sec-WebSocket-Version is missing"},
		{version != "13", required, "Sec-WebSocket-Version is not 13"},
		{len(key) != 1 || !validKey(key[0]), bad, "Sec-WebSocket-Key is not 16 bytes in base64"},
		{r.Host == "", bad, "Host is missing"},
		// What follows the header would be taken for frames.
		{r.ContentLength != 0 || len(r.TransferEncoding) > 0, bad, "request has a body"},
		{fault != "", bad, fault},
	} {
		if rule.broken {
			return nil, &HandshakeError{Status: rule.status, Reason: rule.reason}
		}
	}
	return offered, nil
}

// Upgrade answers the handshake with 101 and returns the connection, not yet
// reading. A protocol that is not empty must be one of those offered and is
// echoed exactly. After a *HandshakeError nothing has been written; after any
// other error nothing may be.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request, protocol string) (*Conn, error) {
	offered, err := Check(r)
	if err != nil {
		return nil, err
	}
	if protocol != "" && !slices.Contains(offered, protocol) {
		return nil, &HandshakeError{Status: http.StatusBadRequest, Reason: "subprotocol was not offered"}
	}
	upgrader := ws.HTTPUpgrader{
		Timeout:  u.o.WriteTimeout,
		Protocol: func(string) bool { return true },
	}
	nc, rw, _, err := upgrader.Upgrade(plain(r, protocol), w)
	if err != nil {
		if nc != nil {
			nc.Close()
		}
		return nil, fmt.Errorf("answer the handshake: %w", err)
	}
	var first []byte
	if n := rw.Reader.Buffered(); n > 0 {
		p, _ := rw.Reader.Peek(n) // n bytes are buffered, so Peek cannot fail
		first = slices.Clone(p)
	}
	return u.newConn(bare(nc), first), nil
}

// plain is r as the upgrader wants it: it looks at the first line of each
// header only, takes no list for Upgrade, and would pick a subprotocol itself.
func plain(r *http.Request, protocol string) *http.Request {
	h := http.Header{
		"Upgrade":     {"websocket"},
		"Connection":  {"Upgrade"},
		headerVersion: {"13"},
		headerKey:     {strings.TrimSpace(r.Header.Get(headerKey))},
	}
	if protocol != "" {
		h.Set(headerProtocol, protocol)
	}
	return &http.Request{
		Method: r.Method, Host: r.Host, Header: h,
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
	}
}

// protocols returns what is wrong with the header, "" for nothing. The value
// itself stays out of it: it may be a chat token.
func protocols(r *http.Request) (offered []string, fault string) {
	for _, p := range elements(r.Header[headerProtocol]) {
		switch {
		case strings.ContainsFunc(p, notTokenChar):
			return nil, fmt.Sprintf("Sec-WebSocket-Protocol: subprotocol %d is not a token", len(offered)+1)
		case len(offered) == maxProtocols:
			return nil, fmt.Sprintf("Sec-WebSocket-Protocol: more than %d subprotocols", maxProtocols)
		case slices.Contains(offered, p):
			return nil, fmt.Sprintf("Sec-WebSocket-Protocol: subprotocol %d is offered twice", len(offered)+1)
		}
		offered = append(offered, p)
	}
	return offered, ""
}

// elements splits comma-separated lists, dropping empty elements (RFC 9110 §5.6.1.2).
func elements(lines []string) []string {
	var list []string
	for _, line := range lines {
		for e := range strings.SplitSeq(line, ",") {
			if e = strings.Trim(e, " \t"); e != "" {
				list = append(list, e)
			}
		}
	}
	return list
}

func listed(lines []string, word string) bool {
	return slices.ContainsFunc(elements(lines), func(e string) bool { return strings.EqualFold(e, word) })
}

func validKey(key string) bool {
	nonce, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(key))
	return err == nil && len(nonce) == 16
}

// notTokenChar is the complement of tchar in RFC 7230 §3.2.6.
func notTokenChar(r rune) bool {
	alnum := '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	return !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
