package review

import (
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/util/confusable"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// folder makes plain text of text. What libraries say of a rune is kept, by
// pages of 256 runes, as it costs a microsecond or two; what is kept is at most
// some megabytes.
type folder struct {
	pages [0x20000 / pageSize]atomic.Pointer[page]
}

const pageSize = 256

type page [pageSize]string

// plain returns what text looks like to a reader in a hurry, for comparison
// with other plain text only: letters without case, accents and tricks of
// Unicode, look-alikes of other scripts as one letter (UTS #39), digits among
// letters as the letters they pass for, single spaces, nothing invisible.
func (f *folder) plain(text string) []byte {
	form := make([]byte, 0, len(text)+8)
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		if r < utf8.RuneSelf {
			form = appendASCII(form, byte(r), text)
			continue
		}
		switch like := f.form(r); {
		case len(like) == 1:
			form = appendASCII(form, like[0], text)
		default:
			form = append(form, like...)
		}
	}
	return form
}

// appendASCII appends the plain form of a character that rest follows.
func appendASCII(form []byte, c byte, rest string) []byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return append(form, c+'a'-'A')
	case c == '0' && amongLetters(form, rest):
		return append(form, 'o')
	case (c == '1' || c == '|') && amongLetters(form, rest):
		return append(form, 'l')
	case c == ' ' || '\t' <= c && c <= '\r':
		if len(form) > 0 && form[len(form)-1] == ' ' {
			return form
		}
		return append(form, ' ')
	}
	return append(form, c)
}

// form returns the plain form of a rune that is not ASCII.
func (f *folder) form(r rune) string {
	if int(r) >= len(f.pages)*pageSize {
		return formOf(r)
	}
	at := &f.pages[r/pageSize]
	p := at.Load()
	if p == nil {
		p = &page{}
		for i := range p {
			p[i] = formOf(r/pageSize*pageSize + rune(i))
		}
		at.Store(p) // two may do this at once: they store the same
	}
	return p[r%pageSize]
}

func formOf(r rune) string {
	if !utf8.ValidRune(r) {
		return ""
	}
	var form []byte
	for _, r := range cases.Fold().String(norm.NFKD.String(string(r))) {
		switch {
		case ignorable(r) || accent(r):
		case unicode.IsSpace(r):
			form = append(form, ' ')
		default:
			form = append(form, lookAlike(r)...)
		}
	}
	return string(form)
}

// lookAlike returns what UTS #39 takes a folded rune for.
func lookAlike(r rune) string {
	like := ""
	if r >= utf8.RuneSelf { // ASCII is only itself
		like = confusable.GetReplacement(r)
	}
	switch like {
	case "":
		return string(r)
	case "rn": // so the table writes m
		return "m"
	}
	return strings.Map(func(r rune) rune {
		if accent(r) {
			return -1
		}
		return r
	}, cases.Fold().String(norm.NFKD.String(like)))
}

// normal returns text for regular expressions: compatibility forms composed
// (NFKC), nothing invisible, otherwise as it was sent.
func normal(text string) string {
	if isASCII(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(text))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// amongLetters tells whether the end of form or the start of rest is a letter.
func amongLetters(form []byte, rest string) bool {
	before, _ := utf8.DecodeLastRune(form)
	after, _ := utf8.DecodeRuneInString(rest)
	return unicode.IsLetter(before) || unicode.IsLetter(after)
}

// ignorable tells runes that nobody sees.
func ignorable(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// accent tells marks that belong to no script: they decorate any letter.
func accent(r rune) bool {
	return unicode.Is(unicode.Mn, r) && unicode.Is(unicode.Inherited, r)
}

// wordy tells runes that words are made of, in scripts that have spaces between
// their words.
func wordy(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)) &&
		!unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}
