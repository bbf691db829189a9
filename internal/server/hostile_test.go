package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"

	"github.com/parleychat/parley/internal/config"
)

// hostileFrames are text messages that get an ERROR with the code and leave
// the connection open.
var hostileFrames = []struct {
	frame     string
	code      int
	requestID string
}{
	{``, 400, ""}, {` `, 400, ""}, {`nonsense`, 400, ""}, {`null`, 400, ""}, {`[]`, 400, ""}, {`"x"`, 400, ""},
	{`{`, 400, ""}, {`{}`, 400, ""}, {`{"Action":`, 400, ""}, {`{"Action":"SEND_MESSAGE"`, 400, ""},
	{`{"RequestId":"r"}`, 400, "r"},
	{`{"RequestId":"r","Action":"NOPE"}`, 400, "r"},
	{`{"RequestId":"r","Action":7}`, 400, "r"},
	{`{"RequestId":"r","Action":"send_message","Content":"x"}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE"}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":""}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":1}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":["x"]}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"` + strings.Repeat("é", 501) + `"}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","content":"y"}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":[]}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":{"a":1}}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":{"a":"` + strings.Repeat("x", 1024) + `"}}`, 413, "r"},
	{`{"RequestId":"` + strings.Repeat("r", 129) + `","Action":"SEND_MESSAGE","Content":"x"}`, 413, ""},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"\u12"}`, 400, "r"},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","x":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `}`, 400, "r"},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE"}`, 400, "r"},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":"../../etc/pa"}`, 400, "r"},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":"abcdABCDefgh","Reason":"` + strings.Repeat("x", 257) + `"}`, 413, "r"},
	{`{"RequestId":"r","Action":"DISCONNECT_USER"}`, 400, "r"},
	{`{"RequestId":"r","Action":"DISCONNECT_USER","UserId":"` + strings.Repeat("x", 129) + `"}`, 413, "r"},
	{`{"RequestId":"r","Action":"DISCONNECT_USER","UserId":"u","Reason":""}`, 400, "r"},
	{strings.Repeat("[", 16000), 400, ""},
	{strings.Repeat(`{"a":`, 3000), 400, ""},
}

// hostileBytes are raw bytes on an open connection, with the Close code they end it with.
var hostileBytes = []struct {
	what  string
	bytes []byte
	code  ws.StatusCode
}{
	{"unmasked frame", []byte{0x81, 0x01, 'x'}, 1002},
	{"reserved bit", []byte{0xc1, 0x80, 0, 0, 0, 0}, 1002},
	{"reserved opcode", []byte{0x83, 0x80, 0, 0, 0, 0}, 1002},
	{"reserved control opcode", []byte{0x8b, 0x80, 0, 0, 0, 0}, 1002},
	{"continuation of nothing", []byte{0x80, 0x80, 0, 0, 0, 0}, 1002},
	{"fragmented ping", []byte{0x09, 0x80, 0, 0, 0, 0}, 1002},
	{"ping of 126 bytes", append([]byte{0x89, 0xfe, 0, 126, 0, 0, 0, 0}, make([]byte, 126)...), 1002},
	{"invalid UTF-8", []byte{0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28}, 1007},
	{"invalid UTF-8 over two frames", []byte{0x01, 0x81, 0, 0, 0, 0, 0xc3, 0x80, 0x81, 0, 0, 0, 0, 0x28}, 1007},
	{"message over the limit", []byte{0x81, 0xfe, 0x40, 0x01, 0, 0, 0, 0}, 1009},
	{"message far over the limit", []byte{0x81, 0xff, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1009},
	{"length with the top bit", []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1002},
	{"close of one byte", []byte{0x88, 0x81, 0, 0, 0, 0, 3}, 1002},
	{"close with code 1005", []byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed}, 1002},
	{"close with code 999", []byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe7}, 1002},
	{"a new message inside a fragmented one", []byte{0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0}, 1002},
}

// hostileHandshakes are whole requests, with the status they get.
var hostileHandshakes = []struct {
	request string
	status  int
}{
	{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", 426},
	{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n", 426},
	{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", 401},
	{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a,b\r\n\r\n", 401},
	{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a/b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: parley.v1." + strings.Repeat("A", 8000) + "\r\n\r\n", 401},
	{"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("A", 40000) + "\r\n\r\n", 431},
	{"GET / HTTP/1.1\r\n\r\n", 400},
	{"GET  HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"nonsense\r\n\r\n", 400},
}

func TestHostileFramesAndHandshakes(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Quotas = "none" })
	room := r.room()
	friend := r.connect(room, "friend")
	n := 0
	// The server still serves after each.
	serves := func() {
		t.Helper()
		n++
		r.send(friend, fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":"%d","Content":"still there?"}`, n))
		if f := r.read(friend); f.Type != "MESSAGE" || f.RequestId != fmt.Sprint(n) {
			t.Fatalf("the friend got %+v", f)
		}
	}
	for _, test := range hostileFrames {
		c := r.connect(room, "foe")
		r.send(c, test.frame)
		if f := r.read(c); f.Type != "ERROR" || f.ErrorCode != test.code || f.RequestId != test.requestID || f.ErrorMessage == "" || len(f.Id) != 12 {
			t.Errorf("%.80q: got %+v, want ERROR %d %q", test.frame, f, test.code, test.requestID)
		}
		r.send(c, `{"Action":"SEND_MESSAGE","RequestId":"after","Content":"x"}`)
		if f := r.read(c); f.RequestId != "after" || f.Type != "MESSAGE" {
			t.Errorf("%.80q: the connection is not open after it: %+v", test.frame, f)
		}
		r.read(friend)
		c.Close(websocket.StatusNormalClosure, "")
		serves()
	}
	for _, test := range hostileBytes {
		if got := r.closeCode(r.token(room, "foe"), test.bytes); got != test.code {
			t.Errorf("%s: closed with %d, want %d", test.what, got, test.code)
		}
		serves()
	}
	for _, test := range hostileHandshakes {
		if got := r.status(test.request); got != test.status {
			t.Errorf("%.120q: %d, want %d", test.request, got, test.status)
		}
		serves()
	}
	t.Logf("%d hostile frames and handshakes", n)
}

// closeCode opens a connection, writes raw bytes and returns the code of the
// Close frame that answers them.
func (r *running) closeCode(token string, raw []byte) ws.StatusCode {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n", token)
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatalf("handshake: %v %v", response, err)
	}
	conn.Write(raw)
	for {
		f, err := readFrame(in)
		if err != nil {
			return 0
		}
		if f.Header.OpCode == ws.OpClose {
			code, _ := ws.ParseCloseFrameData(f.Payload)
			return code
		}
	}
}

func (r *running) status(request string) int {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	conn.Write([]byte(request))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}
