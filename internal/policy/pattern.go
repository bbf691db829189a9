package policy

import (
	"fmt"
	"strings"
)

// pattern is text in which * stands for any characters and ? for any one, and
// which may refer to condition keys. What a key's value brings in stands for
// itself, wildcards too.
type pattern struct{ parts []part }

// part is literal text, a wildcard, or a reference to a condition key.
type part struct {
	kind     kind
	text     string // literal, or the key in lower case
	fallback *string
}

type kind byte

const (
	literal kind = iota
	anyText
	anyOne
	variable
)

// wild reads text that refers to nothing.
func wild(text string) pattern {
	p, err := read(text, true, false)
	if err != nil {
		panic(err) // only references can be wrong
	}
	return p
}

// read reads a pattern: with wildcards if they mean something here, and with
// references to condition keys, ${key} or ${key, 'text for want of it'}, if they do.
// ${*}, ${?} and ${$} are the characters themselves.
func read(text string, wildcards, variables bool) (p pattern, err error) {
	for text != "" {
		special := -1
		switch {
		case wildcards && variables:
			special = strings.IndexAny(text, "*?$")
		case wildcards:
			special = strings.IndexAny(text, "*?")
		case variables:
			special = strings.IndexByte(text, '$')
		}
		if special < 0 {
			special = len(text)
		}
		p.add(text[:special])
		if text = text[special:]; text == "" {
			break
		}
		switch {
		case text[0] == '*':
			p.parts = append(p.parts, part{kind: anyText})
		case text[0] == '?':
			p.parts = append(p.parts, part{kind: anyOne})
		case !strings.HasPrefix(text, "${"):
			p.add("$")
		default:
			inner, rest, ok := strings.Cut(text[2:], "}")
			if !ok {
				return p, fmt.Errorf("%q has a ${ without its }", text)
			}
			if err := p.refer(inner); err != nil {
				return p, err
			}
			text = rest
			continue
		}
		text = text[1:]
	}
	return p, nil
}

// add adds literal text.
func (p *pattern) add(text string) {
	if n := len(p.parts); n > 0 && p.parts[n-1].kind == literal {
		p.parts[n-1].text += text
		return
	}
	if text != "" {
		p.parts = append(p.parts, part{kind: literal, text: text})
	}
}

func (p *pattern) refer(inner string) error {
	if inner == "*" || inner == "?" || inner == "$" {
		p.add(inner)
		return nil
	}
	key, fallback, has := strings.Cut(inner, ",")
	of := part{kind: variable, text: strings.ToLower(strings.TrimSpace(key))}
	if has {
		fallback = strings.TrimSpace(fallback)
		if len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
			return fmt.Errorf("${%s}: the text for want of the key is not in single quotes", inner)
		}
		fallback = fallback[1 : len(fallback)-1]
		of.fallback = &fallback
	}
	if err := knownKey(of.text); err != nil {
		return fmt.Errorf("${%s}: %w", inner, err)
	}
	p.parts = append(p.parts, of)
	return nil
}

// expand puts the values of keys in. It is not ok if one has none, or several.
func (p pattern) expand(values func(string) []string) (parts []part, ok bool) {
	fixed := true
	for _, x := range p.parts {
		fixed = fixed && x.kind != variable
	}
	if fixed {
		return p.parts, true
	}
	for _, x := range p.parts {
		if x.kind == variable {
			value := values(x.text)
			switch {
			case len(value) == 1:
				x = part{kind: literal, text: value[0]}
			case len(value) == 0 && x.fallback != nil:
				x = part{kind: literal, text: *x.fallback}
			default:
				return nil, false
			}
		}
		parts = append(parts, x)
	}
	return parts, true
}

// matches tells whether the whole text is like the parts. It takes a time
// proportional to the product of their lengths at worst.
func matches(parts []part, text string) bool {
	// Go on behind the last anyText when what follows it does not fit.
	i, star, from := 0, -1, ""
	for {
		if i < len(parts) && parts[i].kind == anyText {
			star, from = i, text
			i++
			continue
		}
		if i == len(parts) && text == "" {
			return true
		}
		if rest, ok := one(parts, i, text); ok {
			i, text = i+1, rest
			continue
		}
		if star < 0 || from == "" {
			return false
		}
		_, n := firstRune(from)
		from = from[n:]
		i, text = star+1, from
	}
}

// one takes what a part that is not anyText stands for from the text.
func one(parts []part, i int, text string) (rest string, ok bool) {
	switch {
	case i == len(parts):
		return text, false
	case parts[i].kind == literal:
		return strings.CutPrefix(text, parts[i].text)
	case text == "":
		return text, false
	}
	_, n := firstRune(text)
	return text[n:], true
}

func firstRune(s string) (r rune, n int) {
	for i, c := range s {
		if i > 0 {
			return r, i
		}
		r = c
	}
	return r, len(s)
}

// lower returns the parts with their literal text in lower case.
func lower(parts []part) []part {
	out := make([]part, len(parts))
	for i, x := range parts {
		if x.kind == literal {
			x.text = strings.ToLower(x.text)
		}
		out[i] = x
	}
	return out
}
