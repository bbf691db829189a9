package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// client calls the server of AWS_ENDPOINT_URL_IVSCHAT.
func client(ts *testscript.TestScript) *ivschat.Client { return clientIn(ts, "us-west-2") }

func clientIn(ts *testscript.TestScript, region string) *ivschat.Client {
	c := ivschat.New(ivschat.Options{
		Region: region, BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL_IVSCHAT")),
		Credentials: credentials.NewStaticCredentialsProvider(ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
	ts.Defer(c.CloseIdleConnections)
	return c
}

// createRoom makes a room in a region.
func createRoom(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: createroom region")
	}
	_, err := clientIn(ts, args[0]).CreateRoom(context.Background(), &ivschat.CreateRoomInput{})
	if neg && err == nil {
		ts.Fatalf("a room was made")
	}
	if !neg {
		ts.Check(err)
	}
}

// setHandler gives a room a handler.
func setHandler(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: sethandler room uri fallback")
	}
	fallback := ivschat.FallbackResult(args[2])
	_, err := client(ts).UpdateRoom(context.Background(), &ivschat.UpdateRoomInput{
		Identifier: args[0], MessageReviewHandler: &ivschat.MessageReviewHandler{URI: &args[1], FallbackResult: &fallback},
		MaximumMessageLength: aws.Int32(100),
	})
	ts.Check(err)
}

// makeRoom makes a room, that is logged if a bucket is named.
func makeRoom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: room VARIABLE [bucket]")
	}
	c, in := client(ts), &ivschat.CreateRoomInput{}
	if len(args) > 1 {
		lc, err := c.CreateLoggingConfiguration(context.Background(), &ivschat.CreateLoggingConfigurationInput{
			DestinationConfiguration: &ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: args[1]}},
		})
		ts.Check(err)
		in.LoggingConfigurationIdentifiers = []string{lc.Arn}
	}
	room, err := c.CreateRoom(context.Background(), in)
	ts.Check(err)
	ts.Setenv(args[0], room.Arn)
}

func sendEvent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sendevent room name")
	}
	_, err := client(ts).SendEvent(context.Background(), &ivschat.SendEventInput{
		RoomIdentifier: args[0], EventName: args[1], Attributes: map[string]string{"n": "1"},
	})
	ts.Check(err)
}

// waitShipped waits until nothing is in the outbox.
func waitShipped(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitshipped data")
	}
	s, err := store.Attach(context.Background(), ts.MkAbs(args[0]+"/"+server.DatabaseFile))
	ts.Check(err)
	defer s.Close()
	deadline := time.After(30 * time.Second)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		records, _, err := s.OutboxSize(context.Background())
		ts.Check(err)
		if records == 0 {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%d records are still in the outbox", records)
		case <-poll.C:
		}
	}
}
