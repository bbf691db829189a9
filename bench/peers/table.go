//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// row is what the runs of one peer at one work came to.
type row struct {
	Work string `json:"work"`
	Peer string `json:"peer"`
	Runs int    `json:"runs"` // that have a report
	// Server CPU-seconds per million deliveries: the median, and both ends.
	CPU      float64 `json:"cpu_per_million"`
	CPULeast float64 `json:"cpu_per_million_least"`
	CPUMost  float64 `json:"cpu_per_million_most"`
	// The same as a ratio to raw, the median of the runs of the same turn.
	ToRaw         float64 `json:"cpu_to_raw"`
	P50           float64 `json:"p50_ms"` // from when a message was meant to be sent
	P99           float64 `json:"p99_ms"`
	Late          float64 `json:"send_lag_p99_ms"` // how late the load itself was
	PerSecond     float64 `json:"deliveries_per_second"`
	IdleBytes     float64 `json:"idle_bytes_per_connection"`
	DeliveryBytes float64 `json:"bytes_per_delivery"`
	Lost          int     `json:"lost"`              // deliveries
	Ended         int     `json:"ended_connections"` // by the server, or that never came about
}

// summarize makes a row for each work and peer, in the order of the runs.
func summarize(results []result) []row {
	var rows []row
	for _, r := range results {
		if !slices.ContainsFunc(rows, func(x row) bool { return x.Work == r.Work && x.Peer == r.Peer }) {
			rows = append(rows, summary(results, r.Work, r.Peer))
		}
	}
	return rows
}

func summary(results []result, work, peer string) row {
	x := row{Work: work, Peer: peer}
	var cpu, ratio, p50, p99, late, rate, idle, size []float64
	for _, r := range results {
		if r.Work != work || r.Peer != peer || r.Report == nil || r.Report.Messages == nil {
			continue
		}
		x.Runs++
		x.Lost += r.Report.Messages.Lost
		x.Ended += r.Report.Connections.Wanted - r.Report.Connections.Opened
		for _, n := range r.Report.Connections.ClosedEarly {
			x.Ended += n
		}
		cpu = append(cpu, r.Report.CPUPerMillion)
		if raw := sameTurn(results, r, "raw"); raw > 0 {
			ratio = append(ratio, r.Report.CPUPerMillion/raw)
		}
		p50 = append(p50, r.Report.Latency["deliver"].P50)
		p99 = append(p99, r.Report.Latency["deliver"].P99)
		late = append(late, r.Report.Latency["send_lag"].P99)
		rate = append(rate, r.Report.Window.PerSecond)
		idle = append(idle, r.IdleBytes)
		size = append(size, r.DeliveryBytes)
	}
	if x.Runs > 0 {
		x.CPULeast, x.CPUMost = slices.Min(cpu), slices.Max(cpu)
	}
	x.CPU, x.ToRaw, x.P50, x.P99 = median(cpu), median(ratio), median(p50), median(p99)
	x.Late = median(late)
	x.PerSecond, x.IdleBytes, x.DeliveryBytes = median(rate), median(idle), median(size)
	return x
}

// sameTurn is what another peer cost in the turn of a run; 0 if it has none.
func sameTurn(results []result, of result, peer string) float64 {
	for _, r := range results {
		if r.Work == of.Work && r.Repeat == of.Repeat && r.Peer == peer && r.Report != nil {
			return r.Report.CPUPerMillion
		}
	}
	return 0
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

func writeTable(w io.Writer, rows []row, results []result) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "work\tserver\tCPU-s/M\tleast–most\t× raw\tp50 ms\tp99 ms\tlate ms\tdeliveries/s\tidle KB\tbytes\tlost\tended\t")
	for _, x := range rows {
		if x.Runs == 0 {
			fmt.Fprintf(t, "%s\t%s\t–\t–\t–\t–\t–\t–\t–\t–\t–\t–\t–\t\n", x.Work, x.Peer)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f–%.2f\t%s\t%s\t%s\t%s\t%.0f\t%.1f\t%.0f\t%d\t%d\t\n", x.Work, x.Peer, x.CPU, x.CPULeast, x.CPUMost,
			known(x.ToRaw, 2), known(x.P50, 1), known(x.P99, 1), known(x.Late, 1), x.PerSecond, x.IdleBytes/1024, x.DeliveryBytes, x.Lost, x.Ended)
	}
	t.Flush()
	for _, r := range results {
		if fault := r.fault(); fault != "" {
			fmt.Fprintf(w, "%s %d %s: %s\n", r.Work, r.Repeat, r.Peer, fault)
		}
	}
}

// known writes a figure that there may be none of: a server that is seconds
// behind delivers nothing that was meant for the measured time.
func known(x float64, decimals int) string {
	if x == 0 {
		return "–"
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}

// fault says why a run is not to be trusted; "" if every viewer got everything.
func (r result) fault() string {
	if r.Error != "" {
		return r.Error
	}
	return strings.Join(r.Report.Problems, "; ")
}

func (r result) brief() string {
	if fault := r.fault(); fault != "" {
		return fault
	}
	return fmt.Sprintf("%.2f CPU-s/M, p99 %.1f ms, %.0f deliveries/s", r.Report.CPUPerMillion, r.Report.Latency["deliver"].P99, r.Report.Window.PerSecond)
}
