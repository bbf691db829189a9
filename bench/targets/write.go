//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// write puts the figures, the tables and the plots into the directory.
func (o options) write(results []run) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	data, err := json.Marshal(results)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "figures.json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	table := tables(results)
	fmt.Print(table)
	if err := os.WriteFile(filepath.Join(o.out, "tables.md"), []byte(table), 0o644); err != nil {
		return err
	}
	for _, p := range []plot{
		{file: "rooms.svg", title: "Cost by rooms of 10 members, window off", x: "rooms", series: series(results, "P9 rooms ")},
		{file: "members.svg", title: "Cost by members of one room, window off", x: "members", series: series(results, "P9 members ")},
		{file: "rate.svg", title: "Cost by messages a second into a room of 1,000", x: "messages a second", series: series(results, "P9 rate ")},
	} {
		if len(p.series) < 2 {
			continue
		}
		if err := os.WriteFile(filepath.Join(o.out, p.file), p.svg(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// values are what the good runs of a name had, sorted.
func values(results []run, name string, p promise) []float64 {
	var all []float64
	for _, r := range results {
		if r.Name == name && r.Error == "" {
			all = append(all, p.value(r.Report))
		}
	}
	slices.Sort(all)
	return all
}

func median(sorted []float64) float64 { return sorted[len(sorted)/2] }

func tables(results []run) string {
	var b strings.Builder
	if r := first(results); r != nil {
		m := r.Report.Machine
		fmt.Fprintf(&b, "%s, %d cores, %s %s, %s. Median of the runs, least–most in parentheses.\n\n",
			r.Report.Started.Format("2006-01-02"), m.Cores, m.Go, m.Arch, m.Kernel)
	}
	b.WriteString("| # | command | figure | measured | target | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range promises() {
		for _, p := range promised()[r.Name] {
			all := values(results, r.Name, p)
			if len(all) == 0 {
				continue
			}
			line := "`parley bench " + strings.Join(r.Bench, " ") + "`"
			if len(r.Serve) > 0 {
				line += ", server with `" + strings.Join(r.Serve, " ") + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | **"+p.format+"** ("+p.format+"–"+p.format+") | %s | %s |\n",
				r.Name, line, p.what, median(all), all[0], all[len(all)-1], p.target(), p.verdict(median(all)))
		}
	}
	fmt.Fprintf(&b, "\n| growth | CPU-s per million deliveries | frames a read | deliver p99, ms |\n| --- | --- | --- | --- |\n")
	for _, r := range growth() {
		all := values(results, r.Name, cpu(0))
		if len(all) == 0 {
			continue
		}
		frames := values(results, r.Name, promise{value: framesPerRead})
		late := values(results, r.Name, latency("deliver", "p99", p99, 0))
		fmt.Fprintf(&b, "| %s | %.2f (%.2f–%.2f) | %.2f | %.1f |\n", strings.TrimPrefix(r.Name, "P9 "),
			median(all), all[0], all[len(all)-1], median(frames), median(late))
	}
	for _, r := range results {
		if r.Error != "" {
			fmt.Fprintf(&b, "\nFAILED: %s: %s\n", r.Name, r.Error)
		}
	}
	return b.String()
}

func first(results []run) *run {
	for i := range results {
		if results[i].Report != nil {
			return &results[i]
		}
	}
	return nil
}

func (p promise) target() string {
	if p.most > 0 {
		return fmt.Sprintf("≤ %g", p.most)
	}
	return fmt.Sprintf("≥ %g", p.least)
}

func (p promise) verdict(v float64) string {
	if p.most > 0 && v > p.most || v < p.least {
		return "missed"
	}
	return "met"
}

// series are the medians of the runs whose names begin so, by the number behind.
func series(results []run, prefix string) []point {
	var points []point
	for _, r := range growth() {
		all := values(results, r.Name, cpu(0))
		x, err := strconv.ParseFloat(strings.TrimPrefix(r.Name, prefix), 64)
		if err != nil || len(all) == 0 {
			continue
		}
		points = append(points, point{x, median(all), all[0], all[len(all)-1]})
	}
	return points
}
