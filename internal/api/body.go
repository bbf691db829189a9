package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// readBody returns the whole body. It comes before the signature, which covers
// it, so a stranger gets no more than most bytes of memory for bodyTime.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > most {
		w.Header().Set("Connection", "close") // rather than read the rest
		return nil, tooLarge(most)
	}
	control := http.NewResponseController(w)
	limited := control.SetReadDeadline(time.Now().Add(bodyTime)) == nil
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err == nil && limited {
		// net/http goes on reading, to notice a client that leaves. Should this
		// fail the connection is gone, and the response will tell.
		_ = control.SetReadDeadline(time.Time{})
	}
	if err == nil {
		return body, nil
	}
	w.Header().Set("Connection", "close")
	switch _, oversized := errors.AsType[*http.MaxBytesError](err); {
	case oversized:
		return nil, tooLarge(most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, tooSlow()
	}
	return nil, unreadable()
}
