package notice_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/notice"
)

type received struct {
	header http.Header
	body   []byte
}

// receiver answers with the statuses in turn, then 204, and passes on what it got.
func receiver(t *testing.T, statuses ...int) (url string, got chan received) {
	got = make(chan received, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		status := http.StatusNoContent
		if len(statuses) > 0 {
			status, statuses = statuses[0], statuses[1:]
		}
		w.WriteHeader(status)
		got <- received{r.Header, body}
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func sender(t *testing.T, o notice.Options) *notice.Sender {
	t.Helper()
	o.Backoff = time.Millisecond
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := notice.NewSender(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestANoticeIsSignedAndTriedUntilItIsTaken(t *testing.T) {
	url, got := receiver(t, 500, 302)
	s := sender(t, notice.Options{URL: url, Secret: "0123456789abcdef"})
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	s.Send("x.failing", at, map[string]string{"error": "down"})
	s.Send("x.recovered", at, nil)
	s.Close(t.Context())
	close(got)
	var types []string
	ids := map[string]bool{}
	for r := range got {
		var n struct {
			Type      string
			Timestamp time.Time
			Data      map[string]string
		}
		if err := json.Unmarshal(r.body, &n); err != nil || !n.Timestamp.Equal(at) {
			t.Fatalf("%s: %v", r.body, err)
		}
		types = append(types, n.Type)
		ids[r.header.Get("Webhook-Id")] = true
		mac := hmac.New(sha256.New, []byte("0123456789abcdef"))
		mac.Write([]byte(r.header.Get("Webhook-Id") + "." + r.header.Get("Webhook-Timestamp") + "." + string(r.body)))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.header.Get("Webhook-Signature") != want {
			t.Errorf("signature %q, want %q", r.header.Get("Webhook-Signature"), want)
		}
	}
	if strings.Join(types, " ") != "x.failing x.failing x.failing x.recovered" || len(ids) != 2 {
		t.Errorf("got %v with %d ids", types, len(ids))
	}
}

func TestAReceiverThatFailsIsGivenUp(t *testing.T) {
	url, got := receiver(t, 500, 500, 500, 500, 500)
	var log bytes.Buffer
	s := sender(t, notice.Options{URL: url, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s.Send("first", time.Now(), nil)
	s.Send("second", time.Now(), nil)
	s.Close(t.Context())
	if len(got) != 6 || !strings.Contains(log.String(), `not delivered" type=first error="the receiver answers 500`) {
		t.Errorf("%d tries, log %s", len(got), log.String())
	}
}

func TestCloseDoesNotWaitForAReceiverThatHangs(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hangs.Close()
	s := sender(t, notice.Options{URL: hangs.URL})
	for range 100 { // more than may wait
		s.Send("x", time.Now(), nil)
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	s.Close(now)
}
