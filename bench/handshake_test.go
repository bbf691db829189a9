package bench_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/token"
)

// BenchmarkHandshake is connections over loopback, from dial to 101: the token
// opened and claimed, the room joined. The client goes at once, without a Close
// frame. Making its token is measured too.
func BenchmarkHandshake(b *testing.B) {
	for _, bm := range []struct {
		name string
		dev  bool
	}{{"memory", true}, {"disk", false}} {
		b.Run(bm.name, func(b *testing.B) {
			s, address, room := serve(b, bm.dev)
			ring := s.Tokens()
			where, ok := arn.Parse(room)
			if !ok {
				b.Fatalf("no ARN: %s", room)
			}
			must(b, connect(address, ring, where)) // the first is the slowest
			b.SetParallelism(32)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := connect(address, ring, where); err != nil {
						b.Error(err)
						return
					}
				}
			})
			report(b, cpu(b)-before, "handshake")
		})
	}
}

func connect(address string, ring *token.Ring, room arn.ARN) error {
	c := claims()
	c.Account, c.Region, c.RoomID = room.Account, room.Region, room.ID
	rand.Read(c.ID[:])
	text, err := ring.Seal(c)
	if err != nil {
		return err
	}
	nc, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return err
	}
	defer nc.Close()
	// A reset leaves no port waiting.
	if err := nc.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(nc, "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", address, text); err != nil {
		return err
	}
	answer := make([]byte, 1024)
	n, err := nc.Read(answer)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("HTTP/1.1 %d ", http.StatusSwitchingProtocols); string(answer[:min(n, len(want))]) != want {
		return fmt.Errorf("answer %q", answer[:n])
	}
	return nil
}
