package storetest

import (
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// crowd is how many callers a benchmark has for each processor.
const crowd = 64

// Bench measures an empty store: calls a second, of one caller and of many.
func Bench(b *testing.B, s *store.Store) {
	var tokens atomic.Uint64
	room := BenchRoom()
	if err := s.CreateRoom(b.Context(), here, room, 0); err != nil {
		b.Fatal(err)
	}
	for _, call := range []struct {
		name string
		do   func(b *testing.B) error
	}{
		{"CreateRoom", func(b *testing.B) error { return s.CreateRoom(b.Context(), here, BenchRoom(), 0) }},
		{"GetRoom", func(b *testing.B) error {
			_, err := s.Room(b.Context(), here, room.ID)
			return err
		}},
		{"ClaimToken", func(b *testing.B) error {
			var token [16]byte
			// Tokens' ids are random: spread these over the index as those are.
			binary.BigEndian.PutUint64(token[:], tokens.Add(1)*0x9E3779B97F4A7C15)
			first, err := s.ClaimToken(b.Context(), token, time.Now().Add(time.Minute))
			if err == nil && !first {
				b.Error("a new token was used before")
			}
			return err
		}},
		{"AppendOutbox", func(b *testing.B) error {
			return s.AppendOutbox(b.Context(), []store.OutboxRecord{{Tenant: here, RoomID: room.ID,
				LoggingConfigurations: []string{loggingARN(here, "a")}, Payload: make([]byte, 350)}}, 0)
		}},
	} {
		b.Run(call.name+"/one caller", func(b *testing.B) {
			for b.Loop() {
				if err := call.do(b); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
		b.Run(call.name+"/many callers", func(b *testing.B) {
			b.SetParallelism(crowd)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := call.do(b); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}

// BenchRoom returns a room as most are.
func BenchRoom() *ivschat.Room {
	now := time.Now()
	return &ivschat.Room{ID: id.New(), Name: "stage", CreateTime: now, UpdateTime: now,
		MaximumMessageRatePerSecond: 10, MaximumMessageLength: 500, Tags: map[string]string{"team": "live"}}
}
