package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// One client, one connection, one signature that is verified every time.
func BenchmarkGetRoom(b *testing.B) {
	s := newServer(b)
	body := `{"identifier":"` + room + `"}`
	r := s.signed(http.MethodPost, "/GetRoom", body)
	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader(body))
		if got := s.send(r); got.status != http.StatusOK {
			b.Fatalf("status %d, %s", got.status, got.body)
		}
		s.taken()
	}
}
