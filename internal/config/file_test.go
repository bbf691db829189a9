package config_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/config"
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

func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "listen: ':1'\n", "regions: [a, b]\n", "listen: &a ':1'\nregion: *a\n", "a: {b: [c, {d: e}]}", "? [a]\n: b",
		"max-body: 1MiB\nmax-body: 2MiB\n", "---\n...\n---\n", "\ufefflisten: ':1'", "access-key-id: AKIDEXAMPLE\nsecret-access-key: 0123456789abcdef\n",
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
			if c.Explicit(s.Name) && s.Name != "secret-access-key" && s.Name != "access-key-id" {
				value, _ := json.Marshal(s.Value)
				fmt.Fprintf(&again, "%s: %s\n", s.Name, value)
			}
		}
		d, err := config.Load(nil, []string{"PARLEY_CONFIG=" + file(t, again.String())})
		if err != nil {
			t.Fatalf("%v\n%s", err, again.String())
		}
		for i, s := range d.Settings() {
			if strings.Contains(s.Name, "access-key") {
				continue
			}
			if s.Value != c.Settings()[i].Value {
				t.Errorf("%s: %q became %q", s.Name, c.Settings()[i].Value, s.Value)
			}
		}
	})
}
