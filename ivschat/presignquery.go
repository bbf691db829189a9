package ivschat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/parleychat/parley/internal/restjson"
)

// queryOf turns a body's members into query parameters as botocore does: lists
// by repeated keys, scalars as they are, structures and maps in Python's
// notation.
func queryOf(body []byte) (members []string, err error) {
	if len(body) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if _, err := dec.Token(); err != nil { // the opening brace
		return nil, fmt.Errorf("read the body: %w", err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("read the body: %w", err)
		}
		values, err := texts(dec)
		if err != nil {
			return nil, fmt.Errorf("member %v: %w", name, err)
		}
		for _, value := range values {
			members = append(members, restjson.Escape(name.(string))+"="+restjson.Escape(value))
		}
	}
	return members, nil
}

// texts returns the values of a member: one, or those of a list.
func texts(dec *json.Decoder) ([]string, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return list(dec)
	case json.Delim('{'):
		text, err := python(dec, token)
		return []string{text}, err
	}
	return []string{fmt.Sprint(token)}, nil
}

func list(dec *json.Decoder) (values []string, err error) {
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		values = append(values, fmt.Sprint(token))
	}
	if len(values) == 0 {
		return nil, errors.New("an empty list cannot be said in a URL")
	}
	_, err = dec.Token() // the closing bracket
	return values, err
}

// python returns str() of the value that begins with the token. The shapes
// have only structures, maps and strings below a member.
func python(dec *json.Decoder, token json.Token) (string, error) {
	if token != json.Delim('{') {
		return quote(fmt.Sprint(token)), nil
	}
	var pairs []string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return "", err
		}
		value, err := dec.Token()
		if err != nil {
			return "", err
		}
		text, err := python(dec, value)
		if err != nil {
			return "", err
		}
		pairs = append(pairs, quote(fmt.Sprint(name))+": "+text)
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return "", err
	}
	return "{" + strings.Join(pairs, ", ") + "}", nil
}

// quote returns repr() of a Python string.
func quote(s string) string {
	mark := '\''
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		mark = '"'
	}
	var b strings.Builder
	b.WriteRune(mark)
	for _, r := range s {
		switch {
		case r == mark || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(mark)
	return b.String()
}
