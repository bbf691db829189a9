package main

import (
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/review"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/internal/webhook"
)

// load returns the settings; what is wrong with them is the caller's to mend.
func load(cmd *cobra.Command) (*config.Config, error) {
	c, err := config.Load(cmd.Flags(), os.Environ())
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at the settings",
		Args:  cobra.NoArgs, // else a command that is not there would print help and succeed
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	show := &cobra.Command{
		Use:   "print",
		Short: "Print every setting, its value and where it came from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, s := range c.Settings() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Value, s.Origin)
			}
			return w.Flush()
		},
	}
	check := &cobra.Command{
		Use:   "check",
		Short: "Check the settings without starting",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			reviewer, err := review.New(cmd.Context(), server.ReviewOptions(c, false, slog.New(slog.DiscardHandler)))
			if err != nil {
				return usageError{fmt.Errorf("message review: %w", err)}
			}
			reviewer.Close()
			destinations, err := chatlog.NewDestinations(server.ChatlogSettings(c))
			if err != nil {
				return usageError{fmt.Errorf("chat logging: %w", err)}
			}
			destinations.Close()
			if _, err := webhook.NewSigner(string(c.NoticeWebhookSecret)); err != nil {
				return usageError{fmt.Errorf("notice-webhook-secret: %w", err)}
			}
			fmt.Fprintln(cmd.OutOrStdout(), "ok")
			return nil
		},
	}
	for _, sub := range []*cobra.Command{show, check} {
		config.AddFlags(sub.Flags())
		cmd.AddCommand(sub)
	}
	return cmd
}
