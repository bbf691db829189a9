package review

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// webhook calls an endpoint that takes the payload of a review handler by POST
// and answers 200 with a verdict.
type webhook struct {
	client *http.Client
	url    string
	sign   signer
}

func (w *webhook) call(ctx context.Context, messageID string, payload []byte) ([]byte, *Error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(payload))
	if err != nil {
		return nil, broken(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "parley")
	w.sign.set(r.Header, messageID, time.Now(), payload)
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

// signer signs webhooks as the Standard Webhooks specification says, so that
// receivers have libraries to check them; with no key it signs nothing.
type signer struct{ key []byte }

// secretPrefix marks a secret in the specification's form: base64 follows.
const secretPrefix = "whsec_"

func newSigner(secret string) (signer, error) {
	encoded, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return signer{[]byte(secret)}, nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return signer{}, errors.New("review-webhook-secret: what follows " + secretPrefix + " is not base64")
	}
	return signer{key}, nil
}

// set adds the headers webhook-id, webhook-timestamp and webhook-signature.
func (s signer) set(h http.Header, id string, at time.Time, payload []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", timestamp)
	if len(s.key) == 0 {
		return
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(payload)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
