package restjson

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Request is what an input is read from.
type Request struct {
	Path  map[string]string // by member, as received: still percent-encoded
	Query string            // as received
	Body  []byte
	// Presigned says that the query, not the body, carries the members: see
	// [DecodeQuery].
	Presigned bool
}

// DecodeRequest reads an input into v, a pointer to a structure with its zero
// value. A query list that is not there is empty and not nil. Query parameters
// that no field has a tag for are ignored. Errors are [*DecodeError].
//
// A presigned request that has a body all the same was signed with it, so the
// body counts; a member in both places is an error, because only one of them
// can be what the signer meant.
func DecodeRequest(r Request, v any) error {
	query, err := parseQuery(r.Query)
	if err != nil {
		return err
	}
	to := reflect.ValueOf(v).Elem()
	for i := range to.NumField() {
		f := to.Type().Field(i)
		if name := f.Tag.Get("path"); name != "" {
			value, err := unescapePath(name, r.Path[name])
			if err != nil {
				return err
			}
			to.Field(i).SetString(value)
		}
		if name := f.Tag.Get("query"); name != "" {
			to.Field(i).Set(stringList(to.Field(i).Type(), query[name]))
		}
	}
	if !r.Presigned {
		return Unmarshal(r.Body, v)
	}
	if len(r.Body) == 0 {
		return decodeQuery(query, v)
	}
	for i := range to.NumField() {
		if name := bodyName(to.Type().Field(i)); name != "" && query.Has(name) {
			return &DecodeError{Member: name, Why: "must not be in the query of a request that has a body"}
		}
	}
	return Unmarshal(r.Body, v)
}

func unescapePath(name, escaped string) (string, error) {
	value, err := url.PathUnescape(escaped)
	if err != nil || !utf8.ValidString(value) {
		return "", &DecodeError{Member: name, Why: "is not percent-encoded UTF-8"}
	}
	return value, nil
}

// stringList is never nil.
func stringList(typ reflect.Type, values []string) reflect.Value {
	list := reflect.MakeSlice(typ, len(values), len(values))
	for i, value := range values {
		list.Index(i).SetString(value)
	}
	return list
}

// EncodeRequest returns what an operation's input travels as: the path with its
// members filled in, percent-encoded down to the unreserved characters; the
// query; the body, which is nil for the methods that have none.
func EncodeRequest(method, path string, v any) (escapedPath string, query url.Values, body []byte, err error) {
	from := reflect.Indirect(reflect.ValueOf(v))
	query = make(url.Values)
	for i := range from.NumField() {
		f := from.Type().Field(i)
		if name := f.Tag.Get("path"); name != "" {
			value := from.Field(i).String()
			if value == "" {
				return "", nil, nil, fmt.Errorf("member %s is empty", name)
			}
			path = strings.ReplaceAll(path, "{"+name+"}", Escape(value))
		}
		if name := f.Tag.Get("query"); name != "" {
			for j := range from.Field(i).Len() {
				query.Add(name, from.Field(i).Index(j).String())
			}
		}
	}
	if method == http.MethodGet || method == http.MethodDelete {
		return path, query, nil, nil
	}
	if body, err = Marshal(v); err != nil {
		return "", nil, nil, err
	}
	return path, query, body, nil
}

// Escape percent-encodes all but RFC 3986's unreserved characters, with
// upper-case digits, as signatures want.
func Escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
