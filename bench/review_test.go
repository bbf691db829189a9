package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/review"
)

// words writes a list of 1,000 words and phrases and 50 expressions.
func words(b *testing.B) string {
	b.Helper()
	var list strings.Builder
	for i := range 1000 {
		switch i % 10 {
		case 0:
			fmt.Fprintf(&list, "phrase of %s\n", letters(i))
		case 1:
			fmt.Fprintf(&list, "*%s*\n", letters(i))
		default:
			fmt.Fprintf(&list, "%s\n", letters(i))
		}
	}
	for i := range 50 {
		fmt.Fprintf(&list, []string{
			`/buy\s+(cheap|free)\s+%s/`, `/%s[0-9]{2,}/`, `/(join|visit)\s+my\s+%s/`, `/\b%ss?\b.{0,10}now/`, `/%s(\.|dot)tv/`,
		}[i%5]+"\n", letters(5000+i))
	}
	path := filepath.Join(b.TempDir(), "words.txt")
	must(b, os.WriteFile(path, []byte(list.String()), 0o600))
	return path
}

// letters returns a word that no language has.
func letters(i int) string {
	const consonants, vowels = "bcdfghklmnprstvz", "aeiou"
	i = i*2654435761>>3&0xffffff + 1
	var word []byte
	for len(word) < 7 {
		word = append(word, consonants[i%16], vowels[i/16%5])
		i = i/80 + len(word)*7919
	}
	return string(word)
}

// BenchmarkReview is the built-in handlers on messages that pass them all: a list
// of 1,000 words and 50 expressions, duplicates, links. Messages are 60 to 110
// characters long.
func BenchmarkReview(b *testing.B) {
	const uri = "arn:aws:lambda:" + region + ":" + account + ":function:review"
	list := "builtin:wordlist?file=" + words(b)
	texts := map[string][]string{
		"ascii": {
			"omg that last play was unreal, did anyone see how the keeper just stood there and watched it",
			"Hello everyone! Watching from Berlin, the stream is finally smooth today :)",
			"can someone tell me what song this is? it was in the intro yesterday and i cannot find it anywhere",
			"LETS GOOO 10-2, we are not losing this one. Visit my timeline for the 2019 final",
		},
		"unicode": {
			"Ça va être incroyable ce soir 🎉 j’espère qu’ils vont jouer la dernière chanson de l’été",
			"Привет всем! Смотрю из Берлина, сегодня наконец-то нормально показывает, без тормозов",
			"今日の配信すごく楽しいです、みなさんどこから見ていますか？東京は雨ですけど最高です",
		},
		"hits": { // expressions that have to be run, and do not match
			"they said " + letters(5001) + " again and again, then " + letters(5007) + " for a while and that was it",
		},
	}
	for _, bm := range []struct {
		name, text string
		endpoints  []string
	}{
		{"wordlist/ascii", "ascii", []string{list}},
		{"wordlist/unicode", "unicode", []string{list}},
		{"wordlist/hits", "hits", []string{list}},
		{"duplicates/ascii", "ascii", []string{"builtin:ratelimit-duplicates"}},
		{"links/ascii", "ascii", []string{"builtin:links"}},
		{"chain/ascii", "ascii", []string{list, "builtin:ratelimit-duplicates", "builtin:links"}},
		{"chain/unicode", "unicode", []string{list, "builtin:ratelimit-duplicates", "builtin:links"}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			r, err := review.New(b.Context(), review.Options{Routes: []review.Route{{Pattern: uri, Endpoints: bm.endpoints}}})
			must(b, err)
			defer r.Close()
			q := review.Request{MessageID: "M2YcHkgffEvU", RoomARN: "arn:aws:ivschat:" + region + ":" + account + ":room/abcdABCDefgh", MaxContent: 500}
			contents := texts[bm.text]
			users := make([]string, 4096)
			for i := range users {
				users[i] = fmt.Sprint("user-", i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q.Content, q.Sender.UserID = contents[i%len(contents)], users[i%len(users)]
				if i%len(users) == 0 { // nobody says the same again
					q.RoomARN = q.RoomARN[:len(q.RoomARN)-12] + fmt.Sprintf("%012d", i)
				}
				v, err := r.Review(b.Context(), review.Handler{URI: uri}, q)
				if err != nil || v.Deny || v.Failure != nil {
					b.Fatalf("%q: %+v, %v", q.Content, v, err)
				}
			}
		})
	}
}
