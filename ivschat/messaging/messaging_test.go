package messaging_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parleychat/parley/ivschat/messaging"
)

// The frames of spec messaging.md §3, member order and all.
func TestFramesAreByteExact(t *testing.T) {
	at := time.Date(2022, 12, 2, 8, 21, 20, 754555595, time.UTC)
	del := messaging.DeleteMessageEvent("I4fme01f7HYM", "[removed by moderator]")
	del.ID, del.SendTime = "1OjMY6p8h4uv", at
	kick := messaging.DisconnectUserEvent("42fb390e", "Be nice!")
	kick.ID, kick.RequestID, kick.SendTime = "b4aYjMZyU8bo", "r1", at.Truncate(time.Second)
	for name, test := range map[string]struct {
		frame interface{ Append([]byte) []byte }
		want  string
	}{
		"message": {
			&messaging.Message{ID: "M2YcHkgffEvU", RequestID: "8fe65e61", Content: "Hi <b>&\u2028\"\\", SendTime: at,
				Sender: messaging.Sender{UserID: "u-123", Attributes: map[string]string{"username": "x", "a": "1"}}},
			`{"Type":"MESSAGE","Id":"M2YcHkgffEvU","RequestId":"8fe65e61","Attributes":null,"Content":"Hi <b>&` + "\u2028" + `\"\\","SendTime":"2022-12-02T08:21:20.754555595Z","Sender":{"UserId":"u-123","Attributes":{"a":"1","username":"x"}}}`,
		},
		"message of a token without attributes": {
			&messaging.Message{ID: "a", Attributes: map[string]string{}, Content: "x", SendTime: at},
			`{"Type":"MESSAGE","Id":"a","RequestId":"","Attributes":{},"Content":"x","SendTime":"2022-12-02T08:21:20.754555595Z","Sender":{"UserId":"","Attributes":{}}}`,
		},
		"delete": {
			&del,
			`{"Type":"EVENT","Id":"1OjMY6p8h4uv","RequestId":"","EventName":"aws:DELETE_MESSAGE","Attributes":{"MessageID":"I4fme01f7HYM","MessageId":"I4fme01f7HYM","Reason":"[removed by moderator]"},"SendTime":"2022-12-02T08:21:20.754555595Z"}`,
		},
		"disconnect, a whole second": {
			&kick,
			`{"Type":"EVENT","Id":"b4aYjMZyU8bo","RequestId":"r1","EventName":"aws:DISCONNECT_USER","Attributes":{"Reason":"Be nice!","UserId":"42fb390e"},"SendTime":"2022-12-02T08:21:20.000000000Z"}`,
		},
		"event without attributes": {
			&messaging.Event{ID: "a", Name: "app:x", SendTime: at},
			`{"Type":"EVENT","Id":"a","RequestId":"","EventName":"app:x","Attributes":null,"SendTime":"2022-12-02T08:21:20.754555595Z"}`,
		},
		"error": {
			&messaging.Error{ID: "IG5mcmlvdGlv", RequestID: "497f6eca", Code: 429, Message: messaging.TextThrottled},
			`{"Type":"ERROR","Id":"IG5mcmlvdGlv","RequestId":"497f6eca","ErrorCode":429,"ErrorMessage":"rate limit exceeded"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(test.frame.Append(nil))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if !json.Valid([]byte(got)) {
				t.Error("not valid JSON")
			}
		})
	}
}

func TestGoodRequests(t *testing.T) {
	for frame, want := range map[string]messaging.Request{
		`{"Action":"SEND_MESSAGE","RequestId":"r","Content":"Hi","Attributes":{"k":"v"}}`: {Action: "SEND_MESSAGE", RequestID: "r", Content: "Hi", Attributes: map[string]string{"k": "v"}},
		`{"action":"SEND_MESSAGE","content":"Hi","attributes":{}}`:                        {Action: "SEND_MESSAGE", Content: "Hi", Attributes: map[string]string{}},
		` {"ACTION":"SEND_MESSAGE","Content":"\u00e9\ud83d\ude00","Attributes":null} `:    {Action: "SEND_MESSAGE", Content: "é😀"},
		`{"Action":"SEND_MESSAGE","Content":"x","Other":{"a":[1,{"b":null}]}}`:            {Action: "SEND_MESSAGE", Content: "x"},
		`{"Action":"SEND_MESSAGE","Content":"x","Other":1,"Other":2}`:                     {Action: "SEND_MESSAGE", Content: "x"},
		`{"Action":"SEND_MESSAGE","Content":"cut \ud83d"}`:                                {Action: "SEND_MESSAGE", Content: "cut \ufffd"},
		`{"Action":"DELETE_MESSAGE","Id":"M2YcHkgffEvU","Reason":"spam"}`:                 {Action: "DELETE_MESSAGE", ID: "M2YcHkgffEvU", Reason: "spam"},
		`{"Action":"DELETE_MESSAGE","Id":"M2YcHkgffEvU","Reason":null}`:                   {Action: "DELETE_MESSAGE", ID: "M2YcHkgffEvU"},
		`{"Action":"DISCONNECT_USER","UserId":"u-123","RequestId":null}`:                  {Action: "DISCONNECT_USER", UserID: "u-123"},
		`{"Action":"SEND_MESSAGE","Content":"` + strings.Repeat("😀", 500) + `"}`:          {Action: "SEND_MESSAGE", Content: strings.Repeat("😀", 500)},
		`{"Action":"SEND_MESSAGE","Content":"x","Attributes":{"k":"` + strings.Repeat("v", 1023) + `"}}`: {
			Action: "SEND_MESSAGE", Content: "x", Attributes: map[string]string{"k": strings.Repeat("v", 1023)}},
	} {
		got, err := messaging.ParseRequest([]byte(frame))
		if err == nil {
			err = got.Check()
		}
		if err != nil {
			t.Errorf("%.80s: %v", frame, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(messaging.Request{})); diff != "" {
			t.Errorf("%.80s: %s", frame, diff)
		}
	}
}

// malformed is what ParseRequest or Check refuses: the frame, the code, and
// whether the answer can carry the RequestId "r".
var malformed = []struct {
	frame  string
	code   messaging.ErrorCode
	echoes bool
}{
	{``, 400, false},
	{` `, 400, false},
	{`hello`, 400, false},
	{`null`, 400, false},
	{`true`, 400, false},
	{`1`, 400, false},
	{`"SEND_MESSAGE"`, 400, false},
	{`[]`, 400, false},
	{`[{"Action":"SEND_MESSAGE","Content":"x"}]`, 400, false},
	{`{`, 400, false},
	{`}`, 400, false},
	{`{"Action"`, 400, false},
	{`{"Action":}`, 400, false},
	{`{"Action":"SEND_MESSAGE"`, 400, false},
	{`{"Action":"SEND_MESSAGE",}`, 400, false},
	{`{'Action':'SEND_MESSAGE'}`, 400, false},
	{`{Action:"SEND_MESSAGE"}`, 400, false},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x"} {}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x"}x`, 400, true},
	{`{"Action":"SEND_MESSAGE","Action":"SEND_MESSAGE","Content":"x"}`, 400, false},
	{`{"Action":"SEND_MESSAGE","action":"DELETE_MESSAGE","Content":"x"}`, 400, false},
	{`{"Action":"SEND_MESSAGE","Content":"x","Attributes":{"a":"1","a":"2"}}`, 400, false},
	{"{\"Action\":\"SEND_MESSAGE\",\"Content\":\"\xff\"}", 400, false},
	{`{"Action":"SEND_MESSAGE","action":"SEND_MESSAGE","Content":"x","RequestId":"r"}`, 400, true},
	{`{"Action":"SEND_MESSAGE","Content":"x","Attributes":{"a":"1","a":"2"},"RequestId":"r"}`, 400, true},
	{`{"Action":"SEND_MESSAGE","Content":"\u12"}`, 400, false},
	{"{\"Action\":\"SEND_MESSAGE\",\"Content\":\"a\nb\"}", 400, false},
	{"\xef\xbb\xbf{\"Action\":\"SEND_MESSAGE\",\"Content\":\"x\"}", 400, false},
	{`{"RequestId":"r"}`, 400, true},
	{`{"RequestId":"r","Action":null}`, 400, true},
	{`{"RequestId":"r","Action":""}`, 400, true},
	{`{"RequestId":"r","Action":1}`, 400, true},
	{`{"RequestId":"r","Action":{}}`, 400, true},
	{`{"RequestId":"r","Action":["SEND_MESSAGE"]}`, 400, true},
	{`{"RequestId":"r","Action":"send_message","Content":"x"}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_EVENT","Content":"x"}`, 400, true},
	{`{"Action":"NOPE","RequestId":"r"}`, 400, true},
	{`{"RequestId":5,"Action":"SEND_MESSAGE","Content":"x"}`, 400, false},
	{`{"RequestId":{},"Action":"SEND_MESSAGE","Content":"x"}`, 400, false},
	{`{"RequestId":"` + strings.Repeat("r", 129) + `","Action":"SEND_MESSAGE","Content":"x"}`, 413, false},
	{`{"RequestId":"r","Action":"SEND_MESSAGE"}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":""}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":null}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":5}`, 400, true},
	{`{"Content":5,"Action":"SEND_MESSAGE","RequestId":"r"}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":{"a":"b"}}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":["x"]}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":true}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"` + strings.Repeat("x", 501) + `"}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"` + strings.Repeat("😀", 501) + `"}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":"a"}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":[]}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":1}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":{"a":1}}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":{"a":null}}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":{"a":{"b":"c"}}}`, 400, true},
	{`{"Attributes":{"a":[]},"Action":"SEND_MESSAGE","Content":"x","RequestId":"r"}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":{"k":"` + strings.Repeat("v", 1024) + `"}}`, 413, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Attributes":{"k":"` + strings.Repeat("é", 512) + `"}}`, 413, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE"}`, 400, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":""}`, 400, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":"short"}`, 400, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":"abcdABCDefgh1"}`, 400, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":"abcdABCDefg-"}`, 400, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":"abcdABCDefgé"}`, 400, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":123456789012}`, 400, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":"abcdABCDefgh","Reason":""}`, 400, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":"abcdABCDefgh","Reason":7}`, 400, true},
	{`{"RequestId":"r","Action":"DELETE_MESSAGE","Id":"abcdABCDefgh","Reason":"` + strings.Repeat("x", 257) + `"}`, 413, true},
	{`{"RequestId":"r","Action":"DISCONNECT_USER"}`, 400, true},
	{`{"RequestId":"r","Action":"DISCONNECT_USER","UserId":""}`, 400, true},
	{`{"RequestId":"r","Action":"DISCONNECT_USER","UserId":null}`, 400, true},
	{`{"RequestId":"r","Action":"DISCONNECT_USER","UserId":1}`, 400, true},
	{`{"RequestId":"r","Action":"DISCONNECT_USER","UserId":"` + strings.Repeat("u", 129) + `"}`, 413, true},
	{`{"RequestId":"r","Action":"DISCONNECT_USER","UserId":"u","Reason":""}`, 400, true},
	{`{"RequestId":"r","Action":"DISCONNECT_USER","UserId":"u","Reason":"` + strings.Repeat("é", 257) + `"}`, 413, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Deep":` + strings.Repeat(`[`, 9) + strings.Repeat(`]`, 9) + `}`, 400, true},
	{`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"x","Deep":` + strings.Repeat(`{"a":`, 9) + `1` + strings.Repeat(`}`, 9) + `}`, 400, true},
	{strings.Repeat(`[`, 8000), 400, false},
	{strings.Repeat(`{"a":`, 3000), 400, false},
}

func TestMalformedRequests(t *testing.T) {
	for _, test := range malformed {
		r, err := messaging.ParseRequest([]byte(test.frame))
		if err == nil {
			err = r.Check()
		}
		e, ok := errors.AsType[*messaging.Error](err)
		if !ok {
			t.Errorf("%.90q: %v, want an error frame", test.frame, err)
			continue
		}
		if e.Code != test.code || e.Message == "" {
			t.Errorf("%.90q: %v, want %d", test.frame, e, test.code)
		}
		if echoes := r.RequestID == "r"; echoes != test.echoes {
			t.Errorf("%.90q: RequestId %q", test.frame, r.RequestID)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, test := range malformed {
		f.Add([]byte(test.frame))
	}
	f.Add([]byte(`{"Action":"SEND_MESSAGE","RequestId":"r","Content":"Hi","Attributes":{"k":"v"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := messaging.ParseRequest(text)
		if err == nil {
			err = r.Check()
		}
		if err != nil {
			if e, ok := errors.AsType[*messaging.Error](err); !ok || (e.Code != 400 && e.Code != 413) {
				t.Fatalf("%v is no error frame of a bad request", err)
			}
			return
		}
		// Whatever is accepted can be sent on, and means the same to another parser.
		m := messaging.Message{ID: "abcdABCDefgh", RequestID: r.RequestID, Content: r.Content, Attributes: r.Attributes}
		var got struct {
			RequestId, Content string
			Attributes         map[string]string
		}
		if err := json.Unmarshal(m.Append(nil), &got); err != nil {
			t.Fatal(err)
		}
		if got.RequestId != r.RequestID || got.Content != r.Content || !cmp.Equal(got.Attributes, r.Attributes) {
			t.Fatalf("sent %+v, got %+v", r, got)
		}
	})
}
