package token_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parleychat/parley/internal/token"
)

const binding = "123456789012/us-west-2/ListRooms/0b1c"

func exampleCursor() token.Cursor {
	return token.Cursor{UpdateTime: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), ID: "abcdABCDefgh"}
}

func TestPageRoundTrip(t *testing.T) {
	p := token.NewPager([32]byte{1})
	rapid.Check(t, func(t *rapid.T) {
		want := token.Cursor{
			UpdateTime: time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC(),
			ID:         string(rapid.SliceOfN(rapid.Byte(), 0, 512).Draw(t, "id")),
		}
		where := rapid.String().Draw(t, "binding")
		text := p.Seal(want, where)
		if len(text) > token.MaxPageLength {
			t.Fatalf("%d characters", len(text))
		}
		got, err := p.Open(text, where)
		if err != nil || got != want {
			t.Fatalf("%v, %v, want %v", got, err, want)
		}
		if other := rapid.String().Draw(t, "another binding"); other != where {
			if _, err := p.Open(text, other); !errors.Is(err, token.ErrBadPageToken) {
				t.Fatalf("opened for another request: %v", err)
			}
		}
	})
}

func TestEveryChangeOfAPageTokenIsRefused(t *testing.T) {
	p := token.NewPager([32]byte{1})
	text := p.Seal(exampleCursor(), binding)
	refused := func(what, changed string) {
		if c, err := p.Open(changed, binding); !errors.Is(err, token.ErrBadPageToken) || c != (token.Cursor{}) {
			t.Fatalf("%s: %v, %v", what, c, err)
		}
	}
	for i := range text {
		for b := range 256 {
			if byte(b) != text[i] {
				refused(fmt.Sprintf("byte %d to %d", i, b), text[:i]+string([]byte{byte(b)})+text[i+1:])
			}
		}
		refused(fmt.Sprintf("cut at %d", i), text[:i])
	}
	for _, more := range []string{"A", "AAAA", "=", "\n", " ", "\x00"} {
		refused("more at the end", text+more)
	}
	refused("huge", strings.Repeat("A", 1<<20))
	refused("one over the limit", strings.Repeat("A", 1025))
	refused("text", "page 2")
}

func TestPageTokensOfOthersAreRefused(t *testing.T) {
	p := token.NewPager([32]byte{1})
	if _, err := p.Open(token.NewPager([32]byte{2}).Seal(exampleCursor(), binding), binding); !errors.Is(err, token.ErrBadPageToken) {
		t.Errorf("of another key: %v", err)
	}
	for _, other := range []string{"", binding + "0", binding[:len(binding)-1], strings.ToUpper(binding)} {
		if _, err := p.Open(p.Seal(exampleCursor(), binding), other); !errors.Is(err, token.ErrBadPageToken) {
			t.Errorf("for binding %q: %v", other, err)
		}
	}
	// Even if one key were used for both, a chat token is no page token.
	key := token.Key{ID: "k", Secret: [32]byte{1}}
	chat := seal(t, ring(t, key), example())
	if _, err := p.Open(strings.TrimPrefix(chat, "parley.v1.k."), "parley.v1.k."); !errors.Is(err, token.ErrBadPageToken) {
		t.Errorf("a chat token: %v", err)
	}
	if _, err := ring(t, key).Open("parley.v1.k." + p.Seal(exampleCursor(), "")); !errors.Is(err, token.ErrForged) {
		t.Errorf("a page token as chat token: %v", err)
	}
}

func FuzzOpenPage(f *testing.F) {
	p := token.NewPager([32]byte{1})
	f.Add(p.Seal(exampleCursor(), binding), binding)
	f.Add(p.Seal(token.Cursor{}, ""), "")
	f.Add("", "")
	f.Add("AAAA", binding)
	f.Fuzz(func(t *testing.T, text, where string) {
		c, err := p.Open(text, where)
		if err != nil {
			if !errors.Is(err, token.ErrBadPageToken) || c != (token.Cursor{}) {
				t.Errorf("%v, %v", c, err)
			}
			return
		}
		if again, err := p.Open(p.Seal(c, where), where); err != nil || again != c {
			t.Errorf("%v became %v, %v", c, again, err)
		}
	})
}

func BenchmarkPage(b *testing.B) {
	p := token.NewPager([32]byte{1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Open(p.Seal(exampleCursor(), binding), binding); err != nil {
			b.Fatal(err)
		}
	}
}
