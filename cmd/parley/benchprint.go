package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
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
	case st.Phase == "connect":
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

// finish writes the report; its error says that the run failed.
func (b *benchFlags) finish(w io.Writer, r *bench.Report) error {
	if b.json != "" {
		document, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if b.json == "-" {
			fmt.Fprintf(w, "%s\n", document)
		} else if err := os.WriteFile(b.json, append(document, '\n'), 0o644); err != nil {
			return err
		}
	}
	if len(r.Problems) > 0 {
		return errBenchFailed
	}
	return nil
}
