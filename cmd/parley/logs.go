package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

func logsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Look at chat logs",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(logsStatusCommand(), logsDeadCommand(), logsTailCommand())
	return cmd
}

func logsStatusCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print what waits for each logging configuration's destination",
		Long: "Print, for each logging configuration, what waits in the outbox, for how long, and how\n" +
			"its destination last failed. Reads the database under --data; the server may be running.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			s, err := attach(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			logs, err := s.ChatLogs(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printLines(cmd.OutOrStdout(), logs, logStatus)
			}
			return printStatus(cmd.OutOrStdout(), logs)
		},
	}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each")
	return cmd
}

// status is a line of `parley logs status --json`.
type status struct {
	LoggingConfiguration string     `json:"loggingConfiguration"`
	Destination          string     `json:"destination"` // "" if the configuration was deleted
	State                string     `json:"state"`
	Waiting              int        `json:"waiting"`
	WaitingBytes         int64      `json:"waitingBytes"`
	LagSeconds           float64    `json:"lagSeconds"`
	DeadLetters          int        `json:"deadLetters"`
	LastError            string     `json:"lastError,omitempty"`
	FailingSince         *time.Time `json:"failingSince,omitempty"`
	RecoveredAt          *time.Time `json:"recoveredAt,omitempty"`
}

func logStatus(c store.ChatLog) status {
	s := status{
		LoggingConfiguration: c.LoggingConfiguration, State: "DELETED",
		Waiting: c.Records, WaitingBytes: c.Bytes, DeadLetters: c.DeadLetters,
	}
	if c.Records > 0 {
		s.LagSeconds = max(0, time.Since(c.Oldest).Seconds())
	}
	if lc := c.Configuration; lc != nil {
		s.State, s.Destination = string(lc.State), destination(lc.DestinationConfiguration)
	}
	if f := c.Failure; f != nil {
		s.LastError = f.Error
		if f.Recovered.IsZero() {
			s.FailingSince = &f.Since
		} else {
			s.RecoveredAt = &f.Recovered
		}
	}
	return s
}

func destination(d ivschat.DestinationConfiguration) string {
	switch {
	case d.S3 != nil:
		return "s3:" + d.S3.BucketName
	case d.CloudWatchLogs != nil:
		return "cloudwatch-logs:" + d.CloudWatchLogs.LogGroupName
	case d.Firehose != nil:
		return "firehose:" + d.Firehose.DeliveryStreamName
	}
	return ""
}

func printStatus(out io.Writer, logs []store.ChatLog) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LOGGING CONFIGURATION\tDESTINATION\tSTATE\tWAITING\tBYTES\tLAG\tDEAD LETTERS\tDELIVERY")
	for _, c := range logs {
		s := logStatus(c)
		lag, delivery := "-", "ok"
		if s.Waiting > 0 {
			lag = time.Duration(s.LagSeconds * float64(time.Second)).Round(time.Second).String()
		}
		switch {
		case s.FailingSince != nil:
			delivery = fmt.Sprintf("failing since %s: %s", s.FailingSince.Format(time.RFC3339), strconv.Quote(s.LastError))
		case s.RecoveredAt != nil:
			delivery = fmt.Sprintf("ok since %s", s.RecoveredAt.Format(time.RFC3339))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%d\t%s\n",
			s.LoggingConfiguration, s.Destination, s.State, s.Waiting, s.WaitingBytes, lag, s.DeadLetters, delivery)
	}
	return w.Flush()
}

// printLines prints each as one line of JSON.
func printLines[T, L any](out io.Writer, list []T, line func(T) L) error {
	encode := json.NewEncoder(out)
	encode.SetEscapeHTML(false)
	for _, one := range list {
		if err := encode.Encode(line(one)); err != nil {
			return err
		}
	}
	return nil
}

func logsDeadCommand() *cobra.Command {
	most := 0
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "Print records that a destination refused for good",
		Long: "Print dead letters, the newest first, as lines of JSON: why each was refused, and the\n" +
			"record. Reads the database under --data; the server may be running.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			s, err := attach(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			letters, err := s.DeadLetters(cmd.Context(), most)
			if err != nil {
				return err
			}
			return printLines(cmd.OutOrStdout(), letters, deadLetter)
		},
	}
	config.AddFlags(cmd.Flags())
	cmd.Flags().IntVar(&most, "most", 100, "how many at most")
	return cmd
}

// letter is a line of `parley logs dead`. The record is text: what was refused may
// be no JSON.
type letter struct {
	LoggingConfiguration string `json:"loggingConfiguration"`
	Account              string `json:"account"`
	Region               string `json:"region"`
	Room                 string `json:"room"`
	ID                   string `json:"id"`
	Reason               string `json:"reason"`
	Record               string `json:"record"`
}

func deadLetter(d store.DeadLetter) letter {
	r := &d.Record
	return letter{
		LoggingConfiguration: d.LoggingConfiguration, Account: r.Account, Region: r.Region, Room: r.RoomID, ID: r.EntryID,
		Reason: d.Reason, Record: string(chatlog.AppendRecord(nil, r)),
	}
}
