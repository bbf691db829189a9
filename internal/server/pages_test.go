package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/ivschat"
)

// as sends a request with headers, given as pairs.
func (r *running) as(method, path string, header ...string) *http.Response {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.addr+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	response.Body.Close()
	return response
}

func allowed(h http.Header) (names []string) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			names = append(names, name)
		}
	}
	return names
}

func TestPagesCallTheControlPlaneFromListedOriginsOnly(t *testing.T) {
	const console = "https://console.example.com"
	preflight := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,x-amz-date", "Origin"}
	r := start(t, func(c *config.Config) { c.CORSOrigins = []string{"http://localhost:3000", console} })

	response := r.as(http.MethodOptions, "/ListRooms", append(preflight, console)...)
	h := response.Header
	if response.StatusCode != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != console {
		t.Errorf("preflight: %s %v", response.Status, h)
	}
	for name, wants := range map[string][]string{
		"Access-Control-Allow-Methods": {"GET", "POST", "DELETE"},
		"Access-Control-Allow-Headers": {"authorization", "content-type", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "amz-sdk-request", "amz-sdk-invocation-id"},
	} {
		for _, want := range wants {
			if !strings.Contains(", "+h.Get(name)+",", ", "+want+",") {
				t.Errorf("%s: %q lacks %s", name, h.Get(name), want)
			}
		}
	}
	if got := h.Get("Access-Control-Allow-Credentials"); got != "" {
		t.Errorf("credentials are allowed: %q", got)
	}

	h = r.as(http.MethodPost, "/ListRooms", "Origin", console).Header // refused, as nobody signed; still told
	if h.Get("Access-Control-Allow-Origin") != console || h.Get("Vary") != "Origin" {
		t.Errorf("a call: %v", h)
	}
	for _, want := range []string{"x-amzn-RequestId", "x-amzn-ErrorType", "Date"} {
		if !strings.Contains(h.Get("Access-Control-Expose-Headers"), want) {
			t.Errorf("a call does not expose %s: %v", want, h)
		}
	}

	for _, from := range []string{"https://evil.example", console + ".evil.example", "https://console.example.com:444", "http://console.example.com", "null", "https://Console.example.com"} {
		for _, method := range []string{http.MethodOptions, http.MethodPost} {
			response := r.as(method, "/ListRooms", append(preflight, from)...)
			if got := allowed(response.Header); len(got) > 0 || response.StatusCode < 400 {
				t.Errorf("%s from %s: %s with %v", method, from, response.Status, got)
			}
			if response.Header.Get("Vary") != "Origin" {
				t.Errorf("%s from %s may be cached for others", method, from)
			}
		}
	}
	if response := r.as(http.MethodOptions, "/ListRooms", "Origin", console); response.StatusCode < 400 {
		t.Errorf("OPTIONS that is no preflight: %s", response.Status)
	}

	// A signed call is what it was.
	if _, err := r.client().ListRooms(t.Context(), &ivschat.ListRoomsInput{}); err != nil {
		t.Error(err)
	}
}

func TestWithoutOriginsNothingIsSaidToPages(t *testing.T) {
	r := start(t, nil)
	for _, method := range []string{http.MethodOptions, http.MethodPost} {
		response := r.as(method, "/ListRooms", "Origin", "https://console.example.com", "Access-Control-Request-Method", "POST")
		if got := allowed(response.Header); len(got) > 0 || response.StatusCode < 400 || response.Header.Get("Vary") != "" {
			t.Errorf("%s: %s with %v", method, response.Status, response.Header)
		}
	}
}

func TestAnswersAreNoPages(t *testing.T) {
	r := start(t, nil)
	for _, path := range []string{"/ListRooms", "/nowhere", "/healthz", "/readyz"} {
		h := r.as(http.MethodGet, path).Header
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if h := r.as(http.MethodPost, "/CreateChatToken").Header; h.Get("Cache-Control") != "no-store" {
		t.Errorf("chat tokens may be cached: %v", h)
	}
	if h := r.as(http.MethodGet, "/", "Upgrade", "websocket").Header; h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a refused handshake: %v", h)
	}
}
