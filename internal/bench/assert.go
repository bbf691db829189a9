package bench

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Assertion is one term that a run must meet.
type Assertion struct {
	Term     string  `json:"term"`
	Actual   float64 `json:"actual"` // times in milliseconds
	Measured bool    `json:"measured"`
	Pass     bool    `json:"pass"`

	name, op string
	want     float64
}

// operators, the longer ones first: one may begin with another.
func operators() []string { return []string{"<=", ">=", "==", "!=", "<", ">"} }

func holds(op string, a, b float64) bool {
	switch op {
	case "<=":
		return a <= b
	case ">=":
		return a >= b
	case "==":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	}
	return a > b
}

// quantiles are the parts of a latency's name behind its dot.
func (l Latency) quantiles() map[string]float64 {
	return map[string]float64{
		"min": l.Min, "mean": l.Mean, "p50": l.P50, "p90": l.P90, "p99": l.P99, "p99.9": l.P999, "max": l.Max,
	}
}

func latencies() []string {
	return []string{"operation", "connect", "send_lag", "ack", "deliver", "deliver_same", "deliver_other"}
}

// figures are the report's numbers that can be asserted, by name: those that
// were measured.
func (r *Report) figures() map[string]float64 {
	all := map[string]float64{
		"opened": float64(r.Connections.Opened), "connect_failed": float64(total(r.Connections.Failed)),
		"closed_early": float64(total(r.Connections.ClosedEarly)), "stalled_closed": float64(total(r.Connections.StalledEnds)),
		"connect_per_second": r.Connections.PerSecond, "per_second": r.Window.PerSecond,
	}
	if m := r.Messages; m != nil {
		maps.Copy(all, map[string]float64{
			"planned": float64(m.Planned), "sent": float64(m.Sent), "accepted": float64(m.Accepted),
			"throttled": float64(m.Throttled), "refused": float64(total(m.Refused)), "unanswered": float64(m.Unanswered),
			"unsent": float64(total(m.Unsent)), "delivered": float64(m.Delivered), "expected": float64(m.Expected),
			"lost": float64(m.Lost), "doubled": float64(m.Doubled), "reordered": float64(m.Reordered),
			"misrouted": float64(m.Misrouted), "foreign": float64(m.Foreign), "frames_per_read": r.Window.FramesPerRead,
		})
	}
	if o := r.Operations; o != nil {
		all["failed"] = float64(total(o.Failed))
	}
	if r.Window.Units > 0 {
		all["generator_cpu_per_million"] = r.GeneratorPerMillion
	}
	if r.Server == nil {
		return all
	}
	all["server_rss_bytes"] = float64(r.Server.RSSAfter)
	if r.Window.Units > 0 {
		all["cpu_per_million"] = r.CPUPerMillion
	}
	if r.BytesPerConnection != 0 {
		all["server_bytes_per_connection"] = r.BytesPerConnection
	}
	return all
}

// names are those of all figures that any run has.
func names() map[string]float64 {
	full := Report{Messages: &Messages{}, Operations: &Operations{}, Server: &Cost{}, BytesPerConnection: 1}
	full.Window.Units = 1
	return full.figures()
}

// ParseAssertions reads terms such as "deliver.p99<=50ms,lost==0". Times need a
// unit, other figures must have none.
func ParseAssertions(text string) ([]Assertion, error) {
	var list []Assertion
	for term := range strings.SplitSeq(text, ",") {
		if term = strings.TrimSpace(term); term == "" {
			continue
		}
		a, err := parseAssertion(term)
		if err != nil {
			return nil, fmt.Errorf("assertion %q: %w", term, err)
		}
		list = append(list, a)
	}
	return list, nil
}

func parseAssertion(term string) (Assertion, error) {
	for _, op := range operators() {
		name, value, ok := strings.Cut(term, op)
		if !ok {
			continue
		}
		a := Assertion{Term: term, name: strings.TrimSpace(name), op: op}
		want, err := parseWant(a.name, strings.TrimSpace(value))
		a.want = want
		return a, err
	}
	return Assertion{}, fmt.Errorf("it compares nothing; use one of %s", strings.Join(operators(), " "))
}

func parseWant(name, value string) (float64, error) {
	if latency, quantile, ok := strings.Cut(name, "."); ok && slices.Contains(latencies(), latency) {
		if _, ok := (Latency{}).quantiles()[quantile]; !ok {
			return 0, fmt.Errorf("a latency has no %q; it has %s", quantile, known(Latency{}.quantiles()))
		}
		d, err := time.ParseDuration(value)
		if err != nil {
			return 0, fmt.Errorf("%q is no time; write 50ms", value)
		}
		return float64(d) / 1e6, nil
	}
	if _, ok := names()[name]; !ok {
		return 0, fmt.Errorf("there is no figure %q; there are %s, and %s with .p50, .p99 and so on",
			name, known(names()), strings.Join(latencies(), ", "))
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", value)
	}
	return v, nil
}

func known(m map[string]float64) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// Assert judges the terms and tells whether all hold. A figure that was not
// measured holds nothing.
func (r *Report) Assert(list []Assertion) bool {
	pass := true
	figures := r.figures()
	for _, a := range list {
		if name, quantile, ok := strings.Cut(a.name, "."); ok {
			var l Latency
			l, a.Measured = r.Latency[name]
			a.Actual = l.quantiles()[quantile]
		} else {
			a.Actual, a.Measured = figures[a.name]
		}
		a.Pass = a.Measured && holds(a.op, a.Actual, a.want)
		pass = pass && a.Pass
		r.Assertions = append(r.Assertions, a)
	}
	return pass
}
