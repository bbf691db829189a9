package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parleychat/parley/internal/bench"
	"github.com/parleychat/parley/ivschat"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put load on a server and measure it",
		Long: "Put load on a server and measure it, over the API and the messaging protocol alone: any\n" +
			"IVS-compatible endpoint will do. Endpoint, region and credentials come from the usual AWS_*\n" +
			"variables and profiles; without an endpoint it is http://127.0.0.1:7878.",
	}
	cmd.AddCommand(benchConnect(), benchFanout(), benchSend(), benchMixed(), benchIdle(), benchAPI())
	return cmd
}

// benchFlags are those that all loads share.
type benchFlags struct {
	endpoints []string
	urls      []string
	locals    []string
	region    string
	serverPID []int
	ownHost   bool
	ca        string
	loops     int
	portable  bool
	workers   int
	json      string
	hdr       string
	assert    string
}

func (b *benchFlags) add(f *pflag.FlagSet) {
	f.StringSliceVar(&b.endpoints, "endpoint", nil, "URL of the control plane; of a cluster, those of all nodes")
	f.StringSliceVar(&b.urls, "messaging-url", nil, "URLs of messaging, used in turn (default: the endpoint's)")
	f.StringSliceVar(&b.locals, "local-addr", nil, "source addresses, used in turn: one has about 28,000 ports for one destination")
	f.StringVar(&b.region, "region", "", "region of the endpoint (default: AWS_REGION, or us-west-2)")
	f.IntSliceVar(&b.serverPID, "server-pid", nil, "processes whose CPU and memory to read, one for each node (default: found on this machine); -1 reads none")
	f.StringVar(&b.ca, "ca", "", "PEM file of the authorities to trust for https and wss, instead of the system's (default: AWS_CA_BUNDLE)")
	f.BoolVar(&b.ownHost, "i-own-this-host", false, "allow a target that is not this machine")
	f.IntVar(&b.loops, "loops", 0, "receiver loops (default: one per two cores)")
	f.BoolVar(&b.portable, "portable", false, "receive on a goroutine per connection, as on systems without epoll")
	f.IntVar(&b.workers, "setup-workers", 16, "concurrent calls that make rooms and chat tokens")
	f.StringVar(&b.json, "json", "", "write every figure as JSON to this file, or - for stdout")
	f.StringVar(&b.hdr, "hdr", "", "write the latency distributions to this file")
	f.StringVar(&b.assert, "assert", "", "terms that must hold, such as 'deliver.p99<=50ms,lost==0'")
}

func (b *benchFlags) target(ctx context.Context) (*bench.Target, error) {
	options := []func(*config.LoadOptions) error{config.WithEC2IMDSClientEnableState(imds.ClientDisabled)}
	if b.region != "" {
		options = append(options, config.WithRegion(b.region))
	}
	roots, text, err := b.authorities()
	if err != nil {
		return nil, err
	}
	if roots != nil {
		options = append(options, config.WithCustomCABundle(bytes.NewReader(text)))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		cfg.Region = "us-west-2"
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return nil, errors.New("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; a server prints its own at its first start, one in dev mode takes any")
	}
	t := &bench.Target{
		URLs: b.urls, ServerPID: b.serverPID, OwnHost: b.ownHost, Loops: b.loops, Portable: b.portable, Workers: b.workers,
		RootCAs: roots, Prefix: "bench-" + strconv.Itoa(os.Getpid()),
	}
	nodes, err := b.nodes(cfg)
	if err != nil {
		return nil, err
	}
	t.API, t.Endpoint, t.More = nodes[0].API, nodes[0].Endpoint, nodes[1:]
	for _, n := range nodes {
		if len(b.urls) > 0 {
			break
		}
		derived, err := bench.MessagingURL(n.Endpoint)
		if err != nil {
			return nil, err
		}
		t.URLs = append(t.URLs, derived)
	}
	for _, text := range b.locals {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("--local-addr: %q is no IP address", text)
		}
		t.Locals = append(t.Locals, a)
	}
	return t, nil
}

// nodes are those of the cluster, or the one server.
func (b *benchFlags) nodes(cfg aws.Config) (nodes []bench.Node, err error) {
	endpoints := b.endpoints
	if len(endpoints) == 0 {
		endpoints = []string{""} // what AWS's tools take
	}
	for _, endpoint := range endpoints {
		client := ivschat.NewFromConfig(cfg, func(o *ivschat.Options) {
			if endpoint != "" {
				o.BaseEndpoint = &endpoint
			}
			if o.BaseEndpoint == nil {
				o.BaseEndpoint = new("http://127.0.0.1:7878")
			}
		})
		n := bench.Node{API: client, Endpoint: strings.TrimSuffix(*client.Options().BaseEndpoint, "/")}
		if slices.ContainsFunc(nodes, func(o bench.Node) bool { return o.Endpoint == n.Endpoint }) {
			return nil, fmt.Errorf("--endpoint: %s is given twice", n.Endpoint)
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// authorities are those of --ca, or of the variable that AWS's tools read; nil
// without either.
func (b *benchFlags) authorities() (*x509.CertPool, []byte, error) {
	name := cmp.Or(b.ca, os.Getenv("AWS_CA_BUNDLE"))
	if name == "" {
		return nil, nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("--ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, nil, fmt.Errorf("--ca: there is no PEM certificate in %s", name)
	}
	return roots, text, nil
}

// perSecond is a rate as a user writes it: 50 or 50/s.
type perSecond float64

func (r *perSecond) String() string { return strconv.FormatFloat(float64(*r), 'g', -1, 64) + "/s" }
func (r *perSecond) Type() string   { return "rate" }
func (r *perSecond) Set(text string) error {
	v, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil {
		return fmt.Errorf("%q is no rate; write 50 or 50/s", text)
	}
	*r = perSecond(v)
	return nil
}

// measurement is one of package bench's.
type measurement func(context.Context, *bench.Target, func(bench.Status)) (*bench.Report, error)

// run measures, prints and says how it went.
func (b *benchFlags) run(cmd *cobra.Command, measure measurement) error {
	assertions, err := bench.ParseAssertions(b.assert)
	if err != nil {
		return err
	}
	t, err := b.target(cmd.Context())
	if err != nil {
		return err
	}
	report, err := measure(cmd.Context(), t, newScreen(os.Stderr).status)
	if err != nil {
		return err
	}
	report.Flags = map[string]string{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			report.Flags[f.Name] = f.Value.String()
		}
	})
	met := report.Assert(assertions)
	if err := b.write(cmd.OutOrStdout(), report); err != nil {
		return err
	}
	switch {
	case len(report.Problems) > 0:
		return errors.New("bench: " + strings.Join(report.Problems, "; "))
	case !met:
		return errors.New("bench: an assertion does not hold")
	}
	return nil
}
