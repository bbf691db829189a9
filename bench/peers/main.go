//go:build linux

// Command peers puts the same fan-out on Parley, on other servers and on the
// least that can be done with one write per frame, in turn and with the same
// receivers, so that what they cost can be compared. It assumes Linux, loopback
// and the programs that run.sh gets.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	peers   []peer
	works   []work
	repeat  int
	length  time.Duration
	frame   int
	members int
	build   string
	json    string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == rawArgument {
		l, err := net.Listen("tcp", args[1])
		if err != nil {
			return err
		}
		return serveRaw(l.(*net.TCPListener))
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	results := o.all(ctx)
	rows := summarize(results)
	writeTable(os.Stdout, rows, results)
	if o.json != "" {
		if err := writeJSON(o.json, rows, results); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	names := f.String("peers", "raw,uws,nats,centrifugo,parley", "what to measure, in this order")
	loads := f.String("work", "p1,p2,p3", "loads: p1, p2, p3, p4, saturate")
	f.IntVar(&o.repeat, "repeat", 3, "runs of each; the peers take turns")
	f.DurationVar(&o.length, "for", 10*time.Second, "measured time of a run")
	f.IntVar(&o.frame, "frame", 154, "bytes of a delivery's frame, as far as the server's own part permits")
	f.IntVar(&o.members, "members", 10_000, "most members of a room: less for a try")
	f.StringVar(&o.build, "build", "bench/peers/.build", "directory of the programs")
	f.StringVar(&o.json, "json", "", "file to write everything to")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.peers, err = pick(*names, peers(), func(p peer) string { return p.name }); err != nil {
		return o, err
	}
	if o.works, err = pick(*loads, works(), func(w work) string { return w.name }); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.repeat < 1 || o.length <= 0 || o.members < 20 {
		return o, errors.New("nothing but flags, at least one repeat, some time and 20 members, please")
	}
	return o, nil
}

// pick returns the named ones, in the order they were named.
func pick[T any](names string, all []T, name func(T) string) ([]T, error) {
	var picked []T
	for n := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(x T) bool { return name(x) == n })
		if i < 0 {
			return nil, fmt.Errorf("there is no %q", n)
		}
		picked = append(picked, all[i])
	}
	return picked, nil
}

// all runs everything. The peers take turns, so that what else the machine does
// hits all alike. One that fails does not end the others.
func (o options) all(ctx context.Context) []result {
	var results []result
	for _, w := range o.works {
		for repeat := range o.repeat {
			for _, p := range o.peers {
				r, err := o.measure(ctx, p, w)
				if ctx.Err() != nil {
					return results // a run that was cut short says nothing
				}
				r.Repeat = repeat + 1
				if err != nil {
					r.Error = err.Error()
				}
				fmt.Fprintf(os.Stderr, "%s %d/%d %s: %s\n", w.name, r.Repeat, o.repeat, p.name, r.brief())
				results = append(results, r)
			}
		}
	}
	return results
}

func writeJSON(name string, rows []row, results []result) error {
	text, err := json.MarshalIndent(map[string]any{"rows": rows, "runs": results}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
