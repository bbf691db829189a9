package bench_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/wsconn"
)

// burst is how many messages are sent before the benchmark waits for their
// delivery: as under load, some share a write.
const burst = 64

// BenchmarkSend is one message from the checked request to the room's members,
// whose sockets only count.
func BenchmarkSend(b *testing.B) {
	for _, members := range []int{0, 10, 1000} {
		b.Run(fmt.Sprintf("members-%d", members), func(b *testing.B) {
			p := newParts(b, where)
			room := p.join(b, where, members)
			m, u, r := message(), ana(where), hello()
			frame := len(wsconn.AppendText(nil, m.Append(nil)))
			b.ReportAllocs()
			for left := 0; b.Loop(); left-- {
				if left > 0 {
					continue
				}
				left = burst
				room.expect(burst*members*frame, func() {
					for range burst {
						if _, err := p.actions.SendMessage(b.Context(), u, r, false); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

// BenchmarkSendParallel is messages to many rooms at once, without members: what
// sends share.
func BenchmarkSendParallel(b *testing.B) {
	var rooms []roomlog.Room
	for range 64 {
		rooms = append(rooms, roomlog.Room{Account: account, Region: region, ID: id.New()})
	}
	p := newParts(b, rooms...)
	var n atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		u, r := ana(rooms[n.Add(1)%int64(len(rooms))]), hello()
		for i := 0; pb.Next(); i++ {
			u.RoomID = rooms[i%len(rooms)].ID
			if _, err := p.actions.SendMessage(b.Context(), u, r, false); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
