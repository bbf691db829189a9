package review

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/parleychat/parley/internal/webhook"
)

// hook calls an endpoint that takes the payload of a review handler by POST
// and answers 200 with a verdict.
type hook struct {
	client *http.Client
	url    string
	sign   webhook.Signer
}

func (w *hook) call(ctx context.Context, messageID string, payload []byte) ([]byte, *Error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(payload))
	if err != nil {
		return nil, broken(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "parley")
	w.sign.Set(r.Header, messageID, time.Now(), payload)
	response, err := w.client.Do(r)
	if err != nil {
		return nil, broken(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return nil, status(response.StatusCode, string(body))
	}
	if err != nil {
		return nil, broken(err)
	}
	return body, nil
}
