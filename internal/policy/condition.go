package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// condition is one operator's demand on one key.
type condition struct {
	operator string // as written
	key      string // in lower case
	set      set
	ifExists bool // holds without the key
	negated  bool // no value may match; holds without the key
	null     bool // the key must be absent, or with wantsNull not
	wants    bool
	tests    []test
}

// set says how several values of a key count.
type set byte

const (
	single set = iota
	allValues
	anyValue
)

// test tells whether a value of the key is what the policy's value asks for. It is
// not ok if the policy's value refers to a key without one value.
type test func(value string, values func(string) []string) (match, ok bool)

// conditions reads a Condition element. They all have to hold.
func conditions(w map[string]map[string]texts, variables bool) (list []condition, err error) {
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if len(w[name]) == 0 {
			return nil, fmt.Errorf("%s: no key is named", place(name))
		}
		for _, key := range slices.Sorted(maps.Keys(w[name])) {
			c, err := readCondition(name, key, w[name][key].list, variables)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", place(name), key, err)
			}
			list = append(list, c)
		}
	}
	return list, nil
}

func place(operator string) string { return "Condition." + operator }

func readCondition(name, key string, wanted []scalar, variables bool) (c condition, err error) {
	c = condition{operator: name, key: strings.ToLower(key)}
	if err := knownKey(c.key); err != nil {
		return c, err
	}
	if len(wanted) == 0 {
		return c, fmt.Errorf("the list is empty")
	}
	operator := name
	if rest, ok := strings.CutPrefix(operator, "ForAllValues:"); ok {
		operator, c.set = rest, allValues
	} else if rest, ok := strings.CutPrefix(operator, "ForAnyValue:"); ok {
		operator, c.set = rest, anyValue
	}
	if operator == "Null" {
		c.null = true
		if len(wanted) != 1 || wanted[0] != "true" && wanted[0] != "false" {
			return c, fmt.Errorf("%s takes true or false", operator)
		}
		c.wants = wanted[0] == "true"
		return c, nil
	}
	operator, c.ifExists = strings.CutSuffix(operator, "IfExists")
	o, ok := operators()[operator]
	if !ok {
		return c, fmt.Errorf("there is no operator %q", name)
	}
	c.negated = o.negated
	for _, text := range wanted {
		t, err := o.read(string(text), variables)
		if err != nil {
			return c, err
		}
		c.tests = append(c.tests, t)
	}
	return c, nil
}

// holds tells whether the condition is met, or that it cannot be told, which
// counts as not met.
func (c *condition) holds(values func(string) []string) bool {
	have := values(c.key)
	if c.null {
		return (len(have) == 0) == c.wants
	}
	if len(have) == 0 {
		// ForAllValues holds of no values at all; ForAnyValue of none.
		switch c.set {
		case allValues:
			return true
		case anyValue:
			return c.ifExists
		}
		return c.ifExists || c.negated
	}
	for _, value := range have {
		met, ok := c.met(value, values)
		switch {
		case !ok:
			return false
		// A negated operator is about every value: none may be like any it names.
		case met && (c.set == anyValue || c.set == single && !c.negated):
			return true
		case !met && (c.set == allValues || c.set == single && c.negated):
			return false
		}
	}
	return c.set == allValues || c.set == single && c.negated
}

// met tells whether one value is like one of those that the policy names or, if
// negated, like none.
func (c *condition) met(value string, values func(string) []string) (met, ok bool) {
	for _, t := range c.tests {
		match, ok := t(value, values)
		if !ok {
			return false, false
		}
		if match {
			return !c.negated, true
		}
	}
	return c.negated, true
}
