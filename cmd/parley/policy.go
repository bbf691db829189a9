package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parleychat/parley/internal/policy"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Try policies of access keys",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(policyCheckCommand())
	return cmd
}

// errDenied is the outcome of a check, already told.
var errDenied = errors.New("denied")

func policyCheckCommand() *cobra.Command {
	var files, pairs []string
	var r policy.Request
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say what policies decide about a call, and why",
		Long: "Say whether policy documents allow a call, which statement decides, and why others have\n" +
			"nothing to do with it. The status is 0 if the call is allowed, 1 if not.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			values, err := contextValues(pairs)
			if err != nil {
				return err
			}
			r.Values = func(key string) []string { return values[key] }
			var documents []*policy.Document
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					return usageError{err}
				}
				d, err := policy.Parse(text)
				if err != nil {
					return usageError{fmt.Errorf("%s: %w", file, err)}
				}
				documents = append(documents, d)
			}
			return explain(cmd.OutOrStdout(), files, documents, r)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&files, "policy", nil, "file of a policy document; may be repeated")
	flags.StringVar(&r.Action, "action", "", "such as ivschat:GetRoom")
	flags.StringVar(&r.Resource, "resource", "", "ARN; of a call that names none, such as CreateRoom, with * for the id")
	flags.StringArrayVar(&pairs, "context", nil, "KEY=VALUE of a condition key; may be repeated, also for several values of a key")
	for _, name := range []string{"policy", "action", "resource"} {
		cmd.MarkFlagRequired(name)
	}
	return cmd
}

func contextValues(pairs []string) (map[string][]string, error) {
	values := map[string][]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--context: %q is not KEY=VALUE", pair)}
		}
		key = strings.ToLower(key)
		values[key] = append(values[key], value)
	}
	return values, nil
}

func explain(out io.Writer, files []string, documents []*policy.Document, r policy.Request) error {
	d := policy.Evaluate(documents, r)
	fmt.Fprintf(out, "%s\n", d.Effect)
	for _, s := range policy.Explain(documents, r) {
		name := fmt.Sprintf("Statement[%d]", s.Statement)
		if s.Sid != "" {
			name += " " + s.Sid
		}
		does := "allows it"
		switch {
		case s.Against != "":
			does = "is not about it: " + s.Against
		case s.Deny:
			does = "denies it"
		}
		fmt.Fprintf(out, "  %s %s %s\n", files[s.Document], name, does)
	}
	if d.Effect != policy.Allow {
		return errDenied
	}
	return nil
}
