package messaging

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNesting bounds what scanner.skip remembers of a frame that nests without
// end; requests may nest no deeper than maxDepth anyway.
const maxNesting = 10_000

// scanner reads JSON (RFC 8259) out of text that is valid UTF-8. Methods that
// answer false have met something else; at then is of no use. It is written by
// hand since every request passes it: a tokenizer for streams takes two to four
// times as long and leaves garbage.
type scanner struct {
	text []byte
	at   int
}

// next returns the byte at the next token, not consumed; 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take consumes the byte if it comes next.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

// end tells whether nothing but space is left.
func (s *scanner) end() bool {
	s.next()
	return s.at == len(s.text)
}

// name reads a member's name and its colon.
func (s *scanner) name() (quoted, bool) {
	q, ok := s.string()
	return q, ok && s.take(':')
}

// quoted is what stands between a string's quotes.
type quoted struct {
	raw     []byte
	escaped bool
}

// string reads a string.
func (s *scanner) string() (q quoted, ok bool) {
	if !s.take('"') {
		return q, false
	}
	rest := s.text[s.at:]
	// Most strings end at the next quote and are plain.
	if n := bytes.IndexByte(rest, '"'); n >= 0 && bytes.IndexByte(rest[:n], '\\') < 0 {
		s.at += n + 1
		return quoted{raw: rest[:n]}, !hasControl(rest[:n])
	}
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			s.at += i + 1
			q.raw = rest[:i]
			return q, true
		case c == '\\':
			n := escapeLength(rest[i:])
			if n == 0 {
				return q, false
			}
			i += n - 1
			q.escaped = true
		case c < ' ':
			return q, false
		}
	}
	return q, false
}

func hasControl(text []byte) bool {
	for _, c := range text {
		if c < ' ' {
			return true
		}
	}
	return false
}

// escapeLength returns how long the escape is that text begins with, 0 for none.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	if text[1] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), text[1]) < 0 {
			return 0
		}
		return 2
	}
	if len(text) < 6 {
		return 0
	}
	for _, c := range text[2:6] {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return 0
		}
	}
	return 6
}

// String returns a copy of what was meant. Half a surrogate pair, which
// JavaScript makes of an emoji cut in two, becomes U+FFFD as it does in Go.
func (q quoted) String() string {
	if !q.escaped {
		return string(q.raw)
	}
	out := make([]byte, 0, len(q.raw))
	for rest := q.raw; ; {
		plain, escape, found := bytes.Cut(rest, []byte{'\\'})
		out = append(out, plain...)
		if !found {
			return string(out)
		}
		rest = escape[1:]
		if escape[0] != 'u' {
			c := escape[0]
			if i := strings.IndexByte("bfnrt", c); i >= 0 {
				c = "\b\f\n\r\t"[i]
			}
			out = append(out, c)
			continue
		}
		r := hexRune(escape[1:])
		rest = escape[5:]
		if utf16.IsSurrogate(r) {
			// One rune of two escapes, or U+FFFD for the first alone.
			r = utf8.RuneError
			if bytes.HasPrefix(rest, []byte(`\u`)) {
				if pair := utf16.DecodeRune(hexRune(escape[1:]), hexRune(rest[2:])); pair != utf8.RuneError {
					r, rest = pair, rest[6:]
				}
			}
		}
		out = utf8.AppendRune(out, r)
	}
}

// hexRune reads the four digits that text begins with.
func hexRune(text []byte) rune {
	n, _ := strconv.ParseUint(string(text[:4]), 16, 16) // string has seen the digits
	return rune(n)
}

// scalar reads a value that is no object and no array.
func (s *scanner) scalar() bool {
	switch s.next() {
	case '"':
		_, ok := s.string()
		return ok
	case 'n':
		return s.word("null")
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	}
	return s.number()
}

func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.text[s.at:], []byte(w)) {
		return false
	}
	s.at += len(w)
	return true
}

func (s *scanner) number() bool {
	s.word("-")
	if !s.word("0") && !s.digits() {
		return false
	}
	if s.word(".") && !s.digits() {
		return false
	}
	if s.word("e") || s.word("E") {
		if !s.word("+") {
			s.word("-")
		}
		return s.digits()
	}
	return true
}

// digits reads one or more.
func (s *scanner) digits() bool {
	begin := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > begin
}

// skip reads past one value within depth others, and returns how deep it went.
// It keeps a byte for each level and does not call itself: a stack that has
// grown stays with the connection.
func (s *scanner) skip(depth int) (deepest int, ok bool) {
	var few [2 * maxDepth]byte
	open := few[:0] // what closes the objects and arrays that are open
	for {
		if c := s.next(); c == '{' || c == '[' {
			s.at++
			closing := c + 2 // in ASCII
			open = append(open, closing)
			deepest = max(deepest, depth+len(open))
			if deepest > maxNesting {
				return deepest, false
			}
			if s.next() != closing {
				if c == '{' {
					if _, ok := s.name(); !ok {
						return deepest, false
					}
				}
				continue
			}
		} else if !s.scalar() {
			return deepest, false
		}
		// A value has ended, and with it maybe those it is the last of.
		for len(open) > 0 && s.take(open[len(open)-1]) {
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			return deepest, true
		}
		if !s.take(',') {
			return deepest, false
		}
		if open[len(open)-1] == '}' {
			if _, ok := s.name(); !ok {
				return deepest, false
			}
		}
	}
}
