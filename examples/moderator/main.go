// Command moderator removes messages with any of the words given, and
// disconnects who sends three of them:
//
//	moderator arn:aws:ivschat:us-west-2:000000000000:room/lobbyDev0001 ws://127.0.0.1:7878 spam scam
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

const strikesAllowed = 3

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: moderator ROOM-ARN REGION-OR-URL WORD...")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, arn, regionOrURL string, words []string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	room, err := messaging.NewRoom(messaging.Config{
		RegionOrURL: regionOrURL,
		TokenProvider: messaging.TokensFrom(ivschat.NewFromConfig(cfg), &ivschat.CreateChatTokenInput{
			RoomIdentifier: arn,
			UserID:         "moderator",
			Capabilities:   []ivschat.Capability{ivschat.CapabilityDeleteMessage, ivschat.CapabilityDisconnectUser},
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
	strikes := map[string]int{}
	for notice := range room.Events(ctx) {
		message, ok := notice.(*messaging.Message)
		if !ok || !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(message.Content, word) }) {
			continue
		}
		if _, err := room.DeleteMessage(ctx, message.ID, "removed by the moderator"); err != nil {
			log.Print(err)
		}
		if strikes[message.Sender.UserID]++; strikes[message.Sender.UserID] < strikesAllowed {
			continue
		}
		if _, err := room.DisconnectUser(ctx, message.Sender.UserID, "three removed messages"); err != nil {
			log.Print(err)
		}
	}
	return nil
}
