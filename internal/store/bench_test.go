package store_test

import (
	"encoding/binary"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

func benchmarkRoom() *ivschat.Room {
	now := time.Now()
	return &ivschat.Room{ID: id.New(), Name: "stage", CreateTime: now, UpdateTime: now,
		MaximumMessageRatePerSecond: 10, MaximumMessageLength: 500, Tags: map[string]string{"team": "live"}}
}

func openBenchmark(b *testing.B) *store.Store {
	s := open(b, filepath.Join(b.TempDir(), "parley.db"))
	b.Cleanup(func() { s.Close() })
	return s
}

func BenchmarkCreateRoom(b *testing.B) {
	s := openBenchmark(b)
	for b.Loop() {
		must(b, s.CreateRoom(b.Context(), tenant, benchmarkRoom(), 0))
	}
}

func BenchmarkRoom(b *testing.B) {
	s := openBenchmark(b)
	room := benchmarkRoom()
	must(b, s.CreateRoom(b.Context(), tenant, room, 0))
	for b.Loop() {
		_, err := s.Room(b.Context(), tenant, room.ID)
		must(b, err)
	}
}

func BenchmarkClaimToken(b *testing.B) {
	s := openBenchmark(b)
	var n atomic.Uint64
	b.Run("one caller", func(b *testing.B) {
		for b.Loop() {
			claimNext(b, s, &n)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
	})
	b.Run("many callers", func(b *testing.B) {
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				claimNext(b, s, &n)
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
	})
}

func claimNext(b *testing.B, s *store.Store, n *atomic.Uint64) {
	var token [16]byte
	// Tokens' ids are random: spread these over the index as those are.
	binary.BigEndian.PutUint64(token[:], n.Add(1)*0x9E3779B97F4A7C15)
	first, err := s.ClaimToken(b.Context(), token, time.Now().Add(time.Minute))
	if err != nil || !first {
		b.Errorf("claim: %v, %v", first, err)
	}
}

func BenchmarkAppendOutbox(b *testing.B) {
	s := openBenchmark(b)
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.AppendOutbox(b.Context(), []store.OutboxRecord{{Tenant: tenant, Payload: make([]byte, 350)}}, 0); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
