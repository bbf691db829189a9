package restjson

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxPythonDepth is how deep dicts may be nested.
const maxPythonDepth = 8

// pythonDict returns the JSON of a dict of strings and dicts as Python prints
// it. It is strict: what repr() of such a dict cannot be is an error, save
// spaces between tokens.
func pythonDict(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("not valid UTF-8")
	}
	p := python{rest: s, length: len(s)}
	if err := p.dict(1); err != nil {
		return nil, err
	}
	if p.rest != "" {
		return nil, p.wrong("text behind the object")
	}
	return p.json, nil
}

type python struct {
	rest   string
	length int
	json   []byte
}

func (p *python) wrong(what string) error {
	return fmt.Errorf("%s at byte %d", what, p.length-len(p.rest))
}

func (p *python) spaces() { p.rest = strings.TrimLeft(p.rest, " ") }

// take consumes a byte if it comes next.
func (p *python) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *python) dict(depth int) error {
	if depth > maxPythonDepth {
		return p.wrong("nested too deep")
	}
	if !p.take('{') {
		return p.wrong("expected {")
	}
	p.json = append(p.json, '{')
	p.spaces()
	if p.take('}') {
		p.json = append(p.json, '}')
		return nil
	}
	for {
		if err := p.pair(depth); err != nil {
			return err
		}
		p.spaces()
		if p.take('}') {
			p.json = append(p.json, '}')
			return nil
		}
		if !p.take(',') {
			return p.wrong("expected , or }")
		}
		p.json = append(p.json, ',')
		p.spaces()
	}
}

func (p *python) pair(depth int) error {
	if err := p.text(); err != nil {
		return err
	}
	p.spaces()
	if !p.take(':') {
		return p.wrong("expected :")
	}
	p.json = append(p.json, ':')
	p.spaces()
	if strings.HasPrefix(p.rest, "{") {
		return p.dict(depth + 1)
	}
	return p.text()
}

func (p *python) text() error {
	mark := byte('\'')
	if !p.take('\'') {
		if mark = '"'; !p.take('"') {
			return p.wrong("expected a string")
		}
	}
	var text strings.Builder
	for !p.take(mark) {
		if p.rest == "" {
			return p.wrong("string without an end")
		}
		if p.rest[0] == '\\' {
			r, err := p.escape()
			if err != nil {
				return err
			}
			text.WriteRune(r)
			continue
		}
		r, size := utf8.DecodeRuneInString(p.rest)
		if r < ' ' || r == 0x7f {
			return p.wrong("control character")
		}
		text.WriteString(p.rest[:size])
		p.rest = p.rest[size:]
	}
	p.json = appendString(p.json, text.String())
	return nil
}

// escape reads one of the escapes that repr() makes.
func (p *python) escape() (rune, error) {
	if len(p.rest) < 2 {
		return 0, p.wrong("string without an end")
	}
	digits := 0
	switch c := p.rest[1]; c {
	case '\\', '\'', '"':
		p.rest = p.rest[2:]
		return rune(c), nil
	case 'n', 'r', 't':
		p.rest = p.rest[2:]
		return map[byte]rune{'n': '\n', 'r': '\r', 't': '\t'}[c], nil
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		return 0, p.wrong("unknown escape")
	}
	if len(p.rest) < 2+digits {
		return 0, p.wrong("string without an end")
	}
	n, err := strconv.ParseUint(p.rest[2:2+digits], 16, 32)
	if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return 0, p.wrong("escape that is no character")
	}
	p.rest = p.rest[2+digits:]
	return rune(n), nil
}
