package review

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/util/confusable"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// plain returns what text looks like to a reader in a hurry, for comparison
// with other plain text only: letters without case, accents and tricks of
// Unicode, look-alikes of other scripts as one letter (UTS #39), digits among
// letters as the letters they pass for, single spaces, nothing invisible.
func plain(text string) []byte {
	if !isASCII(text) {
		text = cases.Fold().String(norm.NFKD.String(text))
	}
	form := make([]byte, 0, len(text)+8)
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		form = appendPlain(form, r, text)
	}
	return form
}

// appendPlain appends the plain form of a rune that rest follows.
func appendPlain(form []byte, r rune, rest string) []byte {
	switch {
	case 'a' <= r && r <= 'z':
		return append(form, byte(r))
	case 'A' <= r && r <= 'Z':
		return append(form, byte(r)+'a'-'A')
	case r == '0' && amongLetters(form, rest):
		return append(form, 'o')
	case (r == '1' || r == '|') && amongLetters(form, rest):
		return append(form, 'l')
	case unicode.IsSpace(r):
		if len(form) > 0 && form[len(form)-1] == ' ' {
			return form
		}
		return append(form, ' ')
	case r < utf8.RuneSelf:
		return append(form, byte(r))
	case ignorable(r) || accent(r):
		return form
	}
	like := confusable.GetReplacement(r)
	if like == "" {
		return utf8.AppendRune(form, r)
	}
	if like == "rn" { // m is written so in the table, but here ASCII stays as it is
		return append(form, 'm')
	}
	for _, r := range cases.Fold().String(norm.NFKD.String(like)) {
		if !accent(r) {
			form = utf8.AppendRune(form, r)
		}
	}
	return form
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
