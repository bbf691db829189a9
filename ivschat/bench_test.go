package ivschat_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ivschat"

	"github.com/parleychat/parley/ivschat"
)

// GetRoom over loopback through this client and through AWS's, in one run.
func BenchmarkGetRoom(b *testing.B) {
	const arn = "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("x-amzn-RequestId", "0f8b1a5e-1c1d-4a39-9d7b-6f0a3a6f0d11")
		io.WriteString(w, `{"arn":"`+arn+`","id":"abcdABCDefgh","name":"lobby","createTime":"2026-01-01T00:00:00.000Z","updateTime":"2026-01-01T00:00:00.000Z","maximumMessageRatePerSecond":10,"maximumMessageLength":500,"tags":{"env":"test"},"loggingConfigurationIdentifiers":[]}`)
	}))
	defer server.Close()
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
	})
	b.Run("parley", func(b *testing.B) {
		client := ivschat.New(ivschat.Options{Region: "us-west-2", BaseEndpoint: &server.URL, Credentials: credentials})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.GetRoom(b.Context(), &ivschat.GetRoomInput{Identifier: arn}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("aws-sdk", func(b *testing.B) {
		client := sdk.New(sdk.Options{Region: "us-west-2", BaseEndpoint: &server.URL, Credentials: credentials})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.GetRoom(b.Context(), &sdk.GetRoomInput{Identifier: aws.String(arn)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
