// Package restjson reads and writes the restJson1 protocol: JSON bodies, and
// the members of inputs that travel in the path or the query. It goes by Go
// types and struct tags and knows nothing of chat, so the client and the server
// share it.
//
// A field travels in the body under its json tag, in the path under its path
// tag (`path:"resourceArn"`) or in the query under its query tag
// (`query:"tagKeys"`, a list). Fields of the last two are top-level and have
// `json:"-"`. Types are strings, integers, booleans, time.Time, and pointers,
// lists, string maps and structures of them.
//
// Inputs come from strangers: everything read is bounded by the caller's limit
// on its length and by [MaxDepth], and every refusal is a [*DecodeError] whose
// text is fit for the one who sent it.
package restjson

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// timeFormat has exactly three digits of fraction, which is what every known
// client can read (spec: control-plane.md §1).
const timeFormat = "2006-01-02T15:04:05.000Z"

var marshalOptions = json.JoinOptions(
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
		return enc.WriteToken(jsontext.String(t.UTC().Format(timeFormat)))
	})),
)

// Marshal returns v as JSON: times in UTC with three digits of fraction, nil
// lists and maps as empty ones, maps sorted, nothing escaped that need not be.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, marshalOptions) }

// AppendError returns the body of an exception: the members of body, which is
// a structure or nil, behind "__type". Text that is no UTF-8 is repaired: a
// refusal must not get lost over what it quotes.
func AppendError(code string, body any) []byte {
	quoted, err := jsontext.AppendQuote(nil, code)
	if err != nil {
		quoted = []byte(`"UnknownError"`)
	}
	out := append([]byte(`{"__type":`), quoted...)
	members, err := json.Marshal(body, marshalOptions, jsontext.AllowInvalidUTF8(true))
	if err != nil || len(members) <= len("{}") || members[0] != '{' {
		return append(out, '}')
	}
	out = append(out, ',')
	return append(out, members[1:]...)
}
