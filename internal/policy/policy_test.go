package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/policy"
)

// resources are what the cases write in capitals.
var resources = strings.NewReplacer(
	"ROOMS", "arn:aws:ivschat:us-west-2:123456789012:room/*",
	"ROOM", "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh",
	"LOGGINGS", "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/*",
	"LOGGING", "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/ABCDabcdEFGH",
)

// request reads ACTION RESOURCE KEY=VALUE...
func request(text string) policy.Request {
	fields := strings.Fields(text)
	values := map[string][]string{}
	for _, pair := range fields[2:] {
		key, value, _ := strings.Cut(pair, "=")
		key = strings.ToLower(key)
		values[key] = append(values[key], value)
	}
	return policy.Request{
		Action: fields[0], Resource: resources.Replace(fields[1]),
		Values: func(key string) []string { return values[key] },
	}
}

func lines(t testing.TB, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n")
}

func parse(t testing.TB, text string) *policy.Document {
	t.Helper()
	d, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// Each case is a request to the policy above it, and what becomes of it.
func TestCases(t *testing.T) {
	cases := 0
	for _, name := range []string{"elements.txt", "conditions.txt"} {
		var d *policy.Document
		for i, line := range lines(t, name) {
			switch {
			case line == "" || line[0] == '#':
			case line[0] == '{':
				d = parse(t, line)
			default:
				cases++
				text, want, ok := strings.Cut(line, " -> ")
				if !ok {
					t.Fatalf("%s:%d: no case: %s", name, i+1, line)
				}
				r := request(text)
				got := policy.Evaluate([]*policy.Document{d}, r)
				if got.Effect.String() != want {
					t.Errorf("%s:%d: %s: %v", name, i+1, text, got.Effect)
				}
				explained(t, fmt.Sprintf("%s:%d", name, i+1), []*policy.Document{d}, r, got)
			}
		}
	}
	if cases < 150 {
		t.Errorf("%d cases", cases)
	}
}

// explained holds an explanation to the decision.
func explained(t *testing.T, where string, documents []*policy.Document, r policy.Request, d policy.Decision) {
	t.Helper()
	allows, denies := false, false
	for _, s := range policy.Explain(documents, r) {
		allows = allows || s.Against == "" && !s.Deny
		denies = denies || s.Against == "" && s.Deny
		if s.Document == d.Document && s.Statement == d.Statement && d.Effect != policy.ImplicitDeny && (s.Against != "" || s.Sid != d.Sid) {
			t.Errorf("%s: the statement that decided is said not to be about it: %+v", where, s)
		}
	}
	if want := denies || !allows; want == (d.Effect == policy.Allow) {
		t.Errorf("%s: %v, but by the explanation allowed %v, denied %v", where, d.Effect, allows, denies)
	}
}

func TestMistakesAreToldByTheirPlace(t *testing.T) {
	for i, line := range lines(t, "mistakes.txt") {
		text, want, ok := strings.Cut(line, " -> ")
		if !ok {
			t.Fatalf("line %d is no case", i+1)
		}
		_, err := policy.Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestDocumentsAreBounded(t *testing.T) {
	long := func(n int) string {
		text := `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Sid":"%s"}}`
		return fmt.Sprintf(text, strings.Repeat("x", n-len(text)+2))
	}
	if _, err := policy.Parse([]byte(strings.ReplaceAll(long(policy.MaxSize), ",", ",\n\t   "))); err != nil {
		t.Errorf("the longest: %v", err)
	}
	if _, err := policy.Parse([]byte(long(policy.MaxSize + 1))); err == nil || !strings.Contains(err.Error(), "6144 are allowed") {
		t.Errorf("one more: %v", err)
	}
	if _, err := policy.Parse([]byte(strings.Repeat("[", 6000))); err == nil {
		t.Error("deep lists are taken")
	}
}

func TestSeveralDocuments(t *testing.T) {
	all := parse(t, `{"Statement":{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}}`)
	keep := parse(t, `{"Statement":[{"Effect":"Allow","Action":"ivschat:List*","Resource":"*"},{"Sid":"Keep","Effect":"Deny","Action":"ivschat:DeleteRoom","Resource":"*"}]}`)
	for _, test := range []struct {
		documents []*policy.Document
		action    string
		want      policy.Decision
	}{
		{nil, "GetRoom", policy.Decision{}},
		{[]*policy.Document{all, keep}, "GetRoom", policy.Decision{Effect: policy.Allow, Sid: "All"}},
		{[]*policy.Document{all, keep}, "DeleteRoom", policy.Decision{Effect: policy.ExplicitDeny, Document: 1, Statement: 1, Sid: "Keep"}},
		{[]*policy.Document{keep, all}, "DeleteRoom", policy.Decision{Effect: policy.ExplicitDeny, Statement: 1, Sid: "Keep"}},
		{[]*policy.Document{keep}, "GetRoom", policy.Decision{}},
	} {
		if got := policy.Evaluate(test.documents, request("ivschat:"+test.action+" ROOM")); got != test.want {
			t.Errorf("%s by %d documents: %+v, want %+v", test.action, len(test.documents), got, test.want)
		}
	}
}

// Values may be expensive: nobody asks for what no statement needs.
func TestKeysAreAskedForOnlyIfNeeded(t *testing.T) {
	d := parse(t, `{"Statement":[{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"*"},{"Effect":"Deny","Action":"ivschat:DeleteRoom","Resource":"*","Condition":{"Null":{"aws:ResourceTag/a":"true"}}}]}`)
	r := request("ivschat:GetRoom ROOM")
	r.Values = func(key string) []string {
		t.Errorf("asked for %s", key)
		return nil
	}
	if got := policy.Evaluate([]*policy.Document{d}, r).Effect; got != policy.Allow {
		t.Error(got)
	}
}

func FuzzPolicy(f *testing.F) {
	for _, name := range []string{"elements.txt", "conditions.txt", "mistakes.txt"} {
		for _, line := range lines(f, name) {
			if strings.HasPrefix(line, "{") {
				text, _, _ := strings.Cut(line, " -> ")
				f.Add(text, "ivschat:GetRoom", "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh", "red")
			}
		}
	}
	deny := parse(f, `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
	allow := parse(f, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	f.Fuzz(func(t *testing.T, text, action, resource, value string) {
		d, err := policy.Parse([]byte(text))
		if err != nil {
			return
		}
		r := policy.Request{Action: action, Resource: resource, Values: func(key string) []string {
			switch {
			case strings.HasSuffix(key, "s"):
				return []string{value, "x"}
			case strings.HasSuffix(key, "e"):
				return nil
			}
			return []string{value}
		}}
		alone := policy.Evaluate([]*policy.Document{d}, r)
		explained(t, "", []*policy.Document{d}, r, alone)
		if got := policy.Evaluate([]*policy.Document{d, deny}, r).Effect; got != policy.ExplicitDeny {
			t.Fatalf("with everything denied: %v", got)
		}
		if got := policy.Evaluate([]*policy.Document{allow, d}, r).Effect; (got == policy.ExplicitDeny) != (alone.Effect == policy.ExplicitDeny) || got == policy.ImplicitDeny {
			t.Fatalf("alone %v, with everything allowed %v", alone.Effect, got)
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	documents := []*policy.Document{parse(b, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Action":"ivschat:Delete*","Resource":"*"},
		{"Effect":"Allow","Action":["ivschat:CreateChatToken","ivschat:GetRoom"],"Resource":"arn:aws:ivschat:*:123456789012:room/*",
		 "Condition":{"StringEquals":{"aws:ResourceTag/team":"red"},"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}]}`)}
	r := request("ivschat:CreateChatToken ROOM aws:ResourceTag/team=red aws:SourceIp=203.0.113.9")
	b.ReportAllocs()
	for b.Loop() {
		if policy.Evaluate(documents, r).Effect != policy.Allow {
			b.Fatal("denied")
		}
	}
}
