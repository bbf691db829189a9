package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parleychat/parley/internal/bench"
)

// chatFlags are those of loads that send messages.
type chatFlags struct {
	o        bench.ChatOptions
	rate     perSecond
	arrivals string
}

func (c *chatFlags) add(f *pflag.FlagSet, members int, rate perSecond) {
	c.rate = rate
	f.IntVar(&c.o.Rooms, "rooms", 1, "rooms to make")
	f.IntVar(&c.o.Members, "members", members, "members of each room")
	f.Var(&c.rate, "rate", "messages per second into each room, at most 100")
	f.IntVar(&c.o.Payload, "payload", 64, "bytes of each message's content, 41 to 500")
	f.DurationVar(&c.o.For, "for", 30*time.Second, "how long to measure")
	f.DurationVar(&c.o.WarmUp, "warm-up", 3*time.Second, "how long to send before")
	f.IntVar(&c.o.Senders, "senders", 0, "members of each room who send (default: one for every 5/s)")
	f.StringVar(&c.arrivals, "arrivals", string(bench.Poisson), "how sends are spread: poisson or even")
	f.Uint64Var(&c.o.Seed, "seed", 1, "of everything random")
	f.IntVar(&c.o.Stalled, "stalled", 0, "viewers in addition who never read, over all rooms")
	f.StringVar(&c.o.RoomARN, "room", "", "ARN of a room to use instead of making some")
	f.IntVar(&c.o.Dialing, "dialing", 256, "handshakes under way at once")
	f.DurationVar(&c.o.Coalesce, "coalesce", 0, "how long receivers let deliveries gather, to cost less (default: 1ms from 10,000 deliveries/s; negative for never)")
}

func (c *chatFlags) options() bench.ChatOptions {
	c.o.Rate, c.o.Arrivals = float64(c.rate), bench.Arrivals(c.arrivals)
	return c.o
}

// loadCommand is a subcommand: its own flags, and what it measures.
func loadCommand(use, short string, own func(*pflag.FlagSet), measure measurement) *cobra.Command {
	var b benchFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd, measure) },
	}
	own(cmd.Flags())
	b.add(cmd.Flags())
	return cmd
}

func benchFanout() *cobra.Command {
	var c chatFlags
	return loadCommand("fanout", "Send messages into rooms and check every delivery of every member",
		func(f *pflag.FlagSet) { c.add(f, 1000, 10) },
		func(ctx context.Context, t *bench.Target, notify func(bench.Status)) (*bench.Report, error) {
			return bench.Fanout(ctx, t, c.options(), notify)
		})
}

func benchSend() *cobra.Command {
	var c chatFlags
	return loadCommand("send", "Measure from send to ack and to delivery among a few members",
		func(f *pflag.FlagSet) { c.add(f, 10, 20) },
		func(ctx context.Context, t *bench.Target, notify func(bench.Status)) (*bench.Report, error) {
			return bench.Send(ctx, t, c.options(), notify)
		})
}

func benchMixed() *cobra.Command {
	var c chatFlags
	churn := perSecond(10)
	sizes := []int{500, 100, 100, 20, 20, 20, 5, 5, 5, 5}
	return loadCommand("mixed", "Fan out into rooms of different sizes while members come and go",
		func(f *pflag.FlagSet) {
			c.add(f, 0, 5)
			f.IntSliceVar(&sizes, "sizes", sizes, "members of each room; instead of --rooms and --members")
			f.Var(&churn, "churn", "members per second who leave or come back")
		},
		func(ctx context.Context, t *bench.Target, notify func(bench.Status)) (*bench.Report, error) {
			o := c.options()
			o.Churn = float64(churn)
			if o.Members == 0 {
				o.Sizes = sizes
			}
			return bench.Mixed(ctx, t, o, notify)
		})
}

// crowdFlags are those of loads that only connect.
func crowdFlags(f *pflag.FlagSet, o *bench.CrowdOptions, rate *perSecond) {
	f.IntVar(&o.Conns, "conns", 1000, "connections")
	f.IntVar(&o.Rooms, "rooms", 1, "rooms to make and to spread them over")
	f.StringVar(&o.RoomARN, "room", "", "ARN of a room to use instead of making some")
	f.Var(rate, "rate", "handshakes per second; 0 for as fast as possible")
	f.IntVar(&o.Dialing, "dialing", 256, "handshakes under way at once")
}

func benchConnect() *cobra.Command {
	var o bench.CrowdOptions
	var rate perSecond
	var storm int
	return loadCommand("connect", "Measure handshakes, with chat tokens made beforehand",
		func(f *pflag.FlagSet) {
			crowdFlags(f, &o, &rate)
			f.IntVar(&o.Rounds, "rounds", 3, "how often to connect all and close them again")
			f.IntVar(&storm, "storm", 0, "connect so many at once: stands for --conns and --dialing")
		},
		func(ctx context.Context, t *bench.Target, notify func(bench.Status)) (*bench.Report, error) {
			o.Rate = float64(rate)
			if storm > 0 {
				o.Conns, o.Dialing = storm, storm
			}
			return bench.Connect(ctx, t, o, notify)
		})
}

func benchIdle() *cobra.Command {
	var o bench.CrowdOptions
	var rate perSecond
	return loadCommand("idle", "Measure what connections cost that do nothing",
		func(f *pflag.FlagSet) {
			crowdFlags(f, &o, &rate)
			f.DurationVar(&o.Hold, "for", 10*time.Second, "how long they stay")
		},
		func(ctx context.Context, t *bench.Target, notify func(bench.Status)) (*bench.Report, error) {
			o.Rate = float64(rate)
			return bench.Idle(ctx, t, o, notify)
		})
}

func benchAPI() *cobra.Command {
	var o bench.APIOptions
	return loadCommand("api", "Measure operations of the control plane",
		func(f *pflag.FlagSet) {
			f.StringVar(&o.Operation, "operation", "GetRoom", strings.Join(bench.APIOperations(), ", "))
			f.IntVar(&o.Workers, "workers", 16, "callers, each with one call at a time")
			f.DurationVar(&o.For, "for", 10*time.Second, "how long to measure")
			f.DurationVar(&o.WarmUp, "warm-up", time.Second, "how long to call before")
		},
		func(ctx context.Context, t *bench.Target, notify func(bench.Status)) (*bench.Report, error) {
			return bench.API(ctx, t, o, notify)
		})
}
