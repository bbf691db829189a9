package restjson_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/restjson"
)

const (
	room        = "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	escapedRoom = "arn%3Aaws%3Aivschat%3Aus-west-2%3A123456789012%3Aroom%2FabcdABCDefgh"
)

func TestEncodeRequest(t *testing.T) {
	tests := []struct {
		name, method, path string
		in                 sample
		wantPath           string
		wantQuery          url.Values
		wantBody           string
		wantNoBody         bool
	}{
		{name: "POST without members", method: http.MethodPost, path: "/ListRooms", in: sample{Arn: "-"},
			wantPath: "/ListRooms", wantQuery: url.Values{}, wantBody: `{"text":""}`},
		{name: "POST with path", method: http.MethodPost, path: "/tags/{resourceArn}", in: sample{Arn: room, Tags: map[string]string{"k": "v"}},
			wantPath: "/tags/" + escapedRoom, wantQuery: url.Values{}, wantBody: `{"text":"","tags":{"k":"v"}}`},
		{name: "GET", method: http.MethodGet, path: "/tags/{resourceArn}", in: sample{Arn: "a b+é~_-.!*'()"},
			wantPath: "/tags/a%20b%2B%C3%A9~_-.%21%2A%27%28%29", wantQuery: url.Values{}, wantNoBody: true},
		{name: "DELETE with query", method: http.MethodDelete, path: "/tags/{resourceArn}", in: sample{Arn: room, Keys: []string{"b", "a", "b"}},
			wantPath: "/tags/" + escapedRoom, wantQuery: url.Values{"tagKeys": {"b", "a", "b"}}, wantNoBody: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, query, body, err := restjson.EncodeRequest(tt.method, tt.path, &tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if path != tt.wantPath || string(body) != tt.wantBody || (body == nil) != tt.wantNoBody {
				t.Errorf("path %s, body %q", path, body)
			}
			if diff := cmp.Diff(tt.wantQuery, query); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, _, _, err := restjson.EncodeRequest(http.MethodGet, "/tags/{resourceArn}", &sample{}); err == nil {
		t.Error("an empty path member was encoded")
	}
}

func TestDecodeRequestTakesWhatEncodeRequestMakes(t *testing.T) {
	in := sample{Arn: room + " ü/%2F+", Keys: []string{"a b", "c&d/é", "", "x=y+z;%41"}, Tags: map[string]string{"k": "v"}, Count: new(int32(3))}
	path, query, body, err := restjson.EncodeRequest(http.MethodPost, "{resourceArn}", &in)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{query.Encode(), strings.ReplaceAll(query.Encode(), "+", "%20")} {
		var got sample
		if err := restjson.DecodeRequest(restjson.Request{Path: map[string]string{"resourceArn": path}, Query: raw, Body: body}, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestDecodeRequest(t *testing.T) {
	blue := color("BLUE")
	tests := []struct {
		name string
		in   restjson.Request
		want sample
	}{
		{"nothing", restjson.Request{}, sample{Keys: []string{}}},
		{"a path that is not escaped", restjson.Request{Path: map[string]string{"resourceArn": room}}, sample{Arn: room, Keys: []string{}}},
		{"decoded once only", restjson.Request{Path: map[string]string{"resourceArn": "%252F"}}, sample{Arn: "%2F", Keys: []string{}}},
		{"unknown parameters", restjson.Request{Query: "x=1&text=no&X-Amz-Date=2"}, sample{Keys: []string{}}},
		{"names in other cases", restjson.Request{Query: "tagkeys=no&tagKeys=yes"}, sample{Keys: []string{"yes"}}},
		{"presigned", restjson.Request{Presigned: true,
			Query: "text=a%20b&name=&count=-7&colors=RED&colors=BLUE&tags=%7B%27k%27%3A%20%27v%27%7D&inner=%7B%27uri%27%3A+%27u%27%2C+%27color%27%3A+%27BLUE%27%2C+%27deep%27%3A+%7B%27name%27%3A+%27d%27%7D%7D&tagKeys=x&X-Amz-Signature=1&X-Amz-Signature=2&other=1&other=2"},
			sample{Keys: []string{"x"}, Text: "a b", Name: new(""), Count: new(int32(-7)), Colors: []color{"RED", "BLUE"},
				Tags: map[string]string{"k": "v"}, Inner: &inner{URI: new("u"), Color: &blue, Deep: &deep{"d"}}}},
		{"presigned with objects in JSON", restjson.Request{Presigned: true, Query: `tags=%7B%22k%22%3A%22\u0041%22%7D&inner={}`},
			sample{Keys: []string{}, Tags: map[string]string{"k": "A"}, Inner: &inner{}}},
		{"presigned with one in a list", restjson.Request{Presigned: true, Query: "colors="}, sample{Keys: []string{}, Colors: []color{""}}},
		{"presigned with a body", restjson.Request{Presigned: true, Query: "tagKeys=x&other=1", Body: []byte(`{"text":"x"}`)},
			sample{Keys: []string{"x"}, Text: "x"}},
		{"not presigned: members in the query do not count", restjson.Request{Query: "text=x", Body: []byte(`{}`)}, sample{Keys: []string{}}},
		{"empty object", restjson.Request{Presigned: true, Query: "tags={}"}, sample{Keys: []string{}, Tags: map[string]string{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got sample
			if err := restjson.DecodeRequest(tt.in, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRequestRefuses(t *testing.T) {
	const notation = "must be an object in JSON or in Python's notation: "
	path := func(escaped string) restjson.Request {
		return restjson.Request{Path: map[string]string{"resourceArn": escaped}}
	}
	presigned := func(query string) restjson.Request { return restjson.Request{Query: query, Presigned: true} }
	tests := []struct {
		name        string
		in          restjson.Request
		member, why string
	}{
		{"half an escape in the path", path("%4"), "resourceArn", "is not percent-encoded UTF-8"},
		{"bad UTF-8 in the path", path("%ff"), "resourceArn", "is not percent-encoded UTF-8"},
		{"half an escape in the query", restjson.Request{Query: "tagKeys=%4"}, "", "the query string is malformed"},
		{"semicolon in the query", restjson.Request{Query: "tagKeys=a;tagKeys=b"}, "", "the query string is malformed"},
		{"bad UTF-8 in the query", restjson.Request{Query: "tagKeys=%ff"}, "", "the query string is not valid UTF-8"},
		{"bad UTF-8 in a name", restjson.Request{Query: "%ff=1"}, "", "the query string is not valid UTF-8"},
		{"malformed body", restjson.Request{Body: []byte("{")}, "", "the JSON ends too early"},
		{"string twice", presigned("text=a&text=a"), "text", "appears twice"},
		{"pointer twice", presigned("name=a&name=b"), "name", "appears twice"},
		{"integer twice", presigned("count=1&count=1"), "count", "appears twice"},
		{"map twice", presigned("tags={}&tags={}"), "tags", "appears twice"},
		{"structure twice", presigned("inner={}&inner={}"), "inner", "appears twice"},
		{"no integer", presigned("count=one"), "count", "must be an integer"},
		{"empty integer", presigned("count="), "count", "must be an integer"},
		{"sign only", presigned("count=-"), "count", "must be an integer"},
		{"fraction", presigned("count=1.5"), "count", "must be an integer"},
		{"exponent", presigned("count=1e2"), "count", "must be an integer"},
		{"plus", presigned("count=%2B1"), "count", "must be an integer"},
		{"space", presigned("count=%201"), "count", "must be an integer"},
		{"leading zero", presigned("count=01"), "count", "must be an integer"},
		{"hexadecimal", presigned("count=0x1"), "count", "must be an integer"},
		{"null", presigned("count=null"), "count", "must be an integer"},
		{"out of range", presigned("count=2147483648"), "count", "is out of range"},
		{"breaking out of an integer", presigned(`count=1,"text":"x"`), "count", "must be an integer"},
		{"breaking out of an object", presigned(`tags={},"text":"x"`), "tags", notation + "text behind the object at byte 2"},
		{"two objects", presigned(`tags={}{}`), "tags", notation + "text behind the object at byte 2"},
		{"a list for a map", presigned("tags=[]"), "tags", notation + "expected { at byte 0"},
		{"None", presigned("tags=None"), "tags", notation + "expected { at byte 0"},
		{"empty map", presigned("tags="), "tags", notation + "expected { at byte 0"},
		{"number in a JSON map", presigned(`tags={"k":1}`), "tags[k]", "must be a string"},
		{"null in a JSON map", presigned(`tags={"k":null}`), "tags[k]", "must not be null"},
		{"number in a Python map", presigned(`tags={'k':1}`), "tags", notation + "expected a string at byte 5"},
		{"key twice in JSON", presigned(`tags={"k":"a","k":"b"}`), "tags[k]", "appears twice"},
		{"key twice in Python", presigned(`tags={'k':'a','k':'b'}`), "tags[k]", "appears twice"},
		{"object for a string", presigned(`inner={'uri':{}}`), "inner.uri", "must be a string"},
		{"string for an object", presigned(`inner={'deep':'x'}`), "inner.deep", "must be an object"},
		{"a type that is never there", presigned("flag=true"), "flag", "cannot travel in the query"},
		{"too deep in JSON", presigned("tags=" + strings.Repeat(`{"a":`, 40) + "{}" + strings.Repeat("}", 40)), "", "the body is nested deeper than 32 levels"},
		{"in body and query", restjson.Request{Presigned: true, Query: "text=x", Body: []byte(`{}`)}, "text", "must not be in the query of a request that has a body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got sample
			err := restjson.DecodeRequest(tt.in, &got)
			wantDecodeError(t, err, tt.member, tt.why)
		})
	}
}

// tagsOf reads a map the way a presigned request has it.
func tagsOf(text string) (map[string]string, error) {
	var got sample
	err := restjson.DecodeQuery("tags="+restjson.Escape(text), &got)
	return got.Tags, err
}

// The texts are what Python prints for the values.
func TestPythonNotation(t *testing.T) {
	tests := []struct {
		text string
		want map[string]string
	}{
		{`{}`, map[string]string{}},
		{`{  }`, map[string]string{}},
		{`{'k': 'v'}`, map[string]string{"k": "v"}},
		{`{'k':'v','l':'w'}`, map[string]string{"k": "v", "l": "w"}},
		{`{ 'k'  :  'v' , 'l' : 'w' }`, map[string]string{"k": "v", "l": "w"}},
		{`{"it's": "it's"}`, map[string]string{"it's": "it's"}},
		{`{'say "hi"': 'both \' and "'}`, map[string]string{`say "hi"`: `both ' and "`}},
		{`{"it's": 'x', 'y': "it's"}`, map[string]string{"it's": "x", "y": "it's"}},
		{`{'': ''}`, map[string]string{"": ""}},
		{`{'a\\b': 'tab\tline\r\n\\'}`, map[string]string{`a\b`: "tab\tline\r\n\\"}},
		{`{'e': '\x01\x7f\xa0ÿ€\u2028\ufeff😀\U000e0001'}`, map[string]string{"e": "\x01\x7f\u00a0ÿ€\u2028\ufeff😀\U000e0001"}},
		{`{'hex': '\xAb\u20AC\U0001F600'}`, map[string]string{"hex": "«€😀"}},
		{`{'a': '{\'k\': 1, }'}`, map[string]string{"a": `{'k': 1, }`}},
		{`{'NUL': '\x00'}`, map[string]string{"NUL": "\x00"}},
	}
	for _, tt := range tests {
		got, err := tagsOf(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.text, diff)
		}
	}
}

func TestPythonNotationRefuses(t *testing.T) {
	for _, text := range []string{
		`{`, `}`, `{'`, `{'k`, `{'k'`, `{'k':`, `{'k': `, `{'k': '`, `{'k': 'v`, `{'k': 'v'`, `{'k': 'v',`, `{'k': 'v', `,
		`{'k': 'v',}`, `{,}`, `{'k'}`, `{'k': }`, `{'k' 'v'}`, `{'k': 'v' 'l': 'w'}`, `{'k': 'v'}}`, `{'k': 'v'} `, ` {'k': 'v'}`,
		`{'k': 'v'}#`, `{'k': u'v'}`, `{'k': b'v'}`, `{'k': r'v'}`, `{'k': 'v' 'w'}`, `{'k': '''v'''}`, `{k: 'v'}`,
		`{'k': None}`, `{'k': True}`, `{'k': 1}`, `{'k': 1.5}`, `{'k': ['v']}`, `{'k': ('v',)}`, `{'k', 'v'}`, `{1: 'v'}`,
		`{'k': "v'}`, `{'k': 'v"}`, `{'k': 'it's'}`, `{'k': '\'}`, `{'k': '\`, `{'k': '\x'}`, `{'k': '\x4'}`, `{'k': '\xg0'}`,
		`{'k': '\x+1'}`, `{'k': '\x_1'}`, `{'k': '\u004'}`, `{'k': '\U0000004'}`, `{'k': '\ud800'}`, `{'k': '\ud83d\ude00'}`,
		`{'k': '\U00110000'}`, `{'k': '\Uffffffff'}`, `{'k': '\0'}`, `{'k': '\101'}`, `{'k': '\N{DASH}'}`, `{'k': '\a'}`, `{'k': '\b'}`,
		"{'k': 'a\nb'}", "{'k': 'a\tb'}", "{'k': '\x00'}", "{'k': '\x7f'}", "{'k':\n'v'}", "{'k':\t'v'}",
		`dict(k='v')`, `__import__('os').system('x')`, `{**{}}`, strings.Repeat(`{'k': `, 9) + `'v'` + strings.Repeat(`}`, 9),
		strings.Repeat(`{'k': `, 100_000),
	} {
		got, err := tagsOf(text)
		if err == nil {
			t.Errorf("%.80s was read as %v", text, got)
		}
	}
}

func FuzzPythonLiteral(f *testing.F) {
	f.Add(`{'k': 'v', "it's": 'a\\b\n\x01\u2028\U0001f600'}`)
	f.Add(`{'k': {'l': 'm'}}`)
	f.Add(`{"k":"\/"}`)
	f.Add(`{ }`)
	f.Fuzz(func(t *testing.T, text string) {
		tags, err := tagsOf(text)
		if err != nil {
			return
		}
		// What was read, written as JSON, reads the same.
		body, err := restjson.Marshal(map[string]map[string]string{"tags": tags})
		if err != nil {
			t.Fatalf("%q was read as %q, which cannot be written: %v", text, tags, err)
		}
		var again sample
		if err := restjson.Unmarshal(body, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tags, again.Tags); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}

// FuzzDecode holds the decoder to encoding/json's view of the same bytes, by
// exact names.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"text":"é\ud83d\ude00","name":null,"count":-0,"colors":["RED"],"tags":{"k":"v"},"inner":{"uri":"u"}}`,
		`{"Text":"x","text":"y","tags":{"\u0000":"\u2028"}}`, `{"count":2147483647,"other":[[{}]]}`, ``, `{}`, `{"tags":{"k":null}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got sample
		if restjson.Unmarshal(data, &got) != nil || len(data) == 0 {
			return
		}
		var want struct {
			members map[string]json.RawMessage
			text    string
			name    *string
			count   *int32
			colors  []color
			tags    map[string]string
		}
		if err := json.Unmarshal(data, &want.members); err != nil {
			t.Fatalf("%q is no JSON: %v", data, err)
		}
		for name, to := range map[string]any{"text": &want.text, "name": &want.name, "count": &want.count, "colors": &want.colors, "tags": &want.tags} {
			if member, ok := want.members[name]; ok {
				if err := json.Unmarshal(member, to); err != nil {
					t.Fatalf("%q: %s: %v", data, name, err)
				}
			}
		}
		if diff := cmp.Diff([]any{want.text, want.name, want.count, want.colors, want.tags}, []any{got.Text, got.Name, got.Count, got.Colors, got.Tags}); diff != "" {
			t.Errorf("%q: %s", data, diff)
		}
	})
}

// FuzzDecodeQuery holds strings, lists and integers to what the query says.
func FuzzDecodeQuery(f *testing.F) {
	f.Add("text=a%20b&name=&count=-7&colors=RED&colors=BLUE&tags=%7B%27k%27%3A+%27v%27%7D")
	f.Add(`count=1,"text":"x"`)
	f.Add(`tags={},"text":"x"`)
	f.Fuzz(func(t *testing.T, raw string) {
		var got sample
		if restjson.DecodeQuery(raw, &got) != nil {
			return
		}
		query, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q is no query: %v", raw, err)
		}
		if got.Text != query.Get("text") || (got.Name != nil) != query.Has("name") || (got.Count != nil) != query.Has("count") ||
			(got.Tags != nil) != query.Has("tags") || (got.Inner != nil) != query.Has("inner") {
			t.Errorf("%q was read as %+v", raw, got)
		}
		var colors []color
		for _, value := range query["colors"] {
			colors = append(colors, color(value))
		}
		if diff := cmp.Diff(colors, got.Colors); diff != "" {
			t.Errorf("%q: %s", raw, diff)
		}
	})
}
