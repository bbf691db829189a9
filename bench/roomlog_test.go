package bench_test

import (
	"testing"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/memlog"
)

type subscriber struct{ got int }

func (s *subscriber) Deliver(roomlog.Room, roomlog.Entry) { s.got++ }

func BenchmarkAppend(b *testing.B) {
	m := message()
	entry := roomlog.Entry{Kind: roomlog.KindMessage, ID: m.ID, Time: m.SendTime, Payload: m.Append(nil)}
	for _, bm := range []struct {
		name        string
		subscribers int
	}{{"no-subscriber", 0}, {"one-subscriber", 1}} {
		b.Run(bm.name, func(b *testing.B) {
			log := memlog.New(memlog.Options{})
			defer log.Close()
			for range bm.subscribers {
				_, cancel, err := log.Subscribe(b.Context(), where, &subscriber{})
				must(b, err)
				defer cancel()
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := log.Append(b.Context(), where, entry, roomlog.Terms{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
