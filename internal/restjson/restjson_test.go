package restjson_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/restjson"
)

type color string

type inner struct {
	URI   *string `json:"uri,omitzero"`
	Color *color  `json:"color,omitzero"`
	Deep  *deep   `json:"deep,omitzero"`
}

type deep struct {
	Name string `json:"name"`
}

type sample struct {
	Arn     string            `json:"-" path:"resourceArn"`
	Keys    []string          `json:"-" query:"tagKeys"`
	Text    string            `json:"text"`
	Name    *string           `json:"name,omitzero"`
	Count   *int32            `json:"count,omitzero"`
	Flag    *bool             `json:"flag,omitzero"`
	Colors  []color           `json:"colors,omitzero"`
	Tags    map[string]string `json:"tags,omitzero"`
	Inner   *inner            `json:"inner,omitzero"`
	Created *time.Time        `json:"created,omitzero"`
}

func TestMarshalWritesWhatClientsRead(t *testing.T) {
	type out struct {
		Time  time.Time         `json:"time"`
		Tags  map[string]string `json:"tags"`
		List  []string          `json:"list"`
		Text  string            `json:"text"`
		Next  *string           `json:"next,omitzero"`
		Apart string            `json:"-"`
	}
	east := time.FixedZone("", 2*60*60)
	tests := []struct {
		name string
		in   any
		want string
	}{
		{"empty", out{}, `{"time":"0001-01-01T00:00:00.000Z","tags":{},"list":[],"text":""}`},
		{"no members", struct{}{}, `{}`},
		{"time in another zone", out{Time: time.Date(2026, 9, 15, 1, 2, 3, 0, east)},
			`{"time":"2026-09-14T23:02:03.000Z","tags":{},"list":[],"text":""}`},
		{"time with nanoseconds", out{Time: time.Date(2026, 9, 15, 1, 2, 3, 653_999_999, time.UTC)},
			`{"time":"2026-09-15T01:02:03.653Z","tags":{},"list":[],"text":""}`},
		{"no escapes for HTML", out{Text: "<a&b>\u2028é\x01\"\\"},
			`{"time":"0001-01-01T00:00:00.000Z","tags":{},"list":[],"text":"<a&b>` + "\u2028" + `é\u0001\"\\"}`},
		{"sorted map", out{Tags: map[string]string{"b": "2", "a": "1", "c": ""}},
			`{"time":"0001-01-01T00:00:00.000Z","tags":{"a":"1","b":"2","c":""},"list":[],"text":""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := restjson.Marshal(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMarshalRefusesInvalidUTF8(t *testing.T) {
	if got, err := restjson.Marshal(sample{Text: "\xff"}); err == nil {
		t.Errorf("made %s", got)
	}
}

func TestAppendError(t *testing.T) {
	type exception struct {
		Request struct{ ID string } `json:"-"`
		Message string              `json:"message"`
		Limit   int32               `json:"limit"`
	}
	tests := []struct {
		name string
		body any
		want string
	}{
		{"members", &exception{Message: "Rate exceeded", Limit: 5}, `{"__type":"Code","message":"Rate exceeded","limit":5}`},
		{"no members", struct{}{}, `{"__type":"Code"}`},
		{"nothing", nil, `{"__type":"Code"}`},
		{"no structure", []int{1}, `{"__type":"Code"}`},
		{"repaired text", &exception{Message: "a\xffb"}, "{\"__type\":\"Code\",\"message\":\"a\ufffdb\",\"limit\":0}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(restjson.AppendError("Code", tt.body)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestUnmarshalReads(t *testing.T) {
	blue := color("BLUE")
	at := time.Date(2026, 9, 15, 1, 2, 3, 4_000, time.UTC)
	tests := []struct {
		name, in string
		want     sample
	}{
		{"nothing", ``, sample{}},
		{"empty object", "\r\n\t {} \n", sample{}},
		{"all kinds", `{"text":"é\ud83d\ude00","name":"","count":-0,"flag":true,"colors":["RED","BLUE"],"tags":{"":"v","k":""},
			"inner":{"uri":"u","color":"BLUE","deep":{"name":"d"}},"created":"2026-09-15T01:02:03.000004Z"}`,
			sample{Text: "é😀", Name: new(""), Count: new(int32(0)), Flag: new(true), Colors: []color{"RED", "BLUE"},
				Tags:  map[string]string{"": "v", "k": ""},
				Inner: &inner{URI: new("u"), Color: &blue, Deep: &deep{"d"}}, Created: &at}},
		{"unknown members", `{"texts":"no","other":{"text":null,"x":[null,{"y":null}]},"text":"yes"}`, sample{Text: "yes"}},
		{"names in other cases", `{"Text":"no","TEXT":"no","text":"yes"}`, sample{Text: "yes"}},
		{"nulls", `{"text":null,"name":null,"count":null,"flag":null,"colors":null,"tags":null,"inner":null,"created":null}`, sample{}},
		{"nulls inside", `{"inner":{"uri":null,"deep":{"name":null}}}`, sample{Inner: &inner{Deep: &deep{}}}},
		{"the text null", `{"text":"null","tags":{"null":"null"}}`, sample{Text: "null", Tags: map[string]string{"null": "null"}}},
		{"empty containers", `{"colors":[],"tags":{},"inner":{}}`, sample{Colors: []color{}, Tags: map[string]string{}, Inner: &inner{}}},
		{"edges", `{"count":-2147483648}`, sample{Count: new(int32(-1 << 31))}},
		{"path and query members are no body members", `{"resourceArn":"x","Arn":"x","tagKeys":["x"]}`, sample{}},
		{"a fraction of any length", `{"created":"2026-09-15T03:02:03.000004000+02:00"}`, sample{Created: &at}},
		{"brackets in strings", `{"text":"` + strings.Repeat(`[{\"`, 100) + `"}`, sample{Text: strings.Repeat(`[{"`, 100)}},
		{"as deep as may be", `{"other":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, sample{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got sample
			if err := restjson.Unmarshal([]byte(tt.in), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	long := strings.Repeat("é", 200)
	tests := []struct{ name, in, member, why string }{
		{"spaces only", "  ", "", "the body must be a JSON object"},
		{"null", "null", "", "the body must be a JSON object"},
		{"a list", "[]", "", "the body must be a JSON object"},
		{"a string", `"x"`, "", "the body must be a JSON object"},
		{"byte order mark", "\ufeff{}", "", "the body must be a JSON object"},
		{"no end", `{"text":"x"`, "", "the JSON ends too early"},
		{"no end of a string", `{"text":"x`, "", "the JSON ends too early"},
		{"no value", `{"text":}`, "", "malformed JSON at byte 8"},
		{"comma at the end", `{"text":"x",}`, "", "malformed JSON at byte 11"},
		{"single quotes", `{'text':'x'}`, "", "malformed JSON at byte 1"},
		{"no quotes", `{text:"x"}`, "", "malformed JSON at byte 2"},
		{"comment", `{/**/}`, "", "malformed JSON at byte 1"},
		{"text behind", `{} x`, "", "malformed JSON at byte 3"},
		{"object behind", `{}{}`, "", "malformed JSON at byte 2"},
		{"NUL behind", "{}\x00", "", "malformed JSON at byte 2"},
		{"NaN", `{"count":NaN}`, "", "malformed JSON at byte 9"},
		{"leading zero", `{"count":01}`, "", "malformed JSON at byte 10"},
		{"plus", `{"count":+1}`, "", "malformed JSON at byte 9"},
		{"hexadecimal", `{"count":0x1}`, "", "malformed JSON at byte 10"},
		{"raw newline", "{\"text\":\"a\nb\"}", "", "malformed JSON at byte 10"},
		{"unknown escape", `{"text":"\x41"}`, "", "malformed JSON at byte 9"},
		{"lone surrogate", `{"text":"\ud800"}`, "", "malformed JSON at byte 9"},
		{"reversed surrogates", `{"text":"\ude00\ud83d"}`, "", "malformed JSON at byte 9"},
		{"True", `{"flag":True}`, "", "malformed JSON at byte 8"},
		{"bad UTF-8", "{\"text\":\"\xff\"}", "", "the body is not valid UTF-8"},
		{"bad UTF-8 in an unknown member", "{\"\xc3\":1}", "", "the body is not valid UTF-8"},
		{"too deep", `{"other":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, "", "the body is nested deeper than 32 levels"},
		{"far too deep", strings.Repeat(`{"a":`, 100_000), "", "the body is nested deeper than 32 levels"},
		{"twice", `{"text":"a","text":"b"}`, "text", "appears twice"},
		{"twice, escaped", `{"text":"a","\u0074ext":"b"}`, "text", "appears twice"},
		{"unknown twice", `{"x":1,"x":2}`, "x", "appears twice"},
		{"key twice", `{"tags":{"k":"a","k":"b"}}`, "tags[k]", "appears twice"},
		{"nested twice", `{"inner":{"uri":"a","uri":"b"}}`, "inner.uri", "appears twice"},
		{"unknown nested twice", `{"other":{"y":1,"y":1}}`, "other.y", "appears twice"},
		{"number for a string", `{"text":1}`, "text", "must be a string"},
		{"object for a string", `{"name":{}}`, "name", "must be a string"},
		{"list for a string", `{"name":[]}`, "name", "must be a string"},
		{"boolean for a string", `{"inner":{"uri":true}}`, "inner.uri", "must be a string"},
		{"number for an enum", `{"inner":{"color":3}}`, "inner.color", "must be a string"},
		{"string for an integer", `{"count":"1"}`, "count", "must be an integer"},
		{"fraction", `{"count":1.5}`, "count", "must be an integer"},
		{"whole fraction", `{"count":1.0}`, "count", "must be an integer"},
		{"exponent", `{"count":1e2}`, "count", "must be an integer"},
		{"boolean for an integer", `{"count":true}`, "count", "must be an integer"},
		{"list for an integer", `{"count":[1]}`, "count", "must be an integer"},
		{"too large", `{"count":2147483648}`, "count", "is out of range"},
		{"too small", `{"count":-2147483649}`, "count", "is out of range"},
		{"far too large", `{"count":1` + strings.Repeat("0", 400) + `}`, "count", "is out of range"},
		{"string for a boolean", `{"flag":"true"}`, "flag", "must be true or false"},
		{"string for a list", `{"colors":"RED"}`, "colors", "must be a list"},
		{"object for a list", `{"colors":{}}`, "colors", "must be a list"},
		{"number in a list", `{"colors":["RED",1]}`, "colors[1]", "must be a string"},
		{"null in a list", `{"colors":["RED",null]}`, "colors[1]", "must not be null"},
		{"null first in a list", `{"colors":[null]}`, "colors[0]", "must not be null"},
		{"list for a map", `{"tags":[]}`, "tags", "must be an object"},
		{"string for a map", `{"tags":"k=v"}`, "tags", "must be an object"},
		{"number in a map", `{"tags":{"k":1}}`, "tags[k]", "must be a string"},
		{"null in a map", `{"tags":{"a":"b","k":null}}`, "tags[k]", "must not be null"},
		{"object in a map", `{"tags":{"k":{}}}`, "tags[k]", "must be a string"},
		{"key with a slash and a tilde", `{"tags":{"a/~b":1}}`, "tags[a/~b]", "must be a string"},
		{"string for a structure", `{"inner":"x"}`, "inner", "must be an object"},
		{"list for a structure", `{"inner":[]}`, "inner", "must be an object"},
		{"deep", `{"inner":{"deep":{"name":1}}}`, "inner.deep.name", "must be a string"},
		{"number for a time", `{"created":1789434123}`, "created", "must be an RFC 3339 timestamp"},
		{"day for a time", `{"created":"2026-09-15"}`, "created", "must be an RFC 3339 timestamp"},
		{"long name", `{"` + long + `":1,"` + long + `":2}`, strings.Repeat("é", 50) + "…", "appears twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got sample
			err := restjson.Unmarshal([]byte(tt.in), &got)
			wantDecodeError(t, err, tt.member, tt.why)
		})
	}
}

func wantDecodeError(t *testing.T, err error, member, why string) {
	t.Helper()
	e, ok := errors.AsType[*restjson.DecodeError](err)
	if !ok {
		t.Fatalf("got %v, want a DecodeError", err)
	}
	if e.Member != member || e.Why != why {
		t.Errorf("member %q %q, want %q %q", e.Member, e.Why, member, why)
	}
}
