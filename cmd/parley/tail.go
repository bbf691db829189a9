package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"github.com/parleychat/parley/internal/bench"
	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

func logsTailCommand() *cobra.Command {
	url := ""
	cmd := &cobra.Command{
		Use:   "tail ROOM",
		Short: "Print a logged room's records as they come",
		Long: "Print the records of the room with this ARN as they come, one a line, as its destinations\n" +
			"will get them. It joins the room as a viewer, at the server that AWS_ENDPOINT_URL_IVSCHAT\n" +
			"names, with the credentials of the environment. What it missed while its connection was\n" +
			"broken it says on standard error.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return tail(cmd.Context(), args[0], url, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "the messaging service: ws:// or wss://; by default as the API's endpoint")
	return cmd
}

func tail(ctx context.Context, roomARN, url string, out, stderr io.Writer) error {
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := ivschat.NewFromConfig(aws)
	defer client.CloseIdleConnections()
	room, err := client.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: roomARN})
	if err != nil {
		return err
	}
	if len(room.LoggingConfigurationIdentifiers) == 0 {
		return errors.New("the room has no logging configuration: nothing of it is logged")
	}
	if url == "" {
		if url, err = messagingURL(client.Options()); err != nil {
			return err
		}
	}
	viewer, err := messaging.NewRoom(messaging.Config{
		RegionOrURL:   url,
		TokenProvider: messaging.TokensFrom(client, &ivschat.CreateChatTokenInput{RoomIdentifier: roomARN, UserID: "parley-logs-tail"}),
	})
	if err != nil {
		return err
	}
	defer viewer.Close()
	if err := viewer.Connect(ctx); err != nil {
		return err
	}
	fmt.Fprintln(stderr, "parley: reading; end with Ctrl-C")
	return printRecords(ctx, viewer, out, stderr)
}

// messagingURL is where the service of an API's endpoint takes messages: Parley
// on the same port, AWS by region.
func messagingURL(o ivschat.Options) (string, error) {
	if o.BaseEndpoint == nil {
		return o.Region, nil
	}
	return bench.MessagingURL(*o.BaseEndpoint)
}

// printRecords prints what is logged of what comes, until the context ends.
func printRecords(ctx context.Context, room *messaging.Room, out, stderr io.Writer) error {
	broken := false
	for n := range room.Events(ctx) {
		var r store.OutboxRecord
		switch n := n.(type) {
		case *messaging.Message:
			r = store.OutboxRecord{Type: "MESSAGE", Time: n.SendTime, Payload: n.Append(nil)}
		case *messaging.Event:
			r = eventRecord(n)
		case *messaging.MessageDeleted:
			r = eventRecord(&n.Event)
		case *messaging.UserDisconnected:
			r = eventRecord(&n.Event)
		case *messaging.Dropped:
			fmt.Fprintf(stderr, "parley: missed %d records: the output is too slow\n", n.Total())
			continue
		case *messaging.StateChange:
			switch {
			case n.State == messaging.StateDisconnected:
				return n.Err
			case n.State == messaging.StateConnecting && n.Err != nil:
				broken = true
				fmt.Fprintln(stderr, "parley: the connection broke; trying again:", n.Err)
			case n.State == messaging.StateConnected && broken:
				broken = false
				fmt.Fprintln(stderr, "parley: connected again; what was logged meanwhile is not shown")
			}
			continue
		}
		if _, err := out.Write(append(chatlog.AppendRecord(nil, &r), '\n')); err != nil {
			return err
		}
	}
	return nil
}

func eventRecord(e *messaging.Event) store.OutboxRecord {
	return store.OutboxRecord{Type: "EVENT", Time: e.SendTime, Payload: e.Append(nil)}
}
