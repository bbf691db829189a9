package bench

import (
	"strings"
	"testing"
)

func TestAssertions(t *testing.T) {
	r := &Report{
		Messages: &Messages{Lost: 3}, Window: Window{Units: 10, PerSecond: 1000},
		Latency: map[string]Latency{"deliver": {P99: 17.8, P999: 33}},
	}
	for term, want := range map[string]bool{
		"deliver.p99<=50ms":      true,
		"deliver.p99 <= 17800us": true,
		"deliver.p99<17.8ms":     false,
		"deliver.p99.9>=0.033s":  true,
		"lost==0":                false,
		"lost!=0":                true,
		"lost>2":                 true,
		"lost<3":                 false,
		"per_second>=1e3":        true,
		"doubled==0":             true,
		"connect.p50<1s":         false, // nothing connected: not measured
		"cpu_per_million<=10":    false, // no server to read
		"failed==0":              false, // no operations
		"lost==3,lost==4":        false,
		" , lost==3 , ":          true,
		"":                       true,
	} {
		list, err := ParseAssertions(term)
		if err != nil {
			t.Errorf("%q: %v", term, err)
			continue
		}
		if got := r.Assert(list); got != want {
			t.Errorf("%q is %t, want %t", term, got, want)
		}
	}
	for term, want := range map[string]string{
		"lost":              "compares nothing",
		"lots==0":           `no figure "lots"`,
		"lost==zero":        "no number",
		"deliver.p98<=50ms": `no "p98"`,
		"deliver.p99<=50":   "write 50ms",
		"deliver<=50ms":     "no figure",
		"lost==0;doubled":   "no number",
	} {
		if _, err := ParseAssertions(term); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", term, err, want)
		}
	}
}
