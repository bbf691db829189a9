package token_test

import (
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
