package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/parleychat/parley/internal/sigv4"
)

const (
	accessKeyID = "AKIAIOSFODNN7EXAMPLE"
	secret      = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// signed returns a call as AWS's clients send it, signed in its header.
func signed(b *testing.B, address, operation, body string) *http.Request {
	b.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+address+"/"+operation, strings.NewReader(body))
	must(b, err)
	r.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256([]byte(body))
	must(b, v4.NewSigner().SignHTTP(b.Context(), credentials(), r, hex.EncodeToString(sum[:]), "ivschat", region, time.Now()))
	return r
}

// presigned returns a call without a body, signed in its query.
func presigned(b *testing.B, address, operation, query string) *http.Request {
	b.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+address+"/"+operation+"?X-Amz-Expires=900&"+query, nil)
	must(b, err)
	sum := sha256.Sum256(nil)
	target, _, err := v4.NewSigner().PresignHTTP(b.Context(), credentials(), r, hex.EncodeToString(sum[:]), "ivschat", region, time.Now())
	must(b, err)
	r, err = http.NewRequest(http.MethodPost, target, nil)
	must(b, err)
	return r
}

func credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secret}
}

// wire returns the request's bytes.
func wire(b *testing.B, r *http.Request) []byte {
	b.Helper()
	var out bytes.Buffer
	must(b, r.Write(&out))
	return out.Bytes()
}

func BenchmarkSigV4Verify(b *testing.B) {
	const body = `{"roomIdentifier":"arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh","userId":"ana"}`
	for _, bm := range []struct {
		name, body string
		request    []byte
	}{
		{"header", body, wire(b, signed(b, "127.0.0.1:7878", "CreateChatToken", body))},
		{"presigned", "", wire(b, presigned(b, "127.0.0.1:7878", "GetRoom", "identifier=arn%3Aaws%3Aivschat%3Aus-west-2%3A123456789012%3Aroom%2FabcdABCDefgh"))},
	} {
		b.Run(bm.name, func(b *testing.B) {
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bm.request)))
			must(b, err)
			v := &sigv4.Verifier{Lookup: func(context.Context, string) (sigv4.Key, error) { return sigv4.Key{Secret: secret}, nil }}
			body := []byte(bm.body)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(r, body, "ivschat"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
