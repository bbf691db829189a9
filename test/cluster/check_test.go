package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// run is a run whose entries are letters, a tenth of a second apart.
func run(letters string) (r Run) {
	for _, l := range letters {
		r = append(r, Entry{string(l), time.UnixMilli(int64(l-'a') * 100)})
	}
	return r
}

func TestTheCheckerFindsWhatIsWrong(t *testing.T) {
	split := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, "")
	}
	for _, test := range []struct {
		name             string
		runs             string
		accepted, logged string
		rate             int
		want             Findings
	}{
		{"all well", "abcd bcd ab cd", "abcd", "abcd", 10, Findings{}},
		{"late and gone early", "cde abc", "", "", 0, Findings{}},
		{"a gap that another has not", "abcd acd", "", "", 0, Findings{Broken: 1}},
		{"a gap at the end of nothing", "abcd abd", "", "", 0, Findings{Broken: 1}},
		{"another order", "abcd acbd", "", "", 0, Findings{Broken: 3}},
		{"twice", "abb", "", "", 0, Findings{Doubled: 1}},
		{"accepted and lost", "ab", "abc", "", 0, Findings{Unseen: 1}},
		{"not logged", "abc", "", "ac", 0, Findings{Unlogged: 1}},
		{"accepted and not logged", "abc", "c", "ab", 0, Findings{Unlogged: 2}},
		{"logged twice", "abc", "", "abbac", 0, Findings{}},
		{"logged in another order", "abc", "", "bac", 0, Findings{Misplaced: 1}},
		{"at the rate", "abcdefghijkl", "", "", 10, Findings{}},
		{"over the rate", "abcdefghijkl", "", "", 9, Findings{OverRate: 3}},
	} {
		r := Room{ID: "room", Accepted: split(test.accepted), Logged: split(test.logged), Rate: test.rate}
		for _, letters := range strings.Fields(test.runs) {
			r.Runs = append(r.Runs, run(letters))
		}
		var got Findings
		got.Check(r)
		examples := got.Examples
		got.Examples = nil
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: found %+v, want %+v; %q", test.name, got, test.want, examples)
		}
		if got.Bad() != (len(examples) > 0) {
			t.Errorf("%s: %d examples", test.name, len(examples))
		}
	}
}
