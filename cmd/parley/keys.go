package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/parleychat/parley/internal/access"
	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/policy"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/internal/store"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make access keys, and say what they may do",
		Long: "Make access keys, and say what they may do. The commands change the database under --data;\n" +
			"a server that runs sees it within a second. The server's own key, of the first run or of\n" +
			"PARLEY_ACCESS_KEY_ID, is not among them.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(keysCreateCommand(), keysListCommand(), keysSessionCommand(), keysPolicyCommand(),
		keysChange("disable ID", "Have a key, and its sessions, be refused", func(ctx context.Context, d access.Desk, id string) error { return d.Disable(ctx, id, true) }),
		keysChange("enable ID", "Take a key that was disabled again", func(ctx context.Context, d access.Desk, id string) error { return d.Disable(ctx, id, false) }),
		keysChange("delete ID", "Remove a key and its sessions", func(ctx context.Context, d access.Desk, id string) error { return d.Delete(ctx, id) }),
		rotateCommand())
	return cmd
}

// atDesk makes a command that changes what the store keeps of access.
func atDesk(use, short string, args cobra.PositionalArgs, do func(cmd *cobra.Command, c *config.Config, d access.Desk, args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			s, err := attach(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			master, err := keys.ReadMaster(c.Data, c.MasterKey)
			if err != nil {
				return err
			}
			return do(cmd, c, access.Desk{Store: s, Master: master}, args)
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

func keysChange(use, short string, change func(context.Context, access.Desk, string) error) *cobra.Command {
	return atDesk(use, short, cobra.ExactArgs(1), func(cmd *cobra.Command, _ *config.Config, d access.Desk, args []string) error {
		return change(cmd.Context(), d, args[0])
	})
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{0,64}$`) // as IAM's of users

func keysCreateCommand() *cobra.Command {
	var n access.New
	var policies []string
	asJSON := false
	cmd := atDesk("create", "Make an access key and print it, this once", cobra.NoArgs,
		func(cmd *cobra.Command, c *config.Config, d access.Desk, _ []string) (err error) {
			if n.Account == "" {
				n.Account = c.AccountID
			}
			if !accountID.MatchString(n.Account) {
				return usageError{fmt.Errorf("--account: %q is not an account id: 12 digits", n.Account)}
			}
			if !keyName.MatchString(n.Name) {
				return usageError{fmt.Errorf("--name: %q is not up to 64 letters, digits and +=,.@_-", n.Name)}
			}
			if n.Policies, err = readPolicies(policies); err != nil {
				return err
			}
			k, err := d.Create(cmd.Context(), n)
			if err != nil {
				return err
			}
			return printCredentials(cmd.OutOrStdout(), asJSON, shown{AccountID: k.Account, AccessKeyID: k.ID, SecretAccessKey: string(k.Secret)})
		})
	flags := cmd.Flags()
	flags.StringVar(&n.Account, "account", "", "account of the key: 12 digits; that of account-id if not given")
	flags.StringVar(&n.Name, "name", "", "name of whose key it is, which errors and ARNs show")
	flags.StringArrayVar(&policies, "policy", nil, "file of a policy document; may be repeated. Without one the key may do everything in its account")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// readPolicies reads the files of policy documents, and names the one that is none.
func readPolicies(files []string) (texts []string, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if _, err := policy.Parse(text); err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", file, err)}
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

// shown is what is printed of a key, this once.
type shown struct {
	AccountID       string     `json:"accountId"`
	AccessKeyID     string     `json:"accessKeyId"`
	SecretAccessKey string     `json:"secretAccessKey"`
	SessionToken    string     `json:"sessionToken,omitempty"`
	Expiration      *time.Time `json:"expiration,omitempty"`
}

func printCredentials(out io.Writer, asJSON bool, c shown) error {
	if asJSON {
		return json.NewEncoder(out).Encode(c)
	}
	fmt.Fprintf(out, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n", c.AccessKeyID, c.SecretAccessKey)
	if c.SessionToken != "" {
		fmt.Fprintf(out, "export AWS_SESSION_TOKEN=%s\n# until %s\n", c.SessionToken, c.Expiration.UTC().Format(time.RFC3339))
	}
	return nil
}

func keysSessionCommand() *cobra.Command {
	length, asJSON := time.Duration(0), false
	cmd := atDesk("session ID", "Make temporary credentials of a key and print them, this once", cobra.ExactArgs(1),
		func(cmd *cobra.Command, _ *config.Config, d access.Desk, args []string) error {
			s, err := d.StartSession(cmd.Context(), args[0], length)
			if err != nil {
				return err
			}
			return printCredentials(cmd.OutOrStdout(), asJSON, shown{
				AccountID: s.Account, AccessKeyID: s.ID, SecretAccessKey: string(s.Secret), SessionToken: string(s.SessionToken), Expiration: &s.Expires,
			})
		})
	cmd.Flags().DurationVar(&length, "duration", time.Hour, "how long they are good for: 15m to 36h")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func keysPolicyCommand() *cobra.Command {
	var policies []string
	all := false
	cmd := atDesk("policy ID", "Give a key, and its sessions, other policies", cobra.ExactArgs(1),
		func(cmd *cobra.Command, _ *config.Config, d access.Desk, args []string) error {
			texts, err := readPolicies(policies)
			if err != nil {
				return err
			}
			return d.SetPolicies(cmd.Context(), args[0], texts)
		})
	cmd.Flags().StringArrayVar(&policies, "policy", nil, "file of a policy document; may be repeated")
	cmd.Flags().BoolVar(&all, "allow-everything", false, "take its policies away: it may then do everything in its account")
	cmd.MarkFlagsOneRequired("policy", "allow-everything")
	cmd.MarkFlagsMutuallyExclusive("policy", "allow-everything")
	return cmd
}

// listed is a line of `parley keys list`: nothing secret.
type listed struct {
	AccountID   string     `json:"accountId"`
	AccessKeyID string     `json:"accessKeyId"`
	Name        string     `json:"name"`
	Status      string     `json:"status"` // active, disabled, expired
	SessionOf   string     `json:"sessionOf,omitempty"`
	Policies    int        `json:"policies"`
	Created     time.Time  `json:"created"`
	LastUsed    *time.Time `json:"lastUsed"`
	Expiration  *time.Time `json:"expiration,omitempty"`
}

func keysListCommand() *cobra.Command {
	asJSON := false
	cmd := atDesk("list", "Print the access keys that there are, but no secret", cobra.NoArgs,
		func(cmd *cobra.Command, _ *config.Config, d access.Desk, _ []string) error {
			all, err := d.Store.AccessKeys(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printLines(cmd.OutOrStdout(), all, asListed)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ACCOUNT\tACCESS KEY\tNAME\tSTATUS\tPOLICIES\tCREATED\tLAST USED\tSESSION OF")
			for _, k := range all {
				l := asListed(k)
				used := "-"
				if l.LastUsed != nil {
					used = l.LastUsed.Format(time.RFC3339)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", l.AccountID, l.AccessKeyID, l.Name, l.Status, l.Policies, l.Created.Format(time.RFC3339), used, l.SessionOf)
			}
			return w.Flush()
		})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each")
	return cmd
}

func asListed(k store.AccessKey) listed {
	l := listed{
		AccountID: k.Account, AccessKeyID: k.ID, Name: k.Name, Status: "active", SessionOf: k.Parent,
		Policies: len(k.Policies), Created: k.Created,
	}
	if !k.LastUsed.IsZero() {
		l.LastUsed = &k.LastUsed
	}
	if !k.Expires.IsZero() {
		l.Expiration = &k.Expires
	}
	switch {
	case k.Disabled:
		l.Status = "disabled"
	case !k.Expires.IsZero() && !time.Now().Before(k.Expires):
		l.Status = "expired"
	}
	return l
}

func rotateCommand() *cobra.Command {
	cmd := atDesk("rotate-token-key", "Have chat tokens and page tokens be sealed with new keys", cobra.NoArgs,
		func(cmd *cobra.Command, _ *config.Config, d access.Desk, _ []string) error {
			return d.RotateTokenKeys(cmd.Context())
		})
	cmd.Long = "Have chat tokens and page tokens be sealed with new keys, in a few seconds, when every server\n" +
		"knows them. Tokens that are out stay good until they expire; their keys are dropped four\n" +
		"hours later."
	return cmd
}

// attach opens the data of a server, which may be running.
func attach(ctx context.Context, c *config.Config) (*store.Store, error) {
	return store.Attach(ctx, server.Database(c))
}
