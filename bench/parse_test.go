package bench_test

import (
	"strings"
	"testing"

	"github.com/parleychat/parley/ivschat/messaging"
)

func BenchmarkParseRequest(b *testing.B) {
	const head = `{"Action":"SEND_MESSAGE","RequestId":"8fe65e61-1fa2-4563-a90d-c53521e0e63c",`
	for _, bm := range []struct{ name, text string }{
		{"short", head + `"Content":"Hello, everyone!"}`},
		{"500-ascii", head + `"Content":"` + strings.Repeat("abcde fghi", 50) + `"}`},
		{"500-emoji", head + `"Content":"` + strings.Repeat("😀", 500) + `"}`},
		{"escapes", head + `"Content":"caf\u00e9 \ud83d\ude00 \"quoted\"\n"}`},
		{"attributes", head + `"Content":"Hello, everyone!","Attributes":{"type":"sticker","id":"wave","size":"2"}}`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			text := []byte(bm.text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := messaging.ParseRequest(text)
				if err == nil {
					err = r.Check()
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
