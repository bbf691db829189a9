//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/parleychat/parley/internal/bench"
)

// promise is what a run has to hold.
type promise struct {
	what   string
	value  func(*bench.Report) float64
	most   float64 // at most; 0 for none
	least  float64 // at least; 0 for none
	format string
}

func cpu(most float64) promise {
	return promise{"CPU-s per million", func(r *bench.Report) float64 { return r.CPUPerMillion }, most, 0, "%.2f"}
}

func latency(of, what string, at func(bench.Latency) float64, most float64) promise {
	return promise{of + " " + what + ", ms", func(r *bench.Report) float64 { return at(r.Latency[of]) }, most, 0, "%.2f"}
}

func p50(l bench.Latency) float64 { return l.P50 }
func p99(l bench.Latency) float64 { return l.P99 }

func perSecond(least float64) promise {
	return promise{"per second", func(r *bench.Report) float64 { return r.Window.PerSecond }, 0, least, "%.0f"}
}

func memory(most float64) promise {
	return promise{"bytes a connection", func(r *bench.Report) float64 { return r.BytesPerConnection }, most, 0, "%.0f"}
}

// promised is the table of docs/performance.md, by the run's name.
func promised() map[string][]promise {
	return map[string][]promise{
		"P1":                 {cpu(10.5), latency("deliver", "p99", p99, 110)},
		"P2":                 {cpu(7.5), latency("deliver", "p99", p99, 30)},
		"P2 no window":       {cpu(9.5)},
		"P3":                 {cpu(10.5), latency("deliver", "p99", p99, 5)},
		"P4":                 {cpu(1.2), perSecond(600_000), latency("deliver", "p99", p99, 120)},
		"P5 10,000":          {memory(1500)},
		"P5 19,000":          {memory(1500)},
		"P5 portable 10,000": {memory(5000)},
		"P6":                 {cpu(200), perSecond(5000)},
		"P7 GetRoom":         {perSecond(8000)},
		"P7 CreateChatToken": {perSecond(5000)},
		"P8":                 {latency("deliver", "p50", p50, 0.3), latency("deliver", "p99", p99, 1.5)},
	}
}

func fanout(name string, rooms, members int, rate string, serve ...string) run {
	return run{Name: name, Serve: serve, Bench: []string{
		"fanout", "--rooms", fmt.Sprint(rooms), "--members", fmt.Sprint(members), "--rate", rate,
	}}
}

func command(name, line string, serve ...string) run {
	return run{Name: name, Bench: strings.Fields(line), Serve: serve}
}

func promises() []run {
	return []run{
		fanout("P1", 1, 10_000, "5/s"),
		fanout("P2", 1, 1_000, "50/s"),
		fanout("P2 no window", 1, 1_000, "50/s", "--fanout-window", "0s"),
		fanout("P3", 100, 100, "5/s"),
		fanout("P4", 1, 10_000, "100/s"),
		command("P5 10,000", "idle --conns 10000"),
		command("P5 19,000", "idle --conns 19000"),
		command("P5 portable 10,000", "idle --conns 10000", "--reader", "goroutine"),
		command("P6", "connect --conns 5000 --rooms 10 --rounds 4"),
		command("P7 GetRoom", "api --operation GetRoom"),
		command("P7 CreateChatToken", "api --operation CreateChatToken"),
		command("P8", "send --members 10 --rate 50/s"),
	}
}

// growth is P9: the same number of deliveries over ever more rooms or members,
// with the window off, and the same room at ever higher rates, with it on. Pings
// are rare, or they would be most of what 19,000 viewers get.
func growth() []run {
	var runs []run
	for _, rooms := range []int{10, 100, 1_000, 1_900} {
		rate := fmt.Sprintf("%.4g/s", 20_000.0/float64(10*rooms))
		if rooms == 10 {
			rate = "50/s" // the most ten members may send: a quarter of the deliveries of the others
		}
		runs = append(runs, fanout(fmt.Sprintf("P9 rooms %d", rooms), rooms, 10, rate, "--fanout-window", "0s", "--ping-interval", "5m"))
	}
	for _, members := range []int{10, 100, 1_000, 10_000, 19_000} {
		rate := fmt.Sprintf("%.4g/s", min(5*float64(members), 100, 20_000.0/float64(members))) // a member sends five at most
		runs = append(runs, fanout(fmt.Sprintf("P9 members %d", members), 1, members, rate, "--fanout-window", "0s", "--ping-interval", "5m"))
	}
	for _, rate := range []int{1, 5, 10, 25, 50, 75, 100} {
		runs = append(runs, fanout(fmt.Sprintf("P9 rate %d", rate), 1, 1_000, fmt.Sprintf("%d/s", rate)))
	}
	return runs
}
