package restjson

import (
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// DecodeQuery reads the body members of v, a pointer to a structure with its
// zero value, from a presigned URL's query. botocore moves them there: strings
// and integers as they are, lists as repeated keys, and maps and structures as
// str() of a Python dict. A JSON object is accepted in the place of the dict.
// The signature's own parameters (X-Amz-…) and unknown ones are ignored; a
// member that is no list must not appear twice. Errors are [*DecodeError].
func DecodeQuery(rawQuery string, v any) error {
	query, err := parseQuery(rawQuery)
	if err != nil {
		return err
	}
	return decodeQuery(query, v)
}

func parseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, &DecodeError{Why: "the query string is malformed"}
	}
	for name, values := range query {
		for _, text := range append(values, name) {
			if !utf8.ValidString(text) {
				return nil, &DecodeError{Why: "the query string is not valid UTF-8"}
			}
		}
	}
	return query, nil
}

// decodeQuery writes the members as the JSON body they were made from and
// reads that, so both forms of a request follow the same rules.
func decodeQuery(query url.Values, v any) error {
	structure := reflect.TypeOf(v).Elem()
	body := []byte{'{'}
	for i := range structure.NumField() {
		f := structure.Field(i)
		name := bodyName(f)
		if name == "" || !query.Has(name) {
			continue
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = appendString(body, name)
		body = append(body, ':')
		var err error
		if body, err = appendMember(body, name, f.Type, query[name]); err != nil {
			return err
		}
	}
	return Unmarshal(append(body, '}'), v)
}

func appendMember(body []byte, name string, typ reflect.Type, values []string) ([]byte, error) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() == reflect.Slice {
		body = append(body, '[')
		for i, value := range values {
			if i > 0 {
				body = append(body, ',')
			}
			body = appendString(body, value)
		}
		return append(body, ']'), nil
	}
	if len(values) != 1 {
		return nil, &DecodeError{Member: name, Why: "appears twice"}
	}
	value := values[0]
	switch typ.Kind() {
	case reflect.String:
		return appendString(body, value), nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		if !isInteger(value) {
			return nil, &DecodeError{Member: name, Why: "must be an integer"}
		}
		return append(body, value...), nil
	case reflect.Map, reflect.Struct:
		object, err := object(value)
		if err != nil {
			return nil, &DecodeError{Member: name, Why: "must be an object in JSON or in Python's notation: " + err.Error()}
		}
		return append(body, object...), nil
	}
	return nil, &DecodeError{Member: name, Why: "cannot travel in the query"}
}

// appendString quotes text that is known to be UTF-8.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// isInteger holds the text to JSON's grammar, as it goes into the body as it is.
func isInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == "" && (digits[0] != '0' || len(digits) == 1)
}

// object returns the JSON of an object that is written in JSON or in Python's
// notation. Where a text can be read as both they mean the same, save escaped
// surrogates, which no Python text that came from UTF-8 has.
func object(s string) ([]byte, error) {
	if strings.HasPrefix(s, "{") && jsontext.Value(s).IsValid() {
		return []byte(s), nil
	}
	return pythonDict(s)
}
