package bench_test

import (
	"errors"
	"testing"

	"github.com/parleychat/parley/internal/token"
)

func BenchmarkTokenSeal(b *testing.B) {
	r, c := ring(b), claims()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Seal(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTokenOpen(b *testing.B) {
	key := token.NewKey()
	r, err := token.NewRing(key)
	must(b, err)
	good, err := r.Seal(claims())
	must(b, err)
	other := token.NewKey()
	other.ID = key.ID
	forger, err := token.NewRing(other)
	must(b, err)
	forged, err := forger.Seal(claims())
	must(b, err)
	for _, bm := range []struct {
		name, text string
		want       error
	}{{"good", good, nil}, {"forged", forged, token.ErrForged}} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Open(bm.text); !errors.Is(err, bm.want) {
					b.Fatal(err)
				}
			}
		})
	}
}
