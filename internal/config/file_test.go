package config_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/limit"
)

func TestFilesThatAreNoSettings(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"a list", "- listen\n", "parley.yaml:1: the file is not a list of settings"},
		{"text", "listen", "is not a list of settings"},
		{"not YAML", "listen: [", "parley.yaml: the file is not YAML"},
		{"tabs", "listen:\n\t- x", "parley.yaml"},
		{"two documents", "listen: ':1'\n---\nlisten: ':2'\n", "more than one document"},
		{"twice", "listen: ':1'\nregion: a\nlisten: ':2'\n", "listen"},
		{"no value", "listen:\n", "listen (set by parley.yaml:1): needs one value"},
		{"tilde", "listen: ~\n", "needs one value"},
		{"nested", "listen:\n  address: ':1'\n", "needs one value"},
		{"a list for one value", "listen: [':1']\n", "needs one value"},
		{"a mapping for a list", "regions: {a: b}\n", "needs a list of values"},
		{"nested list", "regions: [[us-west-2]]\n", "has an element that is not a single value"},
		{"null in a list", "regions: [us-west-2, ~]\n", "has an element that is not a single value"},
		{"comma in an element", "regions: ['us-west-2,eu-west-1']\n", "has an element that is not a single value"},
		{"alias", "region: &r us-west-2\nregions: *r\n", "needs a list of values"},
		{"merge key", "<<: {listen: ':1'}\n", "there is no setting"},
		{"tag", "listen: !!binary OjE=\n", "needs one value"},
		{"key is a list", "[listen]: ':1'\n", "there is no setting"},
		{"underscores", "max_body: 64KiB\n", "did you mean max-body?"},
		{"an unknown section", "reviews:\n  timeout: 1s\n", "there is no setting \"reviews\""},
		{"an unknown name in a section", "review:\n  timeuot: 1s\n", "parley.yaml:2: there is no setting \"timeuot\"; did you mean timeout?"},
		{"a section and its setting", "review:\n  timeout: 1s\nreview-timeout: 1s\n", "review-timeout (set by parley.yaml:3): is set twice"},
		{"a section without anything", "review:\n", "there is no setting"},
		{"a handler without an endpoint", "review-handlers:\n  arn:aws:lambda:*:\n", "has a line that is not a pattern and an endpoint"},
		{"a handler that is no ARN", "review-handlers: {words: 'builtin:links'}\n", "which is not of Lambda ARNs"},
		{"a list of handlers", "review-handlers: [a]\n", "needs lines of names and values"},
		{"destinations as a mapping", "chatlog: {destinations: {kind: s3}}\n", "chatlog-destinations (set by parley.yaml:1): needs a list whose elements"},
		{"a destination that is text", "chatlog-destinations: [kind=s3]\n", "has an element that is not lines of names and values"},
		{"a destination in parts", "chatlog-destinations: [{kind: [s3]}]\n", "has an element that is not lines of names and values"},
		{"an unknown part of a destination", "chatlog-destinations: [{kind: s3, endpont: aws}]\n", "there is no \"endpont\"; did you mean endpoint?"},
		{"a destination without a kind", "chatlog-destinations: [{endpoint: aws}]\n", "is not one of s3, cloudwatch-logs, firehose"},
		{"a destination to nowhere", "chatlog-destinations: [{kind: s3}]\n", "it needs endpoint (aws or a URL) or directory"},
		{"a destination to two places", "chatlog-destinations: [{kind: s3, directory: d, endpoint: aws}]\n", "beside directory"},
		{"half of the credentials", "chatlog-destinations: [{kind: s3, endpoint: aws, access-key-id-env: ID}]\n", "need each other"},
		{"two credentials", "chatlog-destinations: [{kind: s3, endpoint: aws, access-key-id-env: ID, secret-access-key-env: S, profile: p}]\n", "both profile"},
		{"a secret for a variable's name", "chatlog-destinations: [{kind: s3, endpoint: aws, access-key-id-env: ID, secret-access-key-env: wJalrXUtnFEMI}]\n", "is not the name of an environment variable"},
		{"a variable of settings", "chatlog-destinations: [{kind: s3, endpoint: aws, access-key-id-env: PARLEY_ID, secret-access-key-env: S}]\n", "as only settings do"},
		{"the ACL of a log group", "chatlog-destinations: [{kind: cloudwatch-logs, endpoint: aws, acl: none}]\n", "are of s3 alone"},
		{"an endpoint that is none", "chatlog-destinations: [{kind: s3, endpoint: 'http://u:p@host'}]\n", "is not aws or a URL"},
		{"an unknown limit", "quotas-for: [{roms: 1}]\n", "quotas-for (set by parley.yaml:1): \"roms=1\" has at place 1 a rule that is wrong: there is no \"roms\"; did you mean rooms?"},
		{"an unknown operation", "quotas-for: [{rooms: 1}, {api: {CreateRom: 1}}]\n", "has at place 2 a rule that is wrong: there is no \"api.CreateRom\"; did you mean api.CreateRoom?"},
		{"an unknown profile", "quotas-for: [{profile: all}]\n", "profile: \"all\" is not one of default, aws, none"},
		{"a limit below nothing", "quotas-for: [{rooms: -1}]\n", "rooms: \"-1\" is out of range; allowed are 0 to 1000000000"},
		{"a limit that is no number", "quotas-for: [{rooms: many}]\n", "rooms: \"many\" is not a whole number"},
		{"an account that is none", "quotas-for: [{account: ana, rooms: 1}]\n", "account: \"ana\" is not a pattern of account ids"},
		{"a region that is none", "quotas-for: [{region: US, rooms: 1}]\n", "region: \"US\" is not a pattern of region names"},
		{"a rule without limits", "quotas-for: [{account: '*'}]\n", "it says neither a profile nor a limit"},
		{"a limit twice", "quotas-for: 'rooms=1,rooms=2'\n", "rooms is there twice"},
		{"limits of limits", "quotas-for: [{api: {CreateRoom: {a: 1}}}]\n", "has an element that is not lines of names and values"},
		{"a part twice", "chatlog-destinations: 'kind=s3,kind=s3'\n", "kind is there twice"},
		{"the file itself", "config: other.yaml\n", "there is no setting"},
	}
	for _, test := range tests {
		_, err := config.Load(nil, []string{"PARLEY_CONFIG=" + file(t, test.content)})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v\nwant …%s…", test.name, err, test.want)
		}
	}
	for _, content := range []string{"", "\n", "# nothing\n", "---\n", "{}", "\ufeff"} {
		if _, err := config.Load(nil, []string{"PARLEY_CONFIG=" + file(t, content)}); err != nil {
			t.Errorf("a file of %q: %v", content, err)
		}
	}
	huge := file(t, "#"+strings.Repeat("x", 2<<20))
	if _, err := config.Load(nil, []string{"PARLEY_CONFIG=" + huge}); err == nil || !strings.Contains(err.Error(), "over 1MiB") {
		t.Errorf("a huge file: %v", err)
	}
}

// spec: review-handler.md §5: the map keeps its order, as the first match wins.
func TestHandlersInTheFile(t *testing.T) {
	const content = `
review:
  timeout: 1s
  handlers:
    arn:aws:lambda:*:*:function:z: builtin:links
    arn:aws:lambda:*:*:function:a*:
      - builtin:wordlist?file=/etc/words.txt&reason=Mind%20your%20language
      - https://hooks.example.com/review?room=a,b
    arn:aws:lambda:*: lambda+http://127.0.0.1:9001
`
	want := []config.Route{
		{Pattern: "arn:aws:lambda:*:*:function:z", Endpoints: []string{"builtin:links"}},
		{Pattern: "arn:aws:lambda:*:*:function:a*", Endpoints: []string{
			"builtin:wordlist?file=/etc/words.txt&reason=Mind%20your%20language", "https://hooks.example.com/review?room=a,b"}},
		{Pattern: "arn:aws:lambda:*", Endpoints: []string{"lambda+http://127.0.0.1:9001"}},
	}
	fromFile, err := config.Load(nil, []string{"PARLEY_CONFIG=" + file(t, content)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, fromFile.ReviewHandlers); diff != "" || fromFile.ReviewTimeout != time.Second {
		t.Errorf("file: %s\n%v", diff, fromFile.ReviewTimeout)
	}
	var args []string
	for _, r := range want {
		args = append(args, "--review-handlers", r.Pattern+"="+strings.Join(r.Endpoints, "|"))
	}
	fromFlags, err := config.Load(flags(t, args...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, fromFlags.ReviewHandlers); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []string{"arn:aws:lambda:*", "arn:aws:lambda:*=", "arn:aws:lambda:*=a||b", "=a", "arn:aws:lambda:*=a arn:aws:lambda:*=b"} {
		if _, err := config.Load(flags(t, "--review-handlers", wrong), nil); err == nil {
			t.Errorf("%q was accepted", wrong)
		}
	}
}

// The list keeps its order, as the first match wins.
func TestDestinationsInTheFile(t *testing.T) {
	const content = `
chatlog:
  dir: /var/lib/parley/chatlogs
  object-interval: 1s
  destinations:
    - kind: s3
      account: 123456789012
      name: chat-*
      endpoint: http://127.0.0.1:9000
      region: eu-west-1
      access-key-id-env: STORE_KEY_ID
      secret-access-key-env: STORE_SECRET
      path-style: yes
      acl: none
    - {kind: cloudwatch-logs, name: /aws/*, endpoint: aws, profile: logs}
    - {kind: firehose, directory: streams}
`
	want := []config.Destination{
		{Kind: "s3", Account: "123456789012", Name: "chat-*", Endpoint: "http://127.0.0.1:9000", Region: "eu-west-1",
			AccessKeyIDEnv: "STORE_KEY_ID", SecretAccessKeyEnv: "STORE_SECRET", PathStyle: true, ACL: "none"},
		{Kind: "cloudwatch-logs", Name: "/aws/*", Endpoint: "aws", Profile: "logs"},
		{Kind: "firehose", Directory: "streams"},
	}
	c, err := config.Load(nil, []string{"PARLEY_CONFIG=" + file(t, content)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.ChatlogDestinations); diff != "" || c.ChatlogObjectInterval != time.Second {
		t.Errorf("file: %s\n%v", diff, c.ChatlogObjectInterval)
	}
	var args []string
	for _, d := range want {
		args = append(args, "--chatlog-destinations", d.String())
	}
	if c, err = config.Load(flags(t, args...), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.ChatlogDestinations); diff != "" {
		t.Error(diff)
	}
}

// Limits of operations stand under api, and the order of the rules counts.
func TestQuotasInTheFile(t *testing.T) {
	const content = `
quotas: aws
quotas-for:
  - {account: 123456789012, region: us-west-2, profile: none, rooms: 100, send-message: 500, api: {CreateRoom: 50, GetRoom: 0}}
  - region: eu-*
    connections: 2000
  - {account: "*", profile: default}
`
	want := []limit.Rule{
		{Account: "123456789012", Region: "us-west-2", Profile: "none",
			Limits: map[string]int{"rooms": 100, "send-message": 500, "api.CreateRoom": 50, "api.GetRoom": 0}},
		{Region: "eu-*", Limits: map[string]int{"connections": 2000}},
		{Account: "*", Profile: "default"},
	}
	c, err := config.Load(nil, []string{"PARLEY_CONFIG=" + file(t, content)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.QuotasFor); diff != "" {
		t.Errorf("file: %s", diff)
	}
	c, err = config.Load(flags(t, "--quotas-for", "account=123456789012,region=us-west-2,profile=none,rooms=100,send-message=500,api.CreateRoom=50,api.GetRoom=0",
		"--quotas-for=region=eu-*,connections=2000", "--quotas-for", "account=*,profile=default"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.QuotasFor); diff != "" {
		t.Errorf("flags: %s", diff)
	}
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "listen: ':1'\n", "regions: [a, b]\n", "listen: &a ':1'\nregion: *a\n", "a: {b: [c, {d: e}]}", "? [a]\n: b",
		"max-body: 1MiB\nmax-body: 2MiB\n", "---\n...\n---\n", "\ufefflisten: ':1'", "access-key-id: AKIDEXAMPLE\nsecret-access-key: 0123456789abcdef\n",
		"review:\n  handlers:\n    arn:aws:lambda:*: [a, b]\n  timeout: 1s\n", "review: {handlers: 'arn:aws:lambda:*=a|b'}\n", "review-handlers: {arn:aws:lambda:*: a}\n",
		"chatlog:\n  destinations:\n  - kind: s3\n    endpoint: http://127.0.0.1:9000\n    path-style: true\n  - {kind: firehose, directory: d}\n",
		"chatlog-destinations: 'kind=s3,endpoint=aws kind=s3,directory=d'\n", "chatlog-destinations: [{kind: s3, directory: 'a=b', name: '*'}]\n",
		"quotas-for:\n- {account: 123456789012, api: {CreateRoom: 1}}\n- {profile: none}\n", "quotas-for: [{api: {a: {b: 1}}}]\n", "quotas-for: 'region=*,rooms=1'\n",
		"token-validity: !!str 5m\n", "trusted-proxies:\n- 10.0.0.0/8\n- ::1\n", "<<: [*x]\n", "account-id: 000000000000\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		c, err := config.Load(nil, []string{"PARLEY_CONFIG=" + file(t, content)})
		if err != nil {
			if c != nil {
				t.Error("settings as well as an error")
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("what was loaded is refused: %v", err)
		}
		// What is printed, written to a file, is the same again.
		var again strings.Builder
		for _, s := range c.Settings() {
			if c.Explicit(s.Name) && !strings.Contains(s.Name, "secret") && !strings.Contains(s.Name, "access-key") {
				value, _ := json.Marshal(s.Value)
				fmt.Fprintf(&again, "%s: %s\n", s.Name, value)
			}
		}
		d, err := config.Load(nil, []string{"PARLEY_CONFIG=" + file(t, again.String())})
		if err != nil {
			t.Fatalf("%v\n%s", err, again.String())
		}
		for i, s := range d.Settings() {
			if strings.Contains(s.Name, "access-key") || strings.Contains(s.Name, "secret") {
				continue
			}
			if s.Value != c.Settings()[i].Value {
				t.Errorf("%s: %q became %q", s.Name, c.Settings()[i].Value, s.Value)
			}
		}
	})
}
