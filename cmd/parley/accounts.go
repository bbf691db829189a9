package main

import (
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/parleychat/parley/internal/access"
	"github.com/parleychat/parley/internal/config"
)

func accountsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "Look at accounts and their states",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(accountsListCommand(), accountsSetCommand())
	return cmd
}

func accountsListCommand() *cobra.Command {
	return atDesk("list", "Print the accounts that have access keys or a state, and their states", cobra.NoArgs,
		func(cmd *cobra.Command, c *config.Config, d access.Desk, _ []string) error {
			states, err := d.Store.Accounts(cmd.Context())
			if err != nil {
				return err
			}
			list, err := d.Store.AccessKeys(cmd.Context())
			if err != nil {
				return err
			}
			count := map[string]int{}
			for _, k := range list {
				count[k.Account]++
				if states[k.Account] == "" {
					states[k.Account] = access.Active
				}
			}
			for _, account := range c.PendingAccounts {
				if states[account] != access.Suspended {
					states[account] = access.Pending
				}
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ACCOUNT\tSTATE\tACCESS KEYS")
			for _, account := range slices.Sorted(maps.Keys(states)) {
				fmt.Fprintf(w, "%s\t%s\t%d\n", account, states[account], count[account])
			}
			return w.Flush()
		})
}

func accountsSetCommand() *cobra.Command {
	state := ""
	cmd := atDesk("set ACCOUNT", "Set the state of an account", cobra.ExactArgs(1),
		func(cmd *cobra.Command, _ *config.Config, d access.Desk, args []string) error {
			if !accountID.MatchString(args[0]) || args[0] == "" {
				return usageError{fmt.Errorf("%q is not an account id: 12 digits", args[0])}
			}
			if !slices.Contains([]string{access.Active, access.Pending, access.Suspended}, state) {
				return usageError{fmt.Errorf("--state: %q is not active, pending or suspended", state)}
			}
			return d.SetAccount(cmd.Context(), args[0], state)
		})
	cmd.Flags().StringVar(&state, "state", "", "active; pending: operations answer PendingVerification; suspended: nothing is allowed")
	cmd.MarkFlagRequired("state")
	return cmd
}
