package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parleychat/parley/internal/limit"
)

// maxLimit is more than any limit can be of use.
const maxLimit = 1_000_000_000

// quotaRules are NAME=VALUE,NAME=VALUE, separated by white space; in the file
// they are a list of mappings. Their order counts.
func quotaRules() kind[[]limit.Rule] {
	return kind[[]limit.Rule]{
		name: rulesOf + "quotas",
		parse: func(s string) ([]limit.Rule, error) {
			var all []limit.Rule
			for text := range strings.FieldsSeq(s) {
				r, err := parseQuotaRule(text)
				if err != nil {
					return nil, fmt.Errorf("has at place %d a rule that is wrong: %w", len(all)+1, err)
				}
				all = append(all, r)
			}
			return all, nil
		},
		format: func(all []limit.Rule) string {
			texts := make([]string, len(all))
			for i, r := range all {
				texts[i] = formatQuotaRule(r)
			}
			return strings.Join(texts, " ")
		},
		check: func(all []limit.Rule) error {
			for i, r := range all {
				if err := checkQuotaRule(r); err != nil {
					return fmt.Errorf("has at place %d a rule that is wrong: %w", i+1, err)
				}
			}
			return nil
		},
	}
}

// quotaPart is a member of a rule that is no limit.
type quotaPart struct {
	name  string
	at    func(*limit.Rule) *string
	check func(string) error
}

func quotaParts() []quotaPart {
	return []quotaPart{
		{"account", func(r *limit.Rule) *string { return &r.Account }, func(s string) error {
			return matching(s, `[0-9*]{1,12}`, "a pattern of account ids")
		}},
		{"region", func(r *limit.Rule) *string { return &r.Region }, func(s string) error {
			return matching(s, `[a-z0-9*-]{1,32}`, "a pattern of region names, such as eu-*")
		}},
		{"profile", func(r *limit.Rule) *string { return &r.Profile }, quotaProfiles().check},
	}
}

// quotaProfiles is the kind of the names of profiles.
func quotaProfiles() kind[string] { return enum(limit.Default, limit.AWS, limit.None) }

func parseQuotaRule(text string) (limit.Rule, error) {
	r := limit.Rule{}
	var seen []string
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok:
			return r, fmt.Errorf("%s is not NAME=VALUE", quote(part))
		case slices.Contains(seen, name):
			return r, fmt.Errorf("%s is there twice", name)
		case value == "":
			return r, fmt.Errorf("%s has no value", quote(name))
		}
		seen = append(seen, name)
		if i := slices.IndexFunc(quotaParts(), func(p quotaPart) bool { return p.name == name }); i >= 0 {
			*quotaParts()[i].at(&r) = value
			continue
		}
		if err := quotaName(name); err != nil {
			return r, err
		}
		most, err := number(0, maxLimit).read(value)
		if err != nil {
			return r, fmt.Errorf("%s: %w", name, err)
		}
		if r.Limits == nil {
			r.Limits = map[string]int{}
		}
		r.Limits[name] = most
	}
	return r, nil
}

// quotaName refuses the name of no limit.
func quotaName(name string) error {
	limits := limit.Settings()
	if slices.Contains(limits, name) {
		return nil
	}
	for _, p := range quotaParts() {
		limits = append(limits, p.name)
	}
	return fmt.Errorf("there is no %s; did you mean %s?", quote(name), nearest(name, limits))
}

// formatQuotaRule writes a rule as environment variables have it.
func formatQuotaRule(r limit.Rule) string {
	var parts []string
	for _, p := range quotaParts() {
		if value := *p.at(&r); value != "" {
			parts = append(parts, p.name+"="+value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Limits)) {
		parts = append(parts, fmt.Sprintf("%s=%d", name, r.Limits[name]))
	}
	return strings.Join(parts, ",")
}

func checkQuotaRule(r limit.Rule) error {
	for _, p := range quotaParts() {
		value := *p.at(&r)
		if value == "" {
			continue
		}
		if err := p.check(value); err != nil {
			return fmt.Errorf("%s: %s %w", p.name, quote(value), err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Limits)) {
		if err := quotaName(name); err != nil {
			return err
		}
		if err := number(0, maxLimit).verify(r.Limits[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if r.Profile == "" && len(r.Limits) == 0 {
		return errors.New("it says neither a profile nor a limit")
	}
	return nil
}
