package bench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parleychat/parley/ivschat/messaging"
)

// BenchmarkEncode appends to a buffer that is large enough.
func BenchmarkEncode(b *testing.B) {
	plain, long, attributes := message(), message(), message()
	plain.Sender.Attributes = nil
	long.Content = strings.Repeat("😀", messaging.MaxContent)
	attributes.Attributes = map[string]string{"type": "sticker", "id": "wave", "size": "2"}
	event := messaging.DeleteMessageEvent("M2YcHkgffEvU", "spam")
	event.ID, event.SendTime = "1OjMY6p8h4uv", time.Now()
	for _, bm := range []struct {
		name  string
		frame interface{ Append([]byte) []byte }
	}{
		{"message", &plain},
		{"message-of-user-with-attributes", new(message())},
		{"message-with-attributes", &attributes},
		{"message-500-emoji", &long},
		{"event", &event},
		{"error", &messaging.Error{ID: "IG5mcmlvdGlv", RequestID: "r", Code: messaging.ErrorThrottled, Message: messaging.TextThrottled}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			buf := make([]byte, 0, 4<<10)
			b.SetBytes(int64(len(bm.frame.Append(nil))))
			b.ReportAllocs()
			for b.Loop() {
				bm.frame.Append(buf)
			}
		})
	}
}
