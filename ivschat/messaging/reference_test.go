package messaging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// FuzzParseRequestAgainstTokenizer holds ParseRequest to what a general JSON
// tokenizer makes of the same frame, errors and what they echo included.
func FuzzParseRequestAgainstTokenizer(f *testing.F) {
	for _, frame := range []string{
		`{"Action":"SEND_MESSAGE","RequestId":"r","Content":"Hi","Attributes":{"k":"v","l":"w"}}`,
		` { "action" : "DELETE_MESSAGE" , "id" : "M2YcHkgffEvU" , "reason" : null } `,
		`{"\u0041ction":"\u0053END_MESSAGE","Content":"\ud83d\ude00 \ud83d \ude00\ud83d\u0041 \"\\\/\b\f\n\r\t"}`,
		`{"Uſerid":"long s","userid":"again","Action":"DISCONNECT_USER"}`,
		`{"Action":1,"RequestId":"a","RequestId":{"b":[]},"Attributes":[{"c":-0.5e+10}],"Content":true}`,
		`{"Attributes":{"a":1,"b":"c","b":"d","e":{"f":[[[[[[[[0]]]]]]]]}},"RequestId":"r"}`,
		`{"x":[[[[[[[[]]]]]]]],"RequestId":"r","Action":""}`, `{"x":{"y":{},"z":[{},[]]},"w":[1,2,"3",null,false]}`,
		`{"RequestId":"r","x":` + strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999) + `}`,
		`{"RequestId":"r","x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
		`{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1 "b":2}`, `{"a":[1,]}`, `{"a":{"b":1,}}`, `{"a":[}]}`, `{"a":[1}`, `{"a":01}`,
		`{"a":1.}`, `{"a":.1}`, `{"a":1e}`, `{"a":-}`, `{"a":+1}`, `{"a":nul}`, `{"a":nullx}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"\`,
		"{\"a\":\"\t\"}", "{\"RequestId\":\"a\tb\"}", `{"RequestId":"a`, `{} {}`, `{}x`, "{}\x00", `{"a":1}]`, `"x"`, `"x`, `tru`, `true`, `-1.5x`, `[`, ``, "\xff", `{"RequestId":"r"`,
		`{"RequestId":"` + strings.Repeat("r", 200) + `"}`, `{1:2}`, `{"":""}`,
	} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, wantErr := referenceParse(text)
		got, err := ParseRequest(text)
		if diff := cmp.Diff(wantErr, err); diff != "" {
			t.Fatal(diff)
		}
		if want.RequestID != got.RequestID {
			t.Fatalf("echoes %q, want %q", got.RequestID, want.RequestID)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Request{})); err == nil && diff != "" {
			t.Fatal(diff)
		}
	})
}

// referenceParse is ParseRequest over jsontext.
func referenceParse(text []byte) (Request, error) {
	var r Request
	if !utf8.Valid(text) {
		return r, invalid("frame is not valid UTF-8")
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	open, err := dec.ReadToken()
	if err != nil {
		return r, errJSON()
	}
	if open.Kind() != '{' {
		return r, invalid("frame must be a JSON object")
	}
	var wrong error
	var seen member
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return r, errJSON()
		}
		var bit member
		for i, known := range memberNames() {
			if strings.EqualFold(name.String(), known) {
				bit = 1 << i
			}
		}
		fault, err := r.referenceRead(dec, bit)
		if err != nil {
			return r, errJSON()
		}
		if seen&bit != 0 {
			fault = "member " + bit.String() + " is there twice"
		}
		seen |= bit
		if fault != "" && wrong == nil {
			wrong = invalid(fault)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return r, errJSON()
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return r, invalid("frame has data after its JSON object")
	}
	if len(r.RequestID) > MaxRequestID {
		r.RequestID = ""
		return r, tooLarge(fmt.Sprintf("RequestId must be at most %d bytes", MaxRequestID))
	}
	if wrong == nil {
		wrong = r.checkAction()
	}
	return r, wrong
}

func (r *Request) referenceRead(dec *jsontext.Decoder, bit member) (fault string, err error) {
	switch {
	case bit == 0:
		return referenceSkip(dec)
	case dec.PeekKind() == 'n':
		_, err := dec.ReadToken()
		return "", err
	case bit == hasAttributes:
		r.has |= bit
		r.Attributes, fault, err = referenceMap(dec)
		return fault, err
	}
	r.has |= bit
	if kind := dec.PeekKind(); kind != '"' {
		if fault, err := referenceSkip(dec); fault != "" || err != nil {
			return fault, err
		}
		return bit.String() + " must be a string", nil
	}
	token, err := dec.ReadToken()
	if err != nil {
		return "", err
	}
	if bit == hasAction {
		r.Action = Action(token.String())
		return "", nil
	}
	*r.field(bit) = token.String()
	return "", nil
}

func referenceMap(dec *jsontext.Decoder) (m map[string]string, fault string, err error) {
	if dec.PeekKind() != '{' {
		if fault, err = referenceSkip(dec); fault == "" {
			fault = "Attributes must be an object of strings"
		}
		return nil, fault, err
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, "", err
	}
	m = map[string]string{}
	for dec.PeekKind() != '}' {
		key, err := dec.ReadToken()
		if err != nil {
			return nil, "", err
		}
		name := key.String()
		if dec.PeekKind() != '"' {
			if _, err := referenceSkip(dec); err != nil {
				return nil, "", err
			}
			fault = "Attributes must be an object of strings"
			continue
		}
		value, err := dec.ReadToken()
		if err != nil {
			return nil, "", err
		}
		if _, twice := m[name]; twice {
			fault = "Attributes has a key twice"
		}
		m[name] = value.String()
	}
	_, err = dec.ReadToken()
	return m, fault, err
}

func referenceSkip(dec *jsontext.Decoder) (fault string, err error) {
	outer := dec.StackDepth()
	for {
		if _, err := dec.ReadToken(); err != nil {
			return "", err
		}
		depth := dec.StackDepth()
		if depth > maxDepth {
			fault = fmt.Sprintf("frame is nested deeper than %d", maxDepth)
		}
		if depth <= outer {
			return fault, nil
		}
	}
}
