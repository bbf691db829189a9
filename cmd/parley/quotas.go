package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"regexp"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/metrics"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/internal/store"
)

// quotasOf is whose quotas to show, and how.
type quotasOf struct {
	account, region string // "" is all that are known
	metrics         string // URL; "" is that of the settings
	json            bool
}

func quotasCommand() *cobra.Command {
	var q quotasOf
	cmd := &cobra.Command{
		Use:   "quotas",
		Short: "Show the limits of accounts, and what they use of them",
		Long: "Print each limit of the accounts that have anything, in each region, and its use. Limits are\n" +
			"those of the settings given here, which have to be the server's. Rooms and logging\n" +
			"configurations, connections and rates are what the running server tells at its metrics\n" +
			"listener; if none is named, or it does not answer, the former are counted in the database\n" +
			"under --data. What is not known shows as -, and so does a limit that is none.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("region") {
				q.region = c.Region
			}
			return q.run(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	config.AddFlags(cmd.Flags())
	flags := cmd.Flags()
	flags.Lookup("region").Usage = "region to show; all that are known if not given"
	flags.StringVar(&q.account, "account", "", "account to show; all that are known if not given")
	flags.StringVar(&q.metrics, "metrics", "", "URL of the running server's metrics; that of metrics-listen if not given")
	flags.BoolVar(&q.json, "json", false, "print JSON")
	return cmd
}

// quota is a row of what is printed. Most and Used are nil for none and unknown.
type quota struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Quota   string `json:"quota"`
	Per     string `json:"per,omitempty"` // connection or room, if each has it for itself
	Rate    bool   `json:"perSecond"`
	Most    *int   `json:"limit"`
	Used    *int   `json:"use"`
}

func (q quotasOf) run(ctx context.Context, c *config.Config, out, warnings io.Writer) error {
	if !accountID.MatchString(q.account) {
		return usageError{fmt.Errorf("--account: %q is not an account id: 12 digits", q.account)}
	}
	quotas, err := limit.New(c.Quotas, c.QuotasFor)
	if err != nil {
		return usageError{err}
	}
	known := knownUse{used: map[limit.Key]int{}}
	if err := q.askServer(ctx, c, &known, warnings); err != nil {
		return err
	}
	// A server tells what is in its database, and it may be another than the one here.
	if !known.server {
		if err := known.count(ctx, server.Database(c), warnings); err != nil {
			return err
		}
	}
	rows := q.rows(quotas, known, c)
	if q.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(rows)
	}
	return printQuotas(out, rows)
}

var accountID = regexp.MustCompile(`^([0-9]{12})?$`)

// knownUse is what is known of the use of quotas.
type knownUse struct {
	used      map[limit.Key]int
	server    bool // a server told it
	resources bool // the rooms and logging configurations of a database were counted
}

// askServer adds what the running server tells. One that only the settings name
// may well not run.
func (q quotasOf) askServer(ctx context.Context, c *config.Config, known *knownUse, warnings io.Writer) error {
	url := q.metrics
	if url == "" {
		_, port, err := net.SplitHostPort(c.MetricsListen)
		if err != nil || port == "0" {
			return nil // nothing says where to ask
		}
		url = "http://" + reachable(c.MetricsListen) + "/metrics"
	}
	found, err := metrics.ReadUses(ctx, url)
	if err != nil && q.metrics == "" {
		fmt.Fprintln(warnings, "parley: connections and rates are not known:", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, u := range found {
		known.used[limit.Key{Account: u.Account, Region: u.Region, What: u.Quota}] = u.Used
	}
	known.server = true
	return nil
}

// count adds the resources in the database.
func (k *knownUse) count(ctx context.Context, path string, warnings io.Writer) error {
	s, err := store.Attach(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(warnings, "parley: rooms and logging configurations are not known:", err)
		return nil
	}
	if err != nil {
		return err
	}
	counts, err := s.Counts(ctx)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	for _, c := range counts {
		if quota, ok := server.QuotaOf(c.Type); ok {
			k.used[limit.Key{Account: c.Account, Region: c.Region, What: quota}] = c.N
		}
	}
	k.resources = true
	return nil
}

// of returns the use of a limit of an account in a region, nil if it is not known.
func (k knownUse) of(t store.Tenant, l limit.Limit) *int {
	if n, ok := k.used[limit.Key{Account: t.Account, Region: t.Region, What: l.Quota}]; ok {
		return &n
	}
	resource := l.Quota == limit.QuotaRooms || l.Quota == limit.QuotaLoggingConfigurations
	switch {
	case l.Per != "": // nobody counts them together
		return nil
	case resource && (k.resources || k.server), l.Quota == limit.QuotaConnections && k.server:
		return new(int)
	case l.Rate && l.Most > 0 && k.server && k.tells(t): // without a limit it is not counted
		return new(int)
	}
	return nil
}

// tells tells whether the server tells rates of the account in the region.
func (k knownUse) tells(t store.Tenant) bool {
	for key := range k.used {
		if key.Account == t.Account && key.Region == t.Region {
			return true
		}
	}
	return false
}

// tenants are those to show: what is known, within what was asked for, and at
// least one.
func (q quotasOf) tenants(known knownUse, c *config.Config) []store.Tenant {
	var all []store.Tenant
	for key := range known.used {
		t := store.Tenant{Account: key.Account, Region: key.Region}
		if (q.account == "" || q.account == t.Account) && (q.region == "" || q.region == t.Region) && !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		all = append(all, store.Tenant{Account: cmp.Or(q.account, c.AccountID), Region: cmp.Or(q.region, c.Region)})
	}
	slices.SortFunc(all, func(a, b store.Tenant) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	return all
}

func (q quotasOf) rows(quotas *limit.Quotas, known knownUse, c *config.Config) []quota {
	var rows []quota
	for _, t := range q.tenants(known, c) {
		for _, l := range quotas.For(t.Account, t.Region).Limits() {
			row := quota{Account: t.Account, Region: t.Region, Quota: l.Quota, Per: l.Per, Rate: l.Rate, Used: known.of(t, l)}
			if l.Most > 0 {
				row.Most = &l.Most
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func printQuotas(out io.Writer, rows []quota) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACCOUNT\tREGION\tQUOTA\tLIMIT\tUSE\tPER")
	for _, r := range rows {
		per := r.Per
		switch {
		case r.Rate && per != "":
			per = "second and " + per
		case r.Rate:
			per = "second"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Account, r.Region, r.Quota, numberOrNone(r.Most), numberOrNone(r.Used), per)
	}
	return w.Flush()
}

func numberOrNone(n *int) string {
	if n == nil {
		return "-"
	}
	return strconv.Itoa(*n)
}
