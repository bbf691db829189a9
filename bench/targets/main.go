//go:build linux

// Command targets measures what docs/performance.md promises: it builds Parley,
// puts each load on a server of its own with `parley bench`, and writes the
// tables, the plots and every figure. It assumes loopback and a machine that
// does nothing else.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/parleychat/parley/internal/bench"
)

// run is one load on one server.
type run struct {
	Name   string        `json:"name"`
	Serve  []string      `json:"serve,omitempty"` // flags of the server
	Bench  []string      `json:"bench"`           // arguments of parley bench
	Report *bench.Report `json:"report,omitempty"`
	Error  string        `json:"error,omitempty"`
}

type options struct {
	only   *regexp.Regexp
	length time.Duration
	repeat int
	out    string
	merge  bool
	binary string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := all(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "targets:", err)
		os.Exit(1)
	}
}

func all(ctx context.Context, args []string) error {
	var o options
	f := flag.NewFlagSet("targets", flag.ContinueOnError)
	only := f.String("only", "", "regular expression of the runs to make")
	f.DurationVar(&o.length, "for", 15*time.Second, "measured time of a run")
	f.IntVar(&o.repeat, "repeat", 3, "runs of each; the table has the median")
	f.StringVar(&o.out, "out", "docs/performance", "directory of the figures and plots")
	f.BoolVar(&o.merge, "merge", false, "keep the figures of runs that are not made")
	if err := f.Parse(args); err != nil {
		return err
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "targets-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	o.binary = filepath.Join(scratch, "parley")
	build := exec.CommandContext(ctx, "go", "build", "-o", o.binary, "./cmd/parley")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build parley: %w", err)
	}
	results := o.measure(ctx)
	if o.merge {
		if results, err = o.with(results); err != nil {
			return err
		}
	}
	if len(results) == 0 {
		return errors.New("nothing was measured")
	}
	return o.write(results)
}

// measure makes all runs in turn, so that what else the machine does hits all alike.
func (o options) measure(ctx context.Context) []run {
	var results []run
	for turn := range o.repeat {
		for _, r := range slices.Concat(promises(), growth()) {
			if !o.only.MatchString(r.Name) || ctx.Err() != nil {
				continue
			}
			fmt.Fprintf(os.Stderr, "%d/%d %s\n", turn+1, o.repeat, r.Name)
			if err := o.one(ctx, &r); err != nil {
				r.Error = err.Error()
				fmt.Fprintln(os.Stderr, "  ", r.Error)
			}
			results = append(results, r)
		}
	}
	return results
}

// with adds the earlier figures of the runs that were not made now.
func (o options) with(results []run) ([]run, error) {
	var before []run
	data, err := os.ReadFile(filepath.Join(o.out, "figures.json"))
	if err == nil {
		err = json.Unmarshal(data, &before)
	}
	if err != nil {
		return nil, fmt.Errorf("earlier figures: %w", err)
	}
	kept := slices.DeleteFunc(before, func(b run) bool {
		return slices.ContainsFunc(results, func(r run) bool { return r.Name == b.Name })
	})
	return append(kept, results...), nil
}

const (
	keyID  = "PARLEYBENCHKEY0000001"
	secret = "parley-bench-secret-0001"
)

// one starts a server, puts the load on it and stops it.
func (o options) one(ctx context.Context, r *run) error {
	dir, err := os.MkdirTemp("", "targets-run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ready := filepath.Join(dir, "ready.json")
	server := exec.Command(o.binary, append([]string{"serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0",
		"--quotas", "none", "--log-level", "error", "--banner", "none", "--ready-file", ready}, r.Serve...)...)
	server.Env = append(os.Environ(), "PARLEY_ACCESS_KEY_ID="+keyID, "PARLEY_SECRET_ACCESS_KEY="+secret)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		return err
	}
	defer func() {
		server.Process.Kill()
		server.Wait()
	}()
	endpoint, err := await(ctx, ready)
	if err != nil {
		return err
	}
	report := filepath.Join(dir, "report.json")
	args := append([]string{"bench"}, r.Bench...)
	if r.Bench[0] != "connect" {
		args = append(args, "--for", o.length.String())
	}
	load := exec.CommandContext(ctx, o.binary, append(args, "--endpoint", endpoint, "--json", report,
		"--server-pid", fmt.Sprint(server.Process.Pid))...)
	load.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_REGION=us-west-2")
	said, failed := load.CombinedOutput()
	data, err := os.ReadFile(report)
	if err != nil {
		return fmt.Errorf("parley bench: %w\n%s", errors.Join(failed, err), said)
	}
	r.Report = new(bench.Report)
	if err := json.Unmarshal(data, r.Report); err != nil {
		return err
	}
	r.Report.Flags = nil // Bench says it
	if len(r.Report.Problems) > 0 {
		return errors.New(strings.Join(r.Report.Problems, "; "))
	}
	return failed
}

// await returns the server's URL once it listens.
func await(ctx context.Context, ready string) (string, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		data, err := os.ReadFile(ready)
		if err == nil {
			var said struct {
				Endpoint string `json:"api"`
			}
			return said.Endpoint, json.Unmarshal(data, &said)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
	return "", errors.New("the server did not start")
}
