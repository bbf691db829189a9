package ivschattest

import "testing"

// The target is under 50 ms from nothing to serving, and back.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		_, stop, err := start()
		if err != nil {
			b.Fatal(err)
		}
		if err := stop(); err != nil {
			b.Fatal(err)
		}
	}
}
