package review

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// builtin is a review handler in process, made once for all routes that write
// its endpoint the same way.
type builtin struct {
	judge  judge
	reason string // of a denial
}

// judge says whether a message is denied. It is safe for concurrent use.
type judge interface {
	denies(*Request) bool
}

// watched is a judge that something outside the process may change.
type watched interface {
	// refresh looks for changes and takes them over, or says why not.
	refresh() (changed bool, err error)
}

func (b *builtin) review(q *Request) (reason string, denied bool) {
	if !b.judge.denies(q) {
		return "", false
	}
	return b.reason, true
}

// newBuiltin makes the handler that an endpoint names.
func newBuiltin(e endpoint, f *folder) (*builtin, error) {
	makers := map[string]struct {
		make   func(options, *folder) (judge, error)
		reason string
		takes  []string
	}{
		"wordlist":             {newWordlist, "The message contains a word that is not allowed", []string{"file"}},
		"ratelimit-duplicates": {newDuplicates, "The message was sent a moment ago", []string{"window"}},
		"links":                {newLinks, "The message contains a link that is not allowed", []string{"allow"}},
	}
	m, ok := makers[e.name]
	if !ok {
		return nil, fmt.Errorf("there is no built-in handler %q; there are links, ratelimit-duplicates and wordlist", e.name)
	}
	for name := range e.values {
		if name != "reason" && !slices.Contains(m.takes, name) {
			return nil, fmt.Errorf("%s has no option %q; it takes reason, %s", e.name, name, strings.Join(m.takes, ", "))
		}
	}
	j, err := m.make(options(e.values), f)
	if err != nil {
		return nil, err
	}
	b := &builtin{judge: j, reason: m.reason}
	if reason := e.values.Get("reason"); reason != "" {
		b.reason = reason
	}
	return b, nil
}

// options are what follows the question mark of a built-in handler.
type options url.Values

func (o options) one(name string) string { return url.Values(o).Get(name) }
