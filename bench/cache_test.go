package bench_test

import "testing"

// BenchmarkRoomCache finds the record of a room that is in use.
func BenchmarkRoomCache(b *testing.B) {
	p, u := newParts(b, where), ana(where)
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := p.actions.Admit(b.Context(), u); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := p.actions.Admit(b.Context(), u); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
