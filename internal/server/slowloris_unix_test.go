//go:build unix

package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
)

// mayOpen skips a test that needs more files than there may be.
func mayOpen(t *testing.T, files uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if uint64(limit.Cur) >= files {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %d open files, and %d are allowed: raise ulimit -n", files, limit.Cur)
	}
	t.Skipf("SKIPPED: needs %d open files, and %d are allowed: raise ulimit -n", files, limit.Cur)
}

// TestHalfOpenHandshakesDisturbNobody holds handshakes that never end open while
// clients chat (spec: reliability.md, threats).
func TestHalfOpenHandshakesDisturbNobody(t *testing.T) {
	halves, clients := 2000, 1000
	if testing.Short() {
		halves, clients = 200, 100
	}
	mayOpen(t, uint64(2*(halves+clients)+500)) // both ends are here
	r := start(t, func(c *config.Config) { c.Quotas = "none" })
	room := r.room()
	sessions := make([]*websocket.Conn, clients)
	for i := range sessions {
		sessions[i] = r.connect(room, fmt.Sprint("user", i))
	}
	held := make([]net.Conn, halves)
	for i := range held {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Prot")
		held[i] = c
	}
	say := func(text string) {
		r.send(sessions[0], `{"Action":"SEND_MESSAGE","Content":"`+text+`"}`)
		var all sync.WaitGroup
		for i, c := range sessions {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if _, _, err := c.Read(ctx); err != nil {
					t.Errorf("client %d, %s: %v", i, text, err)
				}
			})
		}
		all.Wait()
	}
	say("while they hang")
	r.connect(room, "late")
	one := make([]byte, 1024)
	for i, c := range held { // the server gives each up
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		for {
			if _, err := c.Read(one); err != nil {
				if e, ok := err.(net.Error); ok && e.Timeout() {
					t.Fatalf("half-open handshake %d was held for 30 s", i)
				}
				break
			}
		}
	}
	say("when they are gone")
}

// Half a TLS handshake is given up as soon as half a header.
func TestHalfTLSHandshakesAreGivenUp(t *testing.T) {
	files := newPair(t)
	r := start(t, func(c *config.Config) { c.TLSCert, c.TLSKey = files.cert, files.key })
	var held []net.Conn
	for _, hello := range []string{"", "\x16", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"} {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprint(c, hello)
		held = append(held, c)
	}
	if got := r.serial(); got != 1 {
		t.Errorf("another is shown certificate %d meanwhile", got)
	}
	for i, c := range held {
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("half a handshake, %d, was held for 30 s", i)
		}
	}
}
