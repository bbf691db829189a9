package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func measuredCosts(t *testing.T) *costs {
	t.Helper()
	c, err := readCosts(costsJSON)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestThePageIsCurrent(t *testing.T) {
	page, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := put(string(page), measuredCosts(t).tables())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(page), "\n")); diff != "" {
		t.Errorf("docs/scale.md is not what the program prints; go run ./bench/scale -write docs/scale.md (-want +page):\n%s", diff)
	}
}

func TestAPageWithoutAPlaceIsRefused(t *testing.T) {
	tables := []table{{"one", "| a |\n"}, {"two", "| b |\n"}}
	page := "x\n<!-- table: one -->\nold\n<!-- end -->\ny\n<!-- table: two -->\n<!-- end -->\n"
	got, err := put(page, tables)
	if want := "x\n<!-- table: one -->\n| a |\n<!-- end -->\ny\n<!-- table: two -->\n| b |\n<!-- end -->\n"; err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "<!-- table: one -->\n", "<!-- table: one -->\n<!-- end -->\n"} {
		if _, err := put(bad, tables); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestCostsHaveAValueAndASource(t *testing.T) {
	for _, bad := range []string{
		`{`, `[{"name": "a", "value": 0, "from": "x"}]`, `[{"name": "a", "value": 1}]`,
		`[{"name": "a", "value": 1, "from": "x"}, {"name": "a", "value": 1, "from": "x"}]`,
	} {
		if _, err := readCosts([]byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	for _, one := range measuredCosts(t).list {
		if one.Least > 0 && (one.Least > one.Value || one.Most < one.Value) {
			t.Errorf("%s: %v is not between %v and %v", one.Name, one.Value, one.Least, one.Most)
		}
	}
}

// The model repeats rules of the hub; they are to be the hub's.
func TestTheRulesAreTheHubs(t *testing.T) {
	want := map[string]int{"busyDeliveries": busyDeliveries, "wideRoom": wideRoom, "widest": widest, "yieldEvery": yieldEvery}
	files, err := filepath.Glob("../../internal/hub/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != len(spec.Names) {
				return true
			}
			for i, name := range spec.Names {
				value, ok := spec.Values[i].(*ast.BasicLit)
				if w, ours := want[name.Name]; ours && ok {
					got, err := strconv.ParseInt(value.Value, 0, 64)
					if err != nil || int(got) != w {
						t.Errorf("the hub's %s is %s, the model's %d", name.Name, value.Value, w)
					}
					delete(want, name.Name)
				}
			}
			return true
		})
	}
	if len(want) > 0 {
		t.Errorf("the hub has no %v", want)
	}
}

// What was measured on one node is what the model must say of one node.
func TestTheModelAgreesWithWhatWasMeasured(t *testing.T) {
	c := measuredCosts(t)
	for _, k := range knowns() {
		if got := c.perMillion(k); math.Abs(got/k.cpu-1) > 0.2 {
			t.Errorf("%s: %.2f CPU-s per million, %.2f measured", k.name, got, k.cpu)
		}
		if k.rooms > 1 {
			continue
		}
		o := c.run(c.alone(k))
		if got := 1000 * o.seen.percentile(99); got < 0.8*k.p99 || got > 1.6*k.p99 {
			t.Errorf("%s: p99 %.0f ms, %.0f measured", k.name, got, k.p99)
		}
	}
}

func TestNodesAreAsManyAsNeeded(t *testing.T) {
	c := measuredCosts(t)
	use := c.of("use")
	for _, together := range []bool{false, true} {
		for _, l := range loads() {
			l.together = together
			n := c.nodes(l)
			parts := func(n float64) map[string]float64 {
				return map[string]float64{
					"CPU": c.cpu(l, n, true) / n / (use * c.of("cores")), "memory": c.memory(l, n) / n / (use * c.of("memory") * gib),
					"files": l.viewers / n / (use * c.of("files")), "network": c.network(l, n) / n / (use * c.of("network") * 1e9),
				}
			}
			for name, part := range parts(n.all) {
				if part > 1+1e-9 {
					t.Errorf("%+v on %v nodes: %s is used %v times over", l, n.all, name, part)
				}
			}
			if n.all > 1 {
				short := 0
				for _, part := range parts(n.all - 1) {
					if part > 1 {
						short++
					}
				}
				if short == 0 {
					t.Errorf("%+v needs no %v nodes, one less will do", l, n.all)
				}
			}
			more := l
			more.viewers *= 2
			if m := c.nodes(more); m.all < n.all || m.cpuTLS < n.cpuTLS {
				t.Errorf("%+v needs %v nodes, twice the viewers %v", l, n.all, m.all)
			}
			if n.all < max(n.cpuTLS, n.memory, n.files, n.net10) || n.cpuTLS < n.cpu || n.net1 < n.net25 {
				t.Errorf("%+v: %+v", l, n)
			}
		}
	}
}

func TestRoomsAreOnAsManyNodesAsTheirViewersReach(t *testing.T) {
	l := load{viewers: 1e6, members: 10, rate: 1}
	for _, test := range []struct{ n, least, most float64 }{{1, 1, 1}, {2, 1.99, 2}, {1000, 9.9, 10}} {
		if got := l.nodesOf(test.n); got < test.least || got > test.most {
			t.Errorf("a room of 10 is on %v of %v nodes", got, test.n)
		}
	}
	l.together = true
	if got := l.nodesOf(1000); got != 1 {
		t.Errorf("kept together it is on %v", got)
	}
	l.members = l.viewers
	if got := l.nodesOf(7); got != 7 {
		t.Errorf("a room of all viewers is on %v of 7", got)
	}
}

func TestWhatBreaksFirst(t *testing.T) {
	c := measuredCosts(t)
	for _, test := range []struct {
		l    load
		n    float64
		want string
	}{
		{load{viewers: 1e5, members: 1e5, rate: 100}, 4, "nothing"},
		{load{viewers: 1e6, members: 10, rate: 1, together: true}, 5, "appends, 10.4×"},
		{load{viewers: 1e7, members: 1e5, rate: 100}, 2000, "fan-out, 15.3×"},
	} {
		if got := c.broker(test.l, test.n).first(); got != test.want {
			t.Errorf("%+v on %v nodes: %s breaks first, want %s", test.l, test.n, got, test.want)
		}
	}
}

func small(c *costs) scenario {
	s := c.wide(4, 10)
	s.viewers, s.cores = 12_000, 2
	return s
}

// Every message that is sent while measuring reaches every viewer, once.
func TestTheSimulationLosesNothing(t *testing.T) {
	c := measuredCosts(t)
	s := small(c)
	o := c.run(s)
	if want := int(measured*s.rate) * s.viewers; o.seen.n < want*99/100 || o.seen.n > want*101/100 || o.seen.n%s.viewers != 0 {
		t.Errorf("%d deliveries of %d", o.seen.n, want)
	}
	if again := c.run(s); !reflect.DeepEqual(again, o) {
		t.Error("the same seed has another outcome")
	}
	s.seed++
	if other := c.run(s); reflect.DeepEqual(other.seen.steps, o.seen.steps) {
		t.Error("another seed has the same outcome")
	}
}

func TestASlowNodeAndANarrowNetworkTakeLonger(t *testing.T) {
	c := measuredCosts(t)
	s := small(c)
	s.viewers = 80_000 // each node's cores are nearly busy
	usual := c.run(s)
	slow := s
	slow.slow = 2
	narrow := s
	narrow.network = 0.3e9
	for name, other := range map[string]outcome{"slow": c.run(slow), "narrow": c.run(narrow)} {
		if got, was := other.seen.percentile(99), usual.seen.percentile(99); got < 1.3*was {
			t.Errorf("%s: p99 %v s, %v s without", name, got, was)
		}
	}
}

func TestViewersOfALostNodeAllComeBack(t *testing.T) {
	c := measuredCosts(t)
	s := small(c)
	s.lost, s.nodes = true, 3
	o := c.run(s)
	if o.lost != 3000 || len(o.back) != 3000 {
		t.Errorf("%d of %d came back", len(o.back), o.lost)
	}
	// Tokens are claimed no faster than the database can, and no slower where cores are idle.
	ledger := 3000 / (c.of("use") * c.of("claims"))
	if last := o.back[len(o.back)-1]; last < ledger || last > 5*ledger {
		t.Errorf("all were back after %v s, the ledger alone takes %v", last, ledger)
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.012: "0.01", 0.5: "0.5", 3: "3", 16.04: "16", 999: "999", 999.7: "1 k", 1500: "1.5 k", 45_000: "45 k", 1e6: "1 M", 9.2e6: "9.2 M", 1e9: "1 G"} {
		if got := short(v); got != want {
			t.Errorf("short(%v) is %q, want %q", v, got, want)
		}
	}
}
