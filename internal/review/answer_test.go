package review_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/review"
)

// spec: review-handler.md §3.
func TestAnswers(t *testing.T) {
	kept := map[string]string{"k": "v"}
	tests := []struct {
		name, answer string
		want         review.Verdict
	}{
		{"allow", allow, review.Verdict{Content: "hello", Attributes: kept}},
		{"changed", `{"ReviewResult":"ALLOW","Content":"bye"}`, review.Verdict{Content: "bye", Attributes: kept}},
		{"attributes null", `{"ReviewResult":"ALLOW","Content":"x","Attributes":null}`, review.Verdict{Content: "x", Attributes: kept}},
		{"attributes empty", `{"ReviewResult":"ALLOW","Content":"x","Attributes":{}}`, review.Verdict{Content: "x", Attributes: map[string]string{}}},
		{"attributes changed", `{"ReviewResult":"ALLOW","Content":"x","Attributes":{"a":"b"}}`, review.Verdict{Content: "x", Attributes: map[string]string{"a": "b"}}},
		{"other members", `{"ReviewResult":"ALLOW","Content":"x","content":7,"version":{"a":[1]}}`, review.Verdict{Content: "x", Attributes: kept}},
		{"at the limits", `{"ReviewResult":"ALLOW","Content":"` + strings.Repeat("é", 500) + `","Attributes":{"a":"` + strings.Repeat("x", 1023) + `"}}`,
			review.Verdict{Content: strings.Repeat("é", 500), Attributes: map[string]string{"a": strings.Repeat("x", 1023)}}},
		{"deny", `{"ReviewResult":"DENY","Content":"","Attributes":{"Reason":"spam"}}`, review.Verdict{Deny: true, Reason: "spam"}},
		{"deny without a reason", `{"ReviewResult":"DENY","Content":"hello"}`, review.Verdict{Deny: true}},
		{"deny without content", `{"ReviewResult":"DENY"}`, review.Verdict{Deny: true}},
		{"deny with long content", `{"ReviewResult":"DENY","Content":"` + strings.Repeat("x", 1000) + `"}`, review.Verdict{Deny: true}},
	}
	for _, test := range tests {
		for way, text := range map[string]func(*endpoint) string{"lambda": (*endpoint).lambda, "webhook": (*endpoint).webhook} {
			v := decide(t, reviewer(t, review.Options{}, text(serve(t, says(test.answer)))), review.Handler{URI: function}, message())
			if diff := cmp.Diff(test.want, v); diff != "" {
				t.Errorf("%s by %s: %s", test.name, way, diff)
			}
		}
	}
}

// Whatever an endpoint says, what comes of it could have been a message; and a
// lenient reader of JSON finds the same in it.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		allow, `{"ReviewResult":"DENY","Content":"","Attributes":{"Reason":"spam"}}`, `{"ReviewResult":"ALLOW","Content":"x","Attributes":null}`,
		`{"ReviewResult":"ALLOW","Content":"\ud83d","Attributes":{"":""}}`, `[]`, `{"Content":1}`, "\xff", `{"ReviewResult":"ALLOW","Content":"x"} `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		q := message()
		q.MaxContent = 10
		v, failure := review.Parse(body, &q)
		if failure != nil {
			if failure.Failure != review.Invalid {
				t.Errorf("%v", failure)
			}
			return
		}
		var loose struct {
			ReviewResult string
			Content      string
			Attributes   map[string]string
		}
		if err := json.Unmarshal(body, &loose); err != nil {
			t.Fatalf("a verdict of what is no JSON: %v", err)
		}
		if v.Deny {
			return
		}
		n := utf8.RuneCountInString(v.Content)
		if n < 1 || n > 10 || !utf8.ValidString(v.Content) {
			t.Errorf("content %q", v.Content)
		}
		size := 0
		for key, value := range v.Attributes {
			size += len(key) + len(value)
		}
		if size > 1024 {
			t.Errorf("%d bytes of attributes", size)
		}
	})
}
