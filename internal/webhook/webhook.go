// Package webhook signs outgoing webhooks as the Standard Webhooks specification
// says, so that receivers have libraries to check them.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Signer signs with a secret; the zero Signer signs nothing.
type Signer struct{ key []byte }

// prefix marks a secret in the specification's form: base64 follows.
const prefix = "whsec_"

// NewSigner takes a secret as whsec_ and base64, or as it is.
func NewSigner(secret string) (Signer, error) {
	encoded, ok := strings.CutPrefix(secret, prefix)
	if !ok {
		return Signer{[]byte(secret)}, nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return Signer{}, errors.New("what follows " + prefix + " is not base64")
	}
	return Signer{key}, nil
}

// Set adds the headers webhook-id, webhook-timestamp and, with a secret,
// webhook-signature.
func (s Signer) Set(h http.Header, id string, at time.Time, payload []byte) {
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
