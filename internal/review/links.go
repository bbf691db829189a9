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

func newLinks(o options, _ *folder) (judge, error) {
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

// denies implements judge. Looking for links costs some microseconds for each
// character, so only words that may have one are looked at.
func (l *links) denies(q *Request) bool {
	text := strings.ReplaceAll(normal(q.Content), "。", ".") // browsers take it for a dot
	for word := range strings.FieldsSeq(text) {
		if maybeLink(word) && l.deniesWord(word) {
			return true
		}
	}
	return false
}

func (l *links) deniesWord(word string) bool {
	at := 0
	for _, found := range l.find.FindAllStringIndex(word, -1) {
		if strings.Contains(word[at:found[0]], "://") || !l.allowed(word[found[0]:found[1]]) {
			return true
		}
		at = found[1]
	}
	return strings.Contains(word[at:], "://")
}

// maybeLink tells whether a word has a dot with a letter after it, the dots of an
// address, or a scheme.
func maybeLink(word string) bool {
	dots := 0
	for i := range len(word) {
		if word[i] != '.' || i == 0 {
			continue
		}
		after, _ := utf8.DecodeRuneInString(word[i+1:])
		if unicode.IsLetter(after) {
			return true
		}
		if unicode.IsDigit(after) {
			dots++
		}
	}
	return dots >= 3 || strings.Contains(word, "://")
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
