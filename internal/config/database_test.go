package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/config"
)

func TestADatabaseIsShownWithoutItsPassword(t *testing.T) {
	for _, where := range []string{
		"postgres://parley:canary@db/parley?sslmode=disable",
		"postgresql://parley:can%61ry@a:1,b:2/parley",
		"postgres://parley@db/parley?password=canary&sslpassword=canary",
	} {
		c, err := config.Load(nil, []string{"PARLEY_STORE=" + where})
		if err != nil || string(c.Store) != where {
			t.Fatalf("%s: %v", where, err)
		}
		var shown bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			fmt.Fprintf(&shown, verb+verb, c.Store, *c)
		}
		encoded, err := json.Marshal([]any{c.Store, &c.Store, *c})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&shown, string(encoded), c.Settings())
		if text := shown.String(); strings.Contains(text, "canary") || strings.Contains(text, "can%61ry") || !strings.Contains(text, "//parley") {
			t.Errorf("%s is shown:\n%.200s", where, text)
		}
	}
	for _, where := range []string{"mysql://canary@db/parley", "/canary.db", "postgres://u:canary@[db/x", "host=db password=canary", "postgres:canary"} {
		_, err := config.Load(nil, []string{"PARLEY_STORE=" + where})
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "postgres://") {
			t.Errorf("%s: %v", where, err)
		}
	}
}
