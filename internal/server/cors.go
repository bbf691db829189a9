package server

import (
	"net/http"
	"slices"
)

// What a page may send and see: the headers of the protocol, as the official
// SDKs for browsers write them (spec: control-plane.md §1).
const (
	corsMethods = "GET, POST, DELETE"
	corsAllowed = "amz-sdk-invocation-id, amz-sdk-request, authorization, content-type, " +
		"x-amz-content-sha256, x-amz-date, x-amz-security-token, x-amz-user-agent"
	corsExposed = "x-amzn-RequestId, x-amzn-ErrorType, Date, Retry-After"
)

// corsMaxAge is for how many seconds a browser need not ask again.
const corsMaxAge = "3600"

// allowPages lets web pages of the origins call next. Without origins nothing
// is added and preflights are what they are to the control plane. Cookies have
// no meaning here, so credentials are never allowed.
func allowPages(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin") // of refusals too: a cache must not mix them up
		from := r.Header.Get("Origin")
		if from == "" || !slices.Contains(origins, from) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", from)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", corsMethods)
			h.Set("Access-Control-Allow-Headers", corsAllowed)
			h.Set("Access-Control-Max-Age", corsMaxAge)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", corsExposed)
		next.ServeHTTP(w, r)
	})
}
