package review

import (
	"regexp/syntax"
	"slices"
	"unicode"
)

// maxNeedles bounds the alternatives that are looked for instead of running an
// expression.
const maxNeedles = 16

// needles returns texts of lower-case ASCII letters, one of which is in every
// text that the expression matches, whatever the case; none if that cannot be
// said. Go's regexp takes microseconds for one expression, so a list of many is
// affordable only if most are not run: a search for all needles at once tells
// which may match.
func needles(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if run := longestRun(re.Rune); len(run) >= 2 {
			return []string{run}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needles(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needles(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if found := needles(sub); better(found, best) {
				best = found
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			found := needles(sub)
			if found == nil || len(all)+len(found) > maxNeedles {
				return nil
			}
			all = append(all, found...)
		}
		return all
	}
	return nil
}

// longestRun returns the longest run of ASCII letters, in lower case.
func longestRun(runes []rune) string {
	var best, run []byte
	for _, r := range runes {
		r = unicode.ToLower(r)
		if r < 'a' || r > 'z' {
			run = run[:0]
			continue
		}
		if run = append(run, byte(r)); len(run) > len(best) {
			best = slices.Clone(run)
		}
	}
	return string(best)
}

// better prefers needles whose shortest is longer: they are found less often.
func better(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) > 0
	}
	shortest := func(all []string) int {
		n := len(all[0])
		for _, s := range all {
			n = min(n, len(s))
		}
		return n
	}
	return shortest(a) > shortest(b)
}
