package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"
)

func serverFrame(op byte, fin bool, payload string) []byte {
	var b bytes.Buffer
	// A buffer takes every write.
	_ = ws.WriteFrame(&b, ws.Frame{Header: ws.Header{Fin: fin, OpCode: ws.OpCode(op), Length: int64(len(payload))}, Payload: []byte(payload)})
	return b.Bytes()
}

// scan reads frames as a loop does: what is left of a read begins the next.
func scan(chunks ...[]byte) (frames []string, err error) {
	var kept []byte
	for _, chunk := range chunks {
		kept = append(kept, chunk...)
		for len(kept) > 0 {
			f, err := nextFrame(kept)
			if err != nil {
				return frames, err
			}
			if f.size == 0 {
				break
			}
			frames = append(frames, fmt.Sprintf("%d %t %x", f.op, f.fin, f.payload))
			kept = kept[f.size:]
		}
	}
	return append(frames, fmt.Sprintf("left %x", kept)), nil
}

func FuzzScanner(f *testing.F) {
	f.Add(append(serverFrame(opText, true, "hello"), serverFrame(opPing, true, "")...))
	f.Add(serverFrame(opText, true, strings.Repeat("a", 126)))
	f.Add(append(serverFrame(opText, false, "a"), serverFrame(opContinuation, true, "b")...))
	f.Add(serverFrame(opClose, true, "\x03\xe8bye"))
	f.Add([]byte{0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x81, 0x85, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 600 {
			data = data[:600]
		}
		want, wantErr := scan(data)
		for at := range data {
			got, err := scan(data[:at], data[at:])
			if !errors.Is(err, wantErr) && fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("split at %d: %v, in one piece %v", at, err, wantErr)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("split at %d: -in one piece +split\n%s", at, diff)
			}
		}
	})
}

// What the scanner reads is what another implementation wrote, and the other
// way round.
func TestFramesAgreeWithAnotherImplementation(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		payload := strings.Repeat("p", size)
		if size <= maxPayload {
			f, err := nextFrame(serverFrame(opText, true, payload))
			if err != nil || string(f.payload) != payload || f.op != opText || !f.fin {
				t.Errorf("%d bytes: got frame of %d bytes, %v", size, len(f.payload), err)
			}
		}
		r := bytes.NewReader(appendFrame(nil, opText, []byte(payload)))
		h, err := ws.ReadHeader(r)
		if err != nil || !h.Masked || !h.Fin || h.Length != int64(size) {
			t.Fatalf("%d bytes: header %+v, %v", size, h, err)
		}
		got, err := io.ReadAll(r)
		ws.Cipher(got, h.Mask, 0)
		if err != nil || string(got) != payload {
			t.Errorf("%d bytes came out otherwise, %v", size, err)
		}
	}
}

func TestScannerRefuses(t *testing.T) {
	long := []byte{0x81, 127}
	long = binary.BigEndian.AppendUint64(long, maxPayload+1)
	for name, data := range map[string][]byte{
		"masked":        {0x81, 0x80, 0, 0, 0, 0},
		"reserved bit":  {0xc1, 0},
		"unknown op":    {0x83, 0},
		"split control": {0x09, 0},
		"long control":  {0x89, 126, 0, 126},
		"too long":      long,
	} {
		if f, err := nextFrame(data); err == nil {
			t.Errorf("%s: got %+v", name, f)
		}
	}
}

func TestHandshakeAnswer(t *testing.T) {
	u, err := url.Parse("ws://127.0.0.1:1/path?q=1")
	if err != nil {
		t.Fatal(err)
	}
	h := newHello(u, "token", 0)
	if !bytes.HasPrefix(h.request, []byte("GET /path?q=1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n")) {
		t.Errorf("request %q", h.request)
	}
	good := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-accept: " + h.accept + "\r\nSec-WebSocket-Protocol: token\r\n\r\n"
	for at := range len(good) {
		if size, err := h.answer([]byte(good[:at])); size != 0 || err != nil {
			t.Fatalf("after %d bytes: %d, %v", at, size, err)
		}
	}
	if size, err := h.answer([]byte(good + "\x81\x00")); size != len(good) || err != nil {
		t.Errorf("got %d, %v; want %d", size, err, len(good))
	}
	for want, answer := range map[string]string{
		"refused: 403 Forbidden": "HTTP/1.1 403 Forbidden\r\n\r\n",
		errAccept.Error():        strings.Replace(good, h.accept, "AAAA", 1),
		errProtocol.Error():      strings.Replace(good, "Protocol: token", "Protocol: other", 1),
		errNoHTTP.Error():        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
		errTooLong.Error():       strings.Repeat("x", maxAnswer+1),
	} {
		if _, err := h.answer([]byte(answer)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
