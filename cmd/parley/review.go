package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/review"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

func reviewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Look at message review",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(reviewTestCommand())
	return cmd
}

// trial is a message to try on a room's handler.
type trial struct {
	room, handler, fallback, content string
	userID, ip                       string
	attributes, userAttributes       map[string]string
}

func reviewTestCommand() *cobra.Command {
	var t trial
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Try a message on a room's review handler",
		Long: "Review a message as the server would, with the settings given here, and print what each\n" +
			"endpoint of the handler's chain says and how long it takes. Nothing is sent to the room.\n" +
			"The room's handler is asked of the server that AWS_ENDPOINT_URL_IVSCHAT names, with the\n" +
			"credentials of the environment; --handler names one instead.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			return t.run(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
	config.AddFlags(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&t.room, "room", "", "ARN of the room")
	flags.StringVar(&t.handler, "handler", "", "ARN of a handler, instead of the room's")
	flags.StringVar(&t.fallback, "fallback", string(ivschat.FallbackResultAllow), "fallback result with --handler")
	flags.StringVar(&t.content, "content", "", "what the message says")
	flags.StringToStringVar(&t.attributes, "attributes", nil, "attributes of the message")
	flags.StringVar(&t.userID, "user-id", "parley-review-test", "who sends it")
	flags.StringToStringVar(&t.userAttributes, "user-attributes", nil, "attributes of the user's chat token")
	flags.StringVar(&t.ip, "ip", "127.0.0.1", "where it comes from")
	cmd.MarkFlagRequired("content")
	cmd.MarkFlagsOneRequired("room", "handler")
	return cmd
}

func (t trial) run(ctx context.Context, c *config.Config, out io.Writer) error {
	if n := utf8.RuneCountInString(t.content); !utf8.ValidString(t.content) || n < 1 || n > messaging.MaxContent {
		return usageError{fmt.Errorf("--content has to be 1 to %d characters of UTF-8", messaging.MaxContent)}
	}
	r, err := review.New(ctx, server.ReviewOptions(c, false, slog.New(slog.DiscardHandler)))
	if err != nil {
		return usageError{fmt.Errorf("message review: %w", err)}
	}
	defer r.Close()
	h := review.Handler{URI: t.handler, FallbackDeny: t.fallback == string(ivschat.FallbackResultDeny)}
	length := messaging.MaxContent
	if t.handler == "" {
		room, err := t.findRoom(ctx)
		if err != nil {
			return err
		}
		length = int(room.MaximumMessageLength)
		h.URI = *room.MessageReviewHandler.URI
		h.FallbackDeny = room.MessageReviewHandler.FallbackResult != nil && *room.MessageReviewHandler.FallbackResult == ivschat.FallbackResultDeny
	}
	began := time.Now()
	verdict, steps, err := r.Try(ctx, h, review.Request{
		Content: t.content, MessageID: id.New(), RoomARN: t.room, Attributes: t.attributes,
		Sender: review.Sender{UserID: t.userID, Attributes: t.userAttributes, IP: t.ip}, MaxContent: length,
	})
	if err != nil {
		return err
	}
	return t.print(out, h, verdict, steps, time.Since(began))
}

// findRoom asks the server for the room, which must have a handler.
func (t trial) findRoom(ctx context.Context) (*ivschat.Room, error) {
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	room, err := ivschat.NewFromConfig(aws).GetRoom(ctx, &ivschat.GetRoomInput{Identifier: t.room})
	if err != nil {
		return nil, err
	}
	if room.MessageReviewHandler == nil || room.MessageReviewHandler.URI == nil || *room.MessageReviewHandler.URI == "" {
		return nil, errors.New("the room has no message review handler")
	}
	return room, nil
}

func (t trial) print(out io.Writer, h review.Handler, v review.Verdict, steps []review.Step, took time.Duration) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "handler\t%s\n", h.URI)
	for _, s := range steps {
		said := "allows"
		switch {
		case s.Failure != nil:
			said = "fails: " + s.Failure.Error()
		case s.Verdict.Deny:
			said = "denies"
		}
		fmt.Fprintf(w, "%s\t%s in %s\n", s.Endpoint, said, s.Duration.Round(time.Microsecond))
	}
	why := ""
	if v.Failure != nil {
		why = " by the fallback result: " + v.Failure.Error()
	}
	if v.Deny {
		fmt.Fprintf(w, "verdict\tDENY%s\n", why)
	} else {
		fmt.Fprintf(w, "verdict\tALLOW%s\ncontent\t%s\n", why, strconv.Quote(v.Content))
		for _, name := range slices.Sorted(maps.Keys(v.Attributes)) {
			fmt.Fprintf(w, "attribute\t%s=%s\n", strconv.Quote(name), strconv.Quote(v.Attributes[name]))
		}
	}
	if v.Reason != "" {
		fmt.Fprintf(w, "reason\t%s\n", strconv.Quote(v.Reason))
	}
	fmt.Fprintf(w, "took\t%s\n", took.Round(time.Microsecond))
	return w.Flush()
}
