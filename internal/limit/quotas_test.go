package limit_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/limit"
)

func quotas(t *testing.T, profile string, rules ...limit.Rule) *limit.Quotas {
	t.Helper()
	q, err := limit.New(profile, rules)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestTheFirstRuleThatMatchesCounts(t *testing.T) {
	q := quotas(t, limit.AWS,
		limit.Rule{Account: "111111111111", Region: "us-west-2", Limits: map[string]int{"rooms": 1, "api.GetRoom": 7}},
		limit.Rule{Account: "111111111111", Profile: limit.None},
		limit.Rule{Account: "2*", Region: "eu-*", Profile: limit.Default, Limits: map[string]int{"send-message": 9}},
		limit.Rule{Region: "*-gov-*", Limits: map[string]int{"connections": 0}},
	)
	for range 2 { // the second time it is remembered
		for _, tt := range []struct {
			account, region                   string
			rooms, send, connections, getRoom int
		}{
			{"111111111111", "us-west-2", 1, 1000, 50_000, 7},
			{"111111111111", "eu-west-1", 0, 0, 0, 0},
			{"222222222222", "eu-west-1", 50_000, 9, 0, 0},
			{"222222222222", "us-west-2", 50_000, 1000, 50_000, 5},
			{"333333333333", "us-gov-1", 50_000, 1000, 0, 5},
			{"333333333333", "eu-west-1", 50_000, 1000, 50_000, 5},
		} {
			p := q.For(tt.account, tt.region)
			if p.Rooms != tt.rooms || p.SendMessage != tt.send || p.Connections != tt.connections || p.Operations["GetRoom"] != tt.getRoom {
				t.Errorf("%s in %s: %+v, want %+v", tt.account, tt.region, *p, tt)
			}
		}
	}
	if p := q.Profile(); p.Rooms != 50_000 || p.Operations["GetRoom"] != 5 {
		t.Errorf("without a rule: %+v", *p)
	}
}

// Whoever may sign may name any region: what is remembered stays bounded, and
// right.
func TestManyRegionsAtOnce(t *testing.T) {
	q := quotas(t, limit.None, limit.Rule{Region: "*7", Limits: map[string]int{"rooms": 7}})
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 3000 {
				region := fmt.Sprintf("r-%d", (i*7+worker)%2500)
				want := 0
				if strings.HasSuffix(region, "7") {
					want = 7
				}
				if got := q.For("111111111111", region).Rooms; got != want {
					t.Errorf("%s: %d rooms, want %d", region, got, want)
				}
			}
		})
	}
	all.Wait()
}

func TestRulesThatAreWrong(t *testing.T) {
	for _, tt := range []struct {
		profile string
		rule    limit.Rule
		want    string
	}{
		{"some", limit.Rule{}, `no profile "some"`},
		{limit.AWS, limit.Rule{Profile: "some"}, `rule 1: quotas: there is no profile "some"`},
		{limit.AWS, limit.Rule{Limits: map[string]int{"roms": 1}}, `rule 1: there is no limit "roms"`},
		{limit.AWS, limit.Rule{Limits: map[string]int{"api.CreateRom": 1}}, `no limit "api.CreateRom"`},
		{limit.AWS, limit.Rule{Limits: map[string]int{"rooms": -1}}, "rooms is -1"},
		{limit.AWS, limit.Rule{Region: "["}, `the pattern "["`},
	} {
		if _, err := limit.New(tt.profile, []limit.Rule{tt.rule}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.rule, err, tt.want)
		}
	}
}

// Every message of a session looks its account's limits up.
func TestWhatWasFoundCostsNothing(t *testing.T) {
	q := quotas(t, limit.None, limit.Rule{Account: "1*", Limits: map[string]int{"rooms": 7}})
	q.For("111111111111", "us-west-2")
	if n := testing.AllocsPerRun(100, func() { q.For("111111111111", "us-west-2") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Every limit has a setting, and every setting is of one limit.
func TestEverySettingIsALimit(t *testing.T) {
	var changed []string
	for _, setting := range limit.Settings() {
		p := quotas(t, limit.None, limit.Rule{Limits: map[string]int{setting: 3}}).For("1", "r")
		limits := p.Limits()
		at := slices.IndexFunc(limits, func(l limit.Limit) bool { return l.Most == 3 })
		if at < 0 {
			t.Errorf("%s changes nothing", setting)
			continue
		}
		if got := p.Most(limits[at].Quota); got != 3 {
			t.Errorf("%s: Most of %s is %d", setting, limits[at].Quota, got)
		}
		changed = append(changed, limits[at].Quota)
	}
	var want []string
	for _, l := range quotas(t, limit.AWS).Profile().Limits() {
		want = append(want, l.Quota)
		if l.Most == 0 {
			t.Errorf("the profile aws has no limit for %s", l.Quota)
		}
	}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Error(diff)
	}
}

func TestARoomsRateIsCapped(t *testing.T) {
	for _, tt := range []struct{ most, own, want int }{{100, 10, 10}, {5, 10, 5}, {0, 10, 0}} {
		p := limit.Profile{RoomMessages: tt.most}
		if got := p.RoomRate(int32(tt.own)); got != tt.want {
			t.Errorf("a room of %d under %d: %d, want %d", tt.own, tt.most, got, tt.want)
		}
	}
}

func TestRatesTellWhatTheyAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r limit.Rates
		k := limit.Key{Account: "1", What: "x"}
		want := func(what string, n int) {
			t.Helper()
			if got := r.Use()[k]; got != n {
				t.Errorf("%s: %d, want %d", what, got, n)
			}
		}
		for range 8 {
			r.Allow(k, 5)
		}
		want("of 8 at a rate of 5", 5)
		r.Return(k)
		want("after one was given back", 4)
		time.Sleep(time.Second)
		r.Allow(k, 5)
		want("in the next second", 4)
		time.Sleep(time.Second)
		want("in the one after that", 1)
		time.Sleep(time.Second)
		want("later", 0)
		r.Allow(limit.Key{Account: "2"}, 0)
		if _, counted := r.Use()[limit.Key{Account: "2"}]; counted {
			t.Error("what has no limit is counted")
		}
	})
}

// Sending a message looks its account's limits up.
func BenchmarkFor(b *testing.B) {
	for _, rules := range []int{0, 1, 100} {
		b.Run(fmt.Sprintf("rules-%d", rules), func(b *testing.B) {
			var all []limit.Rule
			for i := range rules {
				all = append(all, limit.Rule{Account: fmt.Sprintf("%012d", i), Region: "us-*", Profile: limit.AWS})
			}
			q, err := limit.New(limit.Default, all)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if q.For("123456789012", "us-west-2").ConnectionRequests == 0 {
					b.Fatal("no limit")
				}
			}
		})
	}
}

// The page of quotas has each limit, with what profiles make of it.
func TestThePageIsCurrent(t *testing.T) {
	page, err := os.ReadFile("../../docs/quotas.md")
	if err != nil {
		t.Fatal(err)
	}
	profiles := []*limit.Profile{quotas(t, limit.Default).Profile(), quotas(t, limit.AWS).Profile(), quotas(t, limit.None).Profile()}
	for i, setting := range limit.Settings() {
		l := profiles[0].Limits()[i]
		want := fmt.Sprintf("| `%s` | %s |", setting, l.Quota)
		for _, p := range profiles {
			cell := "none"
			if most := p.Most(l.Quota); most > 0 {
				cell = strconv.Itoa(most)
				if l.Rate {
					cell += "/s"
				}
				if l.Per != "" {
					cell += " of each " + l.Per
				}
			}
			want += " " + cell + " |"
		}
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/quotas.md has no row %s", want)
		}
	}
}
