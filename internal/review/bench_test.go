package review_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/review"
)

// BenchmarkWebhook is 1,000 reviews a second by a webhook, or a function by the
// Invoke API, over loopback, with the endpoint in the same process. A review's
// time counts from when it was due.
func BenchmarkWebhook(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, allow)
	}))
	b.Cleanup(s.Close)
	for name, text := range map[string]string{"webhook": s.URL, "lambda": "lambda+" + s.URL} {
		b.Run(name, func(b *testing.B) {
			r := reviewer(b, review.Options{WebhookSecret: "0123456789abcdef"}, text)
			took := make([]time.Duration, b.N)
			var all sync.WaitGroup
			start := time.Now()
			for i := range b.N {
				due := start.Add(time.Duration(i) * time.Millisecond)
				time.Sleep(time.Until(due))
				all.Go(func() {
					v, err := r.Review(b.Context(), review.Handler{URI: function}, message())
					if err != nil || v.Failure != nil {
						b.Errorf("%+v, %v", v, err)
					}
					took[i] = time.Since(due)
				})
			}
			all.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "reviews/s")
			b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
