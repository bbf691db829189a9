package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/parleychat/parley/internal/bench"
)

// screen shows how a run stands: one line that is written over on a terminal,
// a line every five seconds elsewhere.
type screen struct {
	out      *os.File
	terminal bool
	last     time.Duration
}

func newScreen(out *os.File) *screen { return &screen{out: out, terminal: isTerminal(out)} }

func (s *screen) status(st bench.Status) {
	if !s.terminal && !st.End && st.Elapsed < s.last+5*time.Second {
		return
	}
	s.last = st.Elapsed
	if st.End {
		s.last = 0
	}
	line := statusLine(st)
	switch {
	case !s.terminal:
		fmt.Fprintln(s.out, line)
	case st.End:
		fmt.Fprintf(s.out, "\r\x1b[K%s\n", line)
	default:
		fmt.Fprintf(s.out, "\r\x1b[K%s", line)
	}
}

func statusLine(st bench.Status) string {
	at := clock(st.Elapsed)
	if st.Length > 0 {
		at += "/" + clock(st.Length)
	}
	line := fmt.Sprintf("%-8s %s", st.Phase, at)
	switch {
	case st.Phase == "connect" || st.Phase == "hold":
		return line + fmt.Sprintf("  %s of %s connections", thousands(st.Opened), thousands(st.Wanted))
	case st.Units > 0:
		return line + fmt.Sprintf("  done %s  %s/s", thousands(st.Units), thousands(int(st.Out)))
	}
	return line + fmt.Sprintf("  sent %s  delivered %s  %.1f msg/s in  %s msg/s out  lag p99 %.3g ms",
		thousands(st.Sent), thousands(st.Delivered), st.In, thousands(int(st.Out)), float64(st.P99)/1e6)
}

func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// thousands writes a number in groups of three digits.
func thousands(n int) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s %03d", thousands(n/1000), n%1000)
}

// write writes the report for people, and the files that were asked for. With
// the document on stdout, people read stderr.
func (b *benchFlags) write(out io.Writer, r *bench.Report) error {
	people := out
	if b.json == "-" {
		people = os.Stderr
	}
	printReport(people, r)
	if b.hdr != "" {
		if err := writeHistograms(b.hdr, r); err != nil {
			return fmt.Errorf("--hdr: %w", err)
		}
	}
	if b.json == "" {
		return nil
	}
	document, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	document = append(document, '\n')
	if b.json == "-" {
		_, err := out.Write(document)
		return err
	}
	if err := os.WriteFile(b.json, document, 0o644); err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	return nil
}

func writeHistograms(path string, r *bench.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(r.WriteHistograms(f), f.Close())
}

// label is a latency's name for people.
func label(name string) string {
	return map[string]string{
		"operation": "operation", "connect": "connect", "send_lag": "send lag", "ack": "send→ack", "deliver": "send→deliver",
		"deliver_same": " on one node", "deliver_other": " to another",
	}[name]
}

func printReport(w io.Writer, r *bench.Report) {
	if r.Interrupted {
		fmt.Fprintln(w, "interrupted: what follows is of a part of the run")
	}
	fmt.Fprintf(w, "\n target %s   %s, %d cores, %s\n", r.Endpoint, r.Machine.Kernel, r.Machine.Cores, r.Machine.Go)
	if len(r.Latency) > 0 {
		fmt.Fprintf(w, "\n %-20s %9s %9s %9s %9s %9s %9s\n", "", "min", "p50", "p90", "p99", "p99.9", "max")
	}
	for _, name := range r.Names() {
		l := r.Latency[name]
		fmt.Fprintf(w, " %-20s %9.2f %9.2f %9.2f %9.2f %9.2f %9.2f\n", label(name)+" (ms)", l.Min, l.P50, l.P90, l.P99, l.P999, l.Max)
	}
	fmt.Fprintln(w)
	printConnections(w, r.Connections)
	if m := r.Messages; m != nil {
		fmt.Fprintf(w, " messages    sent %s of %s  throttled %d  refused %s  unanswered %d\n",
			thousands(m.Sent), thousands(m.Planned), m.Throttled, counted(m.Refused), m.Unanswered)
		fmt.Fprintf(w, " deliveries  %s of %s  lost %d  doubled %d  reordered %d  misrouted %d  foreign %d\n",
			thousands(m.Delivered), thousands(m.Expected), m.Lost, m.Doubled, m.Reordered, m.Misrouted, m.Foreign)
	}
	if o := r.Operations; o != nil {
		fmt.Fprintf(w, " operations  %s %s  failed %s\n", thousands(o.Done), o.Operation, counted(o.Failed))
	}
	printNodes(w, r)
	printCosts(w, r)
	for _, a := range r.Assertions {
		printAssertion(w, a)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "FAIL  %s\n", p)
	}
}

func printConnections(w io.Writer, c bench.Connections) {
	if c.Wanted == 0 {
		return
	}
	fmt.Fprintf(w, " connections %s of %s  %s/s  failed %s  closed early %s", thousands(c.Opened), thousands(c.Wanted),
		thousands(int(c.PerSecond)), counted(c.Failed), counted(c.ClosedEarly))
	if c.Stalled > 0 {
		fmt.Fprintf(w, "  stalled %d, of them closed %s", c.Stalled, counted(c.StalledEnds))
	}
	fmt.Fprintln(w)
}

// printNodes says what was whose in a cluster.
func printNodes(w io.Writer, r *bench.Report) {
	for _, n := range r.Nodes {
		fmt.Fprintf(w, " node        %s  connections %s", n.Endpoint, thousands(n.Connections))
		if r.Messages != nil {
			fmt.Fprintf(w, "  deliveries %s", thousands(n.Deliveries))
		}
		if n.Server != nil {
			fmt.Fprintf(w, "  CPU %.0f %%  RSS %.1f MB", n.Server.CPUPercent, float64(n.Server.RSSAfter)/1e6)
		}
		if n.CPUPerMillion != 0 {
			fmt.Fprintf(w, "  %.2f CPU-s per million deliveries", n.CPUPerMillion)
		}
		fmt.Fprintln(w)
	}
}

func printCosts(w io.Writer, r *bench.Report) {
	win := r.Window
	if win.Units > 0 {
		fmt.Fprintf(w, " window      %.1f s  %s %s  %s/s", win.Seconds, thousands(win.Units), plural(r.Unit), thousands(int(win.PerSecond)))
		if r.Messages != nil {
			fmt.Fprintf(w, "  %.1f msg/s in  %.2f frames a read", win.SentPerSecond, win.FramesPerRead)
		}
		fmt.Fprintln(w)
	}
	for _, c := range []struct {
		name       string
		cost       *bench.Cost
		perMillion float64
		perConn    float64
	}{
		{"server", r.Server, r.CPUPerMillion, r.BytesPerConnection},
		{"generator", r.Generator, r.GeneratorPerMillion, 0},
	} {
		if c.cost == nil {
			continue
		}
		fmt.Fprintf(w, " %-11s CPU %.0f %% (user %.2f s, system %.2f s)  RSS %.1f MB  threads %d", c.name, c.cost.CPUPercent,
			c.cost.UserSeconds, c.cost.SystemSeconds, float64(c.cost.RSSAfter)/1e6, c.cost.Threads)
		if win.Units > 0 {
			fmt.Fprintf(w, "  %.2f CPU-s per million %s", c.perMillion, plural(r.Unit))
		}
		if c.perConn != 0 {
			fmt.Fprintf(w, "  %s bytes per connection", thousands(int(c.perConn)))
		}
		fmt.Fprintln(w)
	}
}

func plural(unit string) string {
	if unit == "delivery" {
		return "deliveries"
	}
	return unit + "s"
}

func printAssertion(w io.Writer, a bench.Assertion) {
	verdict := "FAIL"
	if a.Pass {
		verdict = "PASS"
	}
	if !a.Measured {
		fmt.Fprintf(w, "%s  %s: not measured\n", verdict, a.Term)
		return
	}
	fmt.Fprintf(w, "%s  %s: %.6g\n", verdict, a.Term, a.Actual)
}

// counted writes counts by reason: 0, or 3 (end of stream 2, reset 1).
func counted(m map[string]int) string {
	n, parts := 0, []string{}
	for _, reason := range slices.Sorted(maps.Keys(m)) {
		n += m[reason]
		parts = append(parts, fmt.Sprintf("%s %d", reason, m[reason]))
	}
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", n, strings.Join(parts, ", "))
}
