package limit

import (
	"fmt"
	"maps"
	"path"
	"sync/atomic"
)

// Rule gives the accounts and regions that its patterns match limits of their own.
type Rule struct {
	Account string // pattern: * is any text, "" matches all
	Region  string // the same
	Profile string // the name of a profile; "" is the one that holds without a rule
	// Limits is the limits that differ from the profile's, by the names of [Settings].
	Limits map[string]int
}

// Quotas says which profile holds for an account in a region. Its methods are
// safe for concurrent use.
type Quotas struct {
	profile *Profile // where no rule matches
	rules   []matcher
	// found remembers what For found out. It is replaced, never changed.
	found atomic.Pointer[map[tenant]*Profile]
}

type matcher struct {
	account, region string
	profile         *Profile
}

type tenant struct{ account, region string }

// Same returns the quotas of a profile that holds for everyone.
func Same(p Profile) *Quotas {
	p = p.clone()
	return &Quotas{profile: &p}
}

// New returns the quotas of a profile, by its name, and of rules that come
// before it; the first that matches counts.
func New(profile string, rules []Rule) (*Quotas, error) {
	p, err := Lookup(profile)
	if err != nil {
		return nil, err
	}
	q := Same(p)
	for i, r := range rules {
		m, err := r.matcher(profile)
		if err != nil {
			return nil, fmt.Errorf("quotas of rule %d: %w", i+1, err)
		}
		q.rules = append(q.rules, m)
	}
	return q, nil
}

func (r Rule) matcher(profile string) (matcher, error) {
	if r.Profile != "" {
		profile = r.Profile
	}
	p, err := Lookup(profile)
	if err != nil {
		return matcher{}, err
	}
	for name, most := range r.Limits {
		if !p.set(name, most) {
			return matcher{}, fmt.Errorf("there is no limit %q", name)
		}
		if most < 0 {
			return matcher{}, fmt.Errorf("%s is %d; 0 is no limit", name, most)
		}
	}
	m := matcher{account: r.Account, region: r.Region, profile: &p}
	for _, pattern := range []*string{&m.account, &m.region} {
		if *pattern == "" {
			*pattern = "*"
		}
		if _, err := path.Match(*pattern, ""); err != nil {
			return matcher{}, fmt.Errorf("the pattern %q: %w", *pattern, err)
		}
	}
	return m, nil
}

// Profile returns the profile that holds where no rule matches.
func (q *Quotas) Profile() *Profile { return q.profile }

// maxFound bounds what is remembered: regions are as many as clients make up,
// unless a setting lists them.
const maxFound = 1024

// For returns the profile of an account in a region, which is shared.
func (q *Quotas) For(account, region string) *Profile {
	if len(q.rules) == 0 {
		return q.profile
	}
	key := tenant{account, region}
	found := q.found.Load()
	if found != nil {
		if p := (*found)[key]; p != nil {
			return p
		}
	}
	p := q.match(account, region)
	next := map[tenant]*Profile{}
	if found != nil && len(*found) < maxFound {
		next = maps.Clone(*found)
	}
	next[key] = p
	q.found.Store(&next) // whoever did so meanwhile is looked up once more
	return p
}

func (q *Quotas) match(account, region string) *Profile {
	for _, r := range q.rules {
		if matches(r.account, account) && matches(r.region, region) {
			return r.profile
		}
	}
	return q.profile
}

// matches needs a pattern that New has tried.
func matches(pattern, text string) bool {
	ok, _ := path.Match(pattern, text)
	return ok
}
