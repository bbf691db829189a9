package token_test

import (
	"errors"
	"testing"

	"github.com/parleychat/parley/internal/token"
)

func FuzzOpen(f *testing.F) {
	key := token.Key{ID: "fuzz", Secret: [32]byte{1}}
	r := ring(f, key)
	for _, c := range []token.Claims{example(), largest()} {
		f.Add(seal(f, r, c))
	}
	for _, text := range []string{"", "parley.v1.fuzz.", "parley.v1.fuzz.AAAA", "parley.v1..", "parley.v2.fuzz.AAAA", "…"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := r.Open(text)
		if err == nil {
			if again := seal(t, r, c); len(again) != len(text) {
				t.Errorf("claims of %d characters come from %d", len(again), len(text))
			}
			return
		}
		if !oneOf(err, token.ErrMalformed, token.ErrUnknownKey, token.ErrForged) {
			t.Errorf("an error of its own: %v", err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	for name, c := range map[string]token.Claims{"example": example(), "largest": largest()} {
		b.Run(name, func(b *testing.B) {
			r := ring(b, token.NewKey())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Seal(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for name, c := range map[string]token.Claims{"example": example(), "largest": largest()} {
		b.Run(name, func(b *testing.B) {
			r := ring(b, token.NewKey())
			text := seal(b, r, c)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Open(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenForged(b *testing.B) {
	key := token.NewKey()
	r := ring(b, key)
	other := token.NewKey()
	other.ID = key.ID
	text := seal(b, ring(b, other), example())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(text); !errors.Is(err, token.ErrForged) {
			b.Fatal(err)
		}
	}
}
