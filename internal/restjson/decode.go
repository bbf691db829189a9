package restjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep objects and lists may be nested, those of unknown
// members too.
const MaxDepth = 32

// maxMemberName bounds how much of a stranger's member name an error repeats.
const maxMemberName = 100

// DecodeError says why an input could not be read. Its text never holds more
// of the input than a member's name.
type DecodeError struct {
	Member string // e.g. messageReviewHandler.uri, tags[key], capabilities[1]; "" for the whole
	Why    string // follows the member's name: "must be a string"; a sentence of its own without one
}

func (e *DecodeError) Error() string {
	if e.Member == "" {
		return e.Why
	}
	return e.Member + " " + e.Why
}

var errNull = errors.New("null in a list or a map")

// Unmarshal reads a JSON object into v, a pointer to a structure with its zero
// value. Names are case-sensitive, unknown members are ignored, and a member
// that is null is absent; duplicate names, nulls in lists and maps, invalid
// UTF-8, text behind the object and numbers that are not exactly an integer of
// the member's size are errors. No bytes at all are an empty object. Errors are
// [*DecodeError].
func Unmarshal(data []byte, v any) error {
	if len(data) == 0 {
		return nil
	}
	if !utf8.Valid(data) {
		return &DecodeError{Why: "the body is not valid UTF-8"}
	}
	if tooDeep(data) {
		return &DecodeError{Why: fmt.Sprintf("the body is nested deeper than %d levels", MaxDepth)}
	}
	if begin := bytes.TrimLeft(data, " \t\r\n"); len(begin) == 0 || begin[0] != '{' {
		return &DecodeError{Why: "the body must be a JSON object"}
	}
	root := reflect.TypeOf(v).Elem()
	var options []json.Options
	if bytes.Contains(data, []byte("null")) {
		options = append(options, refuseNulls(root))
	}
	if err := json.Unmarshal(data, v, options...); err != nil {
		return explain(err, root)
	}
	return nil
}

// tooDeep counts brackets outside strings. It need not understand more: what
// is no JSON fails later.
func tooDeep(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// refuseNulls makes a null an error where it cannot mean an absent member: the
// protocol's lists and maps have none.
func refuseNulls(root reflect.Type) json.Options {
	return json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ any) error {
		if dec.PeekKind() != 'n' {
			return errors.ErrUnsupported
		}
		switch kind, _ := dec.StackIndex(dec.StackDepth()); kind {
		case '[':
			return errNull
		case '{':
			if find(root, dec.StackPointer()).in == reflect.Map {
				return errNull
			}
		}
		return errors.ErrUnsupported
	}))
}

// place is where a JSON pointer leads: the member as users know it, its type
// (nil when unknown) and the kind of what it is in.
type place struct {
	name string
	typ  reflect.Type
	in   reflect.Kind
}

func find(root reflect.Type, pointer jsontext.Pointer) place {
	at := place{typ: root}
	for token := range pointer.Tokens() {
		for at.typ != nil && at.typ.Kind() == reflect.Pointer {
			at.typ = at.typ.Elem()
		}
		at = at.step(token)
	}
	for at.typ != nil && at.typ.Kind() == reflect.Pointer {
		at.typ = at.typ.Elem()
	}
	at.name = clip(at.name)
	return at
}

func (p place) step(token string) place {
	if p.typ == nil {
		return place{name: join(p.name, token)}
	}
	kind := p.typ.Kind()
	switch kind {
	case reflect.Map, reflect.Slice:
		return place{name: p.name + "[" + token + "]", typ: p.typ.Elem(), in: kind}
	case reflect.Struct:
		next := place{name: join(p.name, token), in: kind}
		if f, ok := bodyField(p.typ, token); ok {
			next.typ = f.Type
		}
		return next
	}
	return place{name: join(p.name, token), in: kind}
}

func join(name, member string) string {
	if name == "" {
		return member
	}
	return name + "." + member
}

func clip(name string) string {
	if len(name) <= maxMemberName {
		return name
	}
	return strings.ToValidUTF8(name[:maxMemberName], "") + "…"
}

func bodyField(structure reflect.Type, name string) (reflect.StructField, bool) {
	for i := range structure.NumField() {
		if f := structure.Field(i); bodyName(f) == name && name != "" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// bodyName returns the name a field has in the body, "" when it is not there.
func bodyName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() {
		return ""
	}
	return name
}

// explain turns the JSON package's error into ours.
func explain(err error, root reflect.Type) *DecodeError {
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		at := find(root, semantic.JSONPointer)
		return &DecodeError{Member: at.name, Why: mismatch(semantic.Err, at.typ)}
	}
	syntactic, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return &DecodeError{Why: "malformed JSON"}
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &DecodeError{Member: find(root, syntactic.JSONPointer).name, Why: "appears twice"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &DecodeError{Why: "the JSON ends too early"}
	}
	return &DecodeError{Why: "malformed JSON at byte " + strconv.FormatInt(syntactic.ByteOffset, 10)}
}

func mismatch(cause error, want reflect.Type) string {
	switch {
	case errors.Is(cause, errNull):
		return "must not be null"
	case errors.Is(cause, strconv.ErrRange):
		return "is out of range"
	case want == nil:
		return "cannot be read"
	case want == reflect.TypeFor[time.Time]():
		return "must be an RFC 3339 timestamp"
	}
	switch want.Kind() {
	case reflect.String:
		return "must be a string"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "must be an integer"
	case reflect.Bool:
		return "must be true or false"
	case reflect.Slice:
		return "must be a list"
	case reflect.Map, reflect.Struct:
		return "must be an object"
	}
	return "has the wrong type"
}
