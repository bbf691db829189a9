package policy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operator reads what a policy says to compare a key's values with.
type operator struct {
	negated bool
	read    func(text string, variables bool) (test, error)
}

// operators by their names, without ForAllValues:, ForAnyValue: and IfExists.
func operators() map[string]operator {
	return map[string]operator{
		"StringEquals":              {read: text(false, false)},
		"StringNotEquals":           {true, text(false, false)},
		"StringEqualsIgnoreCase":    {read: text(false, true)},
		"StringNotEqualsIgnoreCase": {true, text(false, true)},
		"StringLike":                {read: text(true, false)},
		"StringNotLike":             {true, text(true, false)},
		"ArnEquals":                 {read: arnLike},
		"ArnLike":                   {read: arnLike},
		"ArnNotEquals":              {true, arnLike},
		"ArnNotLike":                {true, arnLike},
		"NumericEquals":             {read: ordered(number, equal)},
		"NumericNotEquals":          {true, ordered(number, equal)},
		"NumericLessThan":           {read: ordered(number, less)},
		"NumericLessThanEquals":     {read: ordered(number, notMore)},
		"NumericGreaterThan":        {read: ordered(number, more)},
		"NumericGreaterThanEquals":  {read: ordered(number, notLess)},
		"DateEquals":                {read: ordered(date, equal)},
		"DateNotEquals":             {true, ordered(date, equal)},
		"DateLessThan":              {read: ordered(date, less)},
		"DateLessThanEquals":        {read: ordered(date, notMore)},
		"DateGreaterThan":           {read: ordered(date, more)},
		"DateGreaterThanEquals":     {read: ordered(date, notLess)},
		"Bool":                      {read: boolean},
		"IpAddress":                 {read: network},
		"NotIpAddress":              {true, network},
	}
}

// text compares strings: in full or as patterns, letters' case counting or not.
func text(like, fold bool) func(string, bool) (test, error) {
	return func(wanted string, variables bool) (test, error) {
		p, err := read(wanted, like, variables)
		if err != nil {
			return nil, err
		}
		return func(value string, values func(string) []string) (match, ok bool) {
			parts, ok := p.expand(values)
			if !ok {
				return false, false
			}
			if fold {
				parts, value = lower(parts), strings.ToLower(value)
			}
			return matches(parts, value), true
		}, nil
	}
}

// arnLike compares the six parts of ARNs, each with its own wildcards.
func arnLike(wanted string, variables bool) (test, error) {
	wantedParts := strings.SplitN(wanted, ":", 6)
	if len(wantedParts) != 6 || wantedParts[0] != "arn" {
		return nil, fmt.Errorf("%q is no ARN", wanted)
	}
	var patterns []pattern
	for _, text := range wantedParts {
		p, err := read(text, true, variables)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, p)
	}
	return func(value string, values func(string) []string) (match, ok bool) {
		have := strings.SplitN(value, ":", 6)
		if len(have) != 6 {
			return false, true
		}
		for i, p := range patterns {
			parts, ok := p.expand(values)
			if !ok {
				return false, false
			}
			if !matches(parts, have[i]) {
				return false, true
			}
		}
		return true, true
	}, nil
}

// ordered compares values that come before and after each other. A value of the
// key that is none of them matches nothing.
func ordered(parse func(string) (float64, error), holds func(value, wanted float64) bool) func(string, bool) (test, error) {
	return func(text string, _ bool) (test, error) {
		wanted, err := parse(text)
		if err != nil {
			return nil, err
		}
		return func(value string, _ func(string) []string) (match, ok bool) {
			have, err := parse(value)
			return err == nil && holds(have, wanted), true
		}, nil
	}
}

func equal(value, wanted float64) bool   { return value == wanted }
func less(value, wanted float64) bool    { return value < wanted }
func notMore(value, wanted float64) bool { return value <= wanted }
func more(value, wanted float64) bool    { return value > wanted }
func notLess(value, wanted float64) bool { return value >= wanted }

func number(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != n {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return n, nil
}

// date is the seconds since 1970 of a time as ISO 8601 writes it, or of that
// number itself.
func date(text string) (float64, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return float64(at.UnixMilli()) / 1000, nil
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != n {
		return 0, fmt.Errorf("%q is no date such as 2026-01-31T12:00:00Z", text)
	}
	return n, nil
}

func boolean(text string, _ bool) (test, error) {
	wanted := strings.ToLower(text)
	if wanted != "true" && wanted != "false" {
		return nil, fmt.Errorf("%q is neither true nor false", text)
	}
	return func(value string, _ func(string) []string) (match, ok bool) {
		return strings.ToLower(value) == wanted, true
	}, nil
}

func network(text string, _ bool) (test, error) {
	wanted, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return nil, fmt.Errorf("%q is no IP address, and no range such as 203.0.113.0/24", text)
		}
		wanted = netip.PrefixFrom(addr, addr.BitLen())
	}
	return func(value string, _ func(string) []string) (match, ok bool) {
		have, err := netip.ParseAddr(value)
		return err == nil && wanted.Contains(have.Unmap().WithZone("")), true
	}, nil
}
