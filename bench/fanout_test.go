package bench_test

import (
	"fmt"
	"testing"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/wsconn"
)

// BenchmarkFanout is entries of a room log on their way to 1,000 members, one
// at a time and several in one flush.
func BenchmarkFanout(b *testing.B) {
	const members = 1000
	m := message()
	entry := roomlog.Entry{Kind: roomlog.KindMessage, ID: m.ID, Time: m.SendTime, Payload: m.Append(nil)}
	frame := len(wsconn.AppendText(nil, entry.Payload))
	for _, entries := range []int{1, 64} {
		b.Run(fmt.Sprintf("entries-%d", entries), func(b *testing.B) {
			p := newParts(b)
			room := p.join(b, where, members)
			b.ReportAllocs()
			for b.Loop() {
				room.expect(entries*members*frame, func() {
					for range entries {
						if _, err := p.log.Append(b.Context(), where, entry, roomlog.Terms{}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*entries*members), "ns/delivery")
		})
	}
}
