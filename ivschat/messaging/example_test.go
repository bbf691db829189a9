package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// A program usually gets its chat tokens from a backend of its own, over HTTP.
// exampleTokens stands for that.
func exampleTokens(s *service, arn, user string) messaging.TokenProvider {
	return s.tokens(arn, user)
}

func Example() {
	chat, arn, stop := exampleService()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	room, err := messaging.NewRoom(messaging.Config{
		RegionOrURL:   chat.url, // or a region, such as "us-west-2"
		TokenProvider: exampleTokens(chat, arn, "ana"),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer room.Close()
	if err := room.Connect(ctx); err != nil {
		log.Fatal(err)
	}
	sent, err := room.SendMessage(ctx, messaging.SendMessageRequest{Content: "hello"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := room.DeleteMessage(ctx, sent.ID, "a mistake"); err != nil {
		log.Fatal(err)
	}
	if _, err := room.DisconnectUser(ctx, "ana", "enough"); err != nil {
		log.Fatal(err)
	}
	for notice := range room.Events(ctx) {
		switch notice := notice.(type) {
		case *messaging.Message:
			fmt.Println(notice.Sender.UserID, "says", notice.Content)
		case *messaging.MessageDeleted:
			fmt.Println("deleted:", notice.Reason)
		case *messaging.UserDisconnected:
			fmt.Println(notice.UserID, "is out:", notice.Reason)
		case *messaging.Event:
			fmt.Println("event", notice.Name)
		case *messaging.StateChange:
			fmt.Printf("%s, reason %q\n", notice.State, notice.Reason)
		case *messaging.Dropped:
			fmt.Println("missed", notice.Total())
		}
	}
	// Output:
	// connecting, reason ""
	// connected, reason ""
	// ana says hello
	// deleted: a mistake
	// ana is out: enough
	// disconnected, reason "serverDisconnect"
}

func ExampleRoom_SendMessage() {
	chat, arn, stop := exampleService()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	room, err := messaging.NewRoom(messaging.Config{RegionOrURL: chat.url, TokenProvider: exampleTokens(chat, arn, "ana")})
	if err != nil {
		log.Fatal(err)
	}
	defer room.Close()
	if err := room.Connect(ctx); err != nil {
		log.Fatal(err)
	}

	for _, content := range []string{"short", "far too long"} {
		_, err := room.SendMessage(ctx, messaging.SendMessageRequest{
			Content:    content,
			Attributes: map[string]string{"color": "red"},
		})
		if refused, ok := errors.AsType[*messaging.Error](err); ok && refused.Code == messaging.ErrorThrottled {
			fmt.Println("slow down")
		} else if lost, ok := errors.AsType[*messaging.ConnectionError](err); ok && !lost.Sent {
			fmt.Println("send it again")
		} else {
			fmt.Println(content, err)
		}
	}
	// Output:
	// short <nil>
	// far too long messaging error 400: Message exceeds maximum length
}

func ExampleTokensFrom() {
	chat, arn, stop := exampleService()
	defer stop()
	ctx, cancel := context.WithTimeout(as(context.Background()), time.Minute)
	defer cancel()
	// The control plane's client: here the service itself, else an *ivschat.Client.
	api := chat.server.Service()

	bot, err := messaging.NewRoom(messaging.Config{
		RegionOrURL: chat.url,
		TokenProvider: messaging.TokensFrom(api, &ivschat.CreateChatTokenInput{
			RoomIdentifier: arn, UserID: "bot", Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer bot.Close()
	if err := bot.Connect(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(bot.State())
	// Output: connected
}

func ExampleParseFrame() {
	frame, err := messaging.ParseFrame([]byte(`{"Type":"EVENT","Id":"5OPsDdX18qcJ","RequestId":"","EventName":"app:poll",` +
		`"Attributes":{"question":"tea?"},"SendTime":"2022-10-17T12:53:12.922376139Z"}`))
	if err != nil {
		log.Fatal(err)
	}
	switch frame := frame.(type) {
	case *messaging.Message:
		fmt.Println(frame.Content)
	case *messaging.Event:
		fmt.Println(frame.Name, frame.Attributes["question"], frame.SendTime.Year())
	case *messaging.Error:
		fmt.Println(frame.Code)
	}
	// Output: app:poll tea? 2022
}
