package messaging_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parleychat/parley/ivschat/messaging"
)

// The frames of spec messaging.md §3, and what else AWS may send.
func TestFramesFromAWS(t *testing.T) {
	for frame, want := range map[string]messaging.Frame{
		`{"Type":"MESSAGE","Id":"M2YcHkgffEvU","RequestId":"8fe65e61","Attributes":null,"Content":"Hi","SendTime":"2022-12-02T08:21:20.754555595Z","Sender":{"UserId":"u-123","Attributes":{"username":"x"}}}`: &messaging.Message{
			ID: "M2YcHkgffEvU", RequestID: "8fe65e61", Content: "Hi", SendTime: time.Date(2022, 12, 2, 8, 21, 20, 754555595, time.UTC),
			Sender: messaging.Sender{UserID: "u-123", Attributes: map[string]string{"username": "x"}},
		},
		` {"Sender":null,"New":[{}],"SendTime":"2022-12-02T08:21:20+01:00","Content":"\ud83d\ude00","Id":"a","Attributes":{},"RequestId":null,"Type":"MESSAGE"} `: &messaging.Message{
			ID: "a", Content: "😀", Attributes: map[string]string{}, SendTime: time.Date(2022, 12, 2, 7, 21, 20, 0, time.UTC),
		},
		`{"Type":"MESSAGE","Id":"a","Content":"1","Content":"lone \ud800","type":"EVENT"}`: &messaging.Message{ID: "a", Content: "lone \ufffd"},
		`{"Type":"EVENT","Id":"1OjMY6p8h4uv","RequestId":"","EventName":"aws:DELETE_MESSAGE","Attributes":{"MessageID":"I4fme01f7HYM","Reason":"[removed by moderator]"},"SendTime":"2022-10-14T20:08:11.25880006Z"}`: &messaging.Event{
			ID: "1OjMY6p8h4uv", Name: "aws:DELETE_MESSAGE", SendTime: time.Date(2022, 10, 14, 20, 8, 11, 258800060, time.UTC),
			Attributes: map[string]string{"MessageID": "I4fme01f7HYM", "Reason": "[removed by moderator]"},
		},
		`{"Type":"EVENT","Id":"a","EventName":"app:x","Attributes":null,"SendTime":"2022-10-14T20:08:11Z"}`: &messaging.Event{
			ID: "a", Name: "app:x", SendTime: time.Date(2022, 10, 14, 20, 8, 11, 0, time.UTC),
		},
		`{"Type":"ERROR","Id":"IG5mcmlvdGlv","RequestId":"497f6eca","ErrorCode":429,"ErrorMessage":"rate limit exceeded"}`: &messaging.Error{
			ID: "IG5mcmlvdGlv", RequestID: "497f6eca", Code: messaging.ErrorThrottled, Message: messaging.TextThrottled,
		},
		`{"ErrorCode":401,"Type":"ERROR"}`: &messaging.Error{Code: messaging.ErrorExpired},
	} {
		got, err := messaging.ParseFrame([]byte(frame))
		if err != nil {
			t.Errorf("%s: %v", frame, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", frame, diff)
		}
	}
	for digits := range 10 {
		fraction := strings.TrimSuffix("."+"123456789"[:digits], ".")
		f, err := messaging.ParseFrame([]byte(`{"Type":"EVENT","Id":"a","EventName":"x","SendTime":"2022-10-14T20:08:11` + fraction + `Z"}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.(*messaging.Event).SendTime.Format("2006-01-02T15:04:05.999999999"); got != "2022-10-14T20:08:11"+fraction {
			t.Errorf("%d digits: %s", digits, got)
		}
	}
}

// undecodable is what no frame is.
var undecodable = []string{
	``, ` `, `x`, `null`, `1`, `"MESSAGE"`, `[]`, `{`, `{}`, `{"Type":null}`, `{"Type":1}`, `{"Type":"MESSAGE"}`,
	`{"Type":"MESSAGE","Id":""}`, `{"Type":"MESSAGE","Id":1}`, `{"Type":"MESSAGE","Id":"a","SendTime":"noon"}`, `{"Type":"MESSAGE","Id":"a","Content":{}}`,
	`{"Type":"MESSAGE","Id":"a","Attributes":{"k":1}}`, `{"Type":"MESSAGE","Id":"a","Sender":"ana"}`, `{"Type":"MESSAGE","Id":"a"} {}`,
	`{"Type":"EVENT","Id":"a"}`, `{"Type":"EVENT","EventName":"x"}`, `{"Type":"ERROR","Id":"a"}`, `{"Type":"ERROR","Id":"a","ErrorCode":"400"}`,
	`{"Type":"ERROR","Id":"a","ErrorCode":1e99}`, strings.Repeat(`{"a":`, 20000),
}

func TestFramesThatAreNone(t *testing.T) {
	for _, frame := range undecodable {
		if f, err := messaging.ParseFrame([]byte(frame)); err == nil || errors.Is(err, messaging.ErrUnknownType) {
			t.Errorf("%.80s: %+v, %v", frame, f, err)
		}
	}
	if _, err := messaging.ParseFrame([]byte(`{"Type":"message","Id":"a"}`)); !errors.Is(err, messaging.ErrUnknownType) {
		t.Errorf("another type: %v", err)
	}
	_, err := messaging.ParseFrame([]byte(`{"Type":"MESSAGE","Id":"a","Content":"canary","Attributes":{"canary":1}}`))
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("the error is %v", err)
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, frame := range slices.Concat(undecodable, []string{
		okFrame,
		`{"Type":"EVENT","Id":"a","EventName":"app:x","Attributes":null,"SendTime":"2022-10-14T20:08:11Z"}`,
		`{"Type":"ERROR","Id":"a","RequestId":"r","ErrorCode":429,"ErrorMessage":"rate limit exceeded"}`,
		`{"Type":"MESSAGE","Id":"a","Attributes":{"k":"v"},"Sender":{"UserId":"u","Attributes":{}},"SendTime":"2022-10-14T20:08:11.1Z"}`,
	}) {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		frame, err := messaging.ParseFrame(text)
		if err != nil {
			if len(err.Error()) > 80 {
				t.Fatalf("the error may quote the frame: %v", err)
			}
			return
		}
		// What was understood means the same once it is written again. Years
		// beyond four digits cannot be.
		again, err := messaging.ParseFrame(frame.Append(nil))
		if err != nil {
			t.Fatalf("%+v: %v", frame, err)
		}
		if diff := cmp.Diff(frame, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}
