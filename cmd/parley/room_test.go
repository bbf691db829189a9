package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/parleychat/parley/ivschat"
)

// setHandler gives a room a handler, at the server of AWS_ENDPOINT_URL_IVSCHAT.
func setHandler(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: sethandler room uri fallback")
	}
	fallback := ivschat.FallbackResult(args[2])
	client := ivschat.New(ivschat.Options{
		Region: "us-west-2", BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL_IVSCHAT")),
		Credentials: credentials.NewStaticCredentialsProvider("PARLEYDEVKEY", "parley-dev-secret", ""),
	})
	defer client.CloseIdleConnections()
	_, err := client.UpdateRoom(context.Background(), &ivschat.UpdateRoomInput{
		Identifier: args[0], MessageReviewHandler: &ivschat.MessageReviewHandler{URI: &args[1], FallbackResult: &fallback},
		MaximumMessageLength: aws.Int32(100),
	})
	ts.Check(err)
}
