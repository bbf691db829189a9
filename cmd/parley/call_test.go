package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/parleychat/parley/ivschat"
)

// setCredentials takes what a command printed to be pasted into the environment.
func setCredentials(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: credentials file")
	}
	ts.Setenv("AWS_SESSION_TOKEN", "")
	for _, line := range regexp.MustCompile(`(?m)^export (\w+)=(.*)$`).FindAllStringSubmatch(ts.ReadFile(args[0]), -1) {
		ts.Setenv(line[1], line[2])
	}
}

// callOperation calls an operation that needs no more than an account.
func callOperation(ts *testscript.TestScript, operation string) error {
	c := ivschat.New(ivschat.Options{
		Region: "us-west-2", BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL_IVSCHAT")), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(
			ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ts.Getenv("AWS_SESSION_TOKEN")),
	})
	defer c.CloseIdleConnections()
	ctx := context.Background()
	var err error
	switch operation {
	case "ListRooms":
		_, err = c.ListRooms(ctx, &ivschat.ListRoomsInput{})
	case "CreateRoom":
		_, err = c.CreateRoom(ctx, &ivschat.CreateRoomInput{})
	default:
		ts.Fatalf("call knows no %s", operation)
	}
	return err
}

func call(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: call operation")
	}
	err := callOperation(ts, args[0])
	if (err != nil) != neg {
		ts.Fatalf("%s: %v", args[0], err)
	}
	if err != nil {
		fmt.Fprintln(ts.Stderr(), err)
	}
}

// waitUntil calls an operation until it is answered with a code, or ok.
func waitUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waituntil operation code")
	}
	deadline := time.After(10 * time.Second)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		code := "ok"
		err := callOperation(ts, args[0])
		if e, is := errors.AsType[smithy.APIError](err); is {
			code = e.ErrorCode()
		}
		if code == args[1] {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%s is answered with %s, %v", args[0], code, err)
		case <-poll.C:
		}
	}
}

// waitSigned waits until the server knows the credentials.
func waitSigned(ts *testscript.TestScript, neg bool, args []string) {
	waitUntil(ts, neg, []string{"ListRooms", "ok"})
}
