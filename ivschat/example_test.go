package ivschat_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/parleychat/parley/ivschat"
)

// exampleServer answers like a server with one room, lobby.
func exampleServer() *httptest.Server {
	answers := map[string]string{
		"/CreateRoom":                `{"arn":"` + roomARN + `","name":"lobby","maximumMessageRatePerSecond":10,"maximumMessageLength":200}`,
		"/ListRooms":                 `{"rooms":[{"arn":"` + roomARN + `","name":"lobby"}]}`,
		"/SendEvent":                 `{"id":"1OjMY6p8h4uv"}`,
		"/ListLoggingConfigurations": `{"loggingConfigurations":[{"arn":"a","name":"archive","state":"ACTIVE","destinationConfiguration":{"s3":{"bucketName":"chat-logs"}}}]}`,
		"/CreateChatToken":           `{"token":"p1.k.t","tokenExpirationTime":"2026-01-01T00:01:00.000Z","sessionExpirationTime":"2026-01-01T03:00:00.000Z"}`,
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
			answer = `{"message":"Resource not found","resourceId":"abcdABCDefgh","resourceType":"ROOM"}`
		}
		fmt.Fprint(w, answer)
	}))
}

func exampleClient(endpoint string) *ivschat.Client {
	return ivschat.New(ivschat.Options{
		Region:       "us-west-2",
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// A configuration of aws-sdk-go-v2 works as it is; config.LoadDefaultConfig
// finds AWS_ENDPOINT_URL_IVSCHAT.
func ExampleNewFromConfig() {
	server := exampleServer()
	defer server.Close()
	cfg := aws.Config{
		Region:       "us-west-2",
		BaseEndpoint: &server.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	client := ivschat.NewFromConfig(cfg)
	defer client.CloseIdleConnections()
	room, err := client.CreateRoom(context.Background(), &ivschat.CreateRoomInput{
		Name:                 new("lobby"),
		MaximumMessageLength: new(int32(200)),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(room.Name, room.MaximumMessageLength)
	// Output: lobby 200
}

// A backend issues a chat token for each user that may enter a room.
func ExampleClient_CreateChatToken() {
	server := exampleServer()
	defer server.Close()
	client := exampleClient(server.URL)
	defer client.CloseIdleConnections()
	out, err := client.CreateChatToken(context.Background(), &ivschat.CreateChatTokenInput{
		RoomIdentifier:           roomARN,
		UserID:                   "alice",
		Capabilities:             []ivschat.Capability{ivschat.CapabilitySendMessage},
		SessionDurationInMinutes: new(int32(180)),
		Attributes:               map[string]string{"displayName": "Alice"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Token, out.TokenExpirationTime.Format(time.TimeOnly))
	// Output: p1.k.t 00:01:00
}

// Without an aws.Config: everything the client needs is in its options.
func ExampleNew() {
	server := exampleServer()
	defer server.Close()
	client := ivschat.New(ivschat.Options{
		Region:       "us-west-2",
		BaseEndpoint: &server.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	defer client.CloseIdleConnections()
	out, err := client.SendEvent(context.Background(), &ivschat.SendEventInput{
		RoomIdentifier: roomARN, EventName: "app:goal", Attributes: map[string]string{"team": "red"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.ID)
	// Output: 1OjMY6p8h4uv
}

func ExampleClient_LoggingConfigurations() {
	server := exampleServer()
	defer server.Close()
	client := exampleClient(server.URL)
	defer client.CloseIdleConnections()
	for c, err := range client.LoggingConfigurations(context.Background(), &ivschat.ListLoggingConfigurationsInput{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(c.Name, c.State, c.DestinationConfiguration.S3.BucketName)
	}
	// Output: archive ACTIVE chat-logs
}

func ExampleClient_Rooms() {
	server := exampleServer()
	defer server.Close()
	client := exampleClient(server.URL)
	defer client.CloseIdleConnections()
	for room, err := range client.Rooms(context.Background(), &ivschat.ListRoomsInput{Name: new("lobby")}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(room.Arn)
	}
	// Output: arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh
}

// Exceptions are types, reached through errors.As or errors.AsType.
func ExampleResourceNotFoundException() {
	server := exampleServer()
	defer server.Close()
	client := exampleClient(server.URL)
	defer client.CloseIdleConnections()
	_, err := client.GetRoom(context.Background(), &ivschat.GetRoomInput{Identifier: roomARN})
	if e, ok := errors.AsType[*ivschat.ResourceNotFoundException](err); ok {
		fmt.Println(e.ResourceType, e.ResourceID, "is gone:", e.HTTPStatusCode())
	}
	// Output: ROOM abcdABCDefgh is gone: 404
}

// Inputs that break rules are not sent.
func ExampleParamValidationError() {
	client := exampleClient("http://127.0.0.1:7878")
	_, err := client.SendEvent(context.Background(), &ivschat.SendEventInput{RoomIdentifier: "lobby"})
	if e, ok := errors.AsType[*ivschat.ParamValidationError](err); ok {
		for _, f := range e.Fields {
			fmt.Println(f.Name, f.Message)
		}
	}
	// Output:
	// roomIdentifier value must be the ARN of a room
	// eventName is required
}

// Somebody without credentials may do one thing for ten minutes.
func ExampleClient_GeneratePresignedURL() {
	server := exampleServer()
	defer server.Close()
	client := exampleClient(server.URL)
	defer client.CloseIdleConnections()
	url, err := client.GeneratePresignedURL(context.Background(), "list_rooms", nil, 10*time.Minute, "")
	if err != nil {
		log.Fatal(err)
	}
	resp, err := http.Post(url, "application/json", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

func ExampleClient_CanPaginate() {
	client := exampleClient("http://127.0.0.1:7878")
	fmt.Println(client.CanPaginate("list_rooms"), client.CanPaginate("GetRoom"))
	// Output: true false
}
