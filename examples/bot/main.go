// Command bot joins a room and answers "!ping" with "pong". Credentials, region
// and endpoint come from the usual AWS environment:
//
//	bot arn:aws:ivschat:us-west-2:000000000000:room/lobbyDev0001 ws://127.0.0.1:7878
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: bot ROOM-ARN REGION-OR-URL")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, arn, regionOrURL string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	room, err := messaging.NewRoom(messaging.Config{
		RegionOrURL: regionOrURL,
		TokenProvider: messaging.TokensFrom(ivschat.NewFromConfig(cfg), &ivschat.CreateChatTokenInput{
			RoomIdentifier: arn,
			UserID:         "bot",
			Capabilities:   []ivschat.Capability{ivschat.CapabilitySendMessage},
		}),
	})
	if err != nil {
		return err
	}
	defer room.Close()
	if err := room.Connect(ctx); err != nil {
		return err
	}
	fmt.Println("connected")
	for notice := range room.Events(ctx) {
		message, ok := notice.(*messaging.Message)
		if !ok || message.Content != "!ping" {
			continue
		}
		if _, err := room.SendMessage(ctx, messaging.SendMessageRequest{Content: "pong " + message.Sender.UserID}); err != nil {
			log.Print(err)
		}
	}
	return nil
}
