package review

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"mvdan.cc/xurls/v2"
)

// links denies messages with a link to a host that is not on its list. A link is
// what clients make one of: with a scheme or without.
type links struct {
	find    *regexp.Regexp
	exact   map[string]bool
	domains []string // ".example.com": the hosts under it
}

func newLinks(o options) (judge, error) {
	l := &links{find: xurls.Relaxed(), exact: map[string]bool{}}
	for _, value := range o["allow"] {
		for text := range strings.SplitSeq(value, ",") {
			host, under := strings.CutPrefix(strings.TrimSpace(text), "*.")
			name, err := idna.Lookup.ToASCII(host)
			if err != nil || name == "" || strings.ContainsAny(name, "/:@") {
				return nil, errors.New("allow has " + text + ", which is not a host such as example.com or *.example.com")
			}
			if under {
				l.domains = append(l.domains, "."+name)
			} else {
				l.exact[name] = true
			}
		}
	}
	return l, nil
}

// denies implements judge.
func (l *links) denies(q *Request) bool {
	text := normal(q.Content)
	if !maybeLink(text) {
		return false
	}
	text = strings.ReplaceAll(text, "。", ".") // browsers take it for a dot
	at := 0
	for _, found := range l.find.FindAllStringIndex(text, -1) {
		if strings.Contains(text[at:found[0]], "://") || !l.allowed(text[found[0]:found[1]]) {
			return true
		}
		at = found[1]
	}
	return strings.Contains(text[at:], "://")
}

// maybeLink tells whether there is a dot or a colon inside a word: without one
// there is no link, and most messages have none.
func maybeLink(text string) bool {
	for i, r := range text {
		if r != '.' && r != ':' && r != '。' {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
		if after != utf8.RuneError && !unicode.IsSpace(after) && (r == ':' || before != utf8.RuneError && !unicode.IsSpace(before)) {
			return true
		}
	}
	return false
}

func (l *links) allowed(link string) bool {
	if !strings.Contains(link, "://") {
		if scheme, rest, ok := strings.Cut(link, ":"); ok && strings.EqualFold(scheme, "mailto") {
			link = rest
		}
		link = "//" + link
	}
	u, err := url.Parse(link)
	if err != nil {
		return false
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil || host == "" {
		return false
	}
	if l.exact[host] {
		return true
	}
	for _, domain := range l.domains {
		if strings.HasSuffix(host, domain) {
			return true
		}
	}
	return false
}
