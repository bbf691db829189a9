package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/config"
)

func TestABrokerIsShownWithoutItsToken(t *testing.T) {
	where := "nats://canary@a:4222,nats://user:canary@b:4222,tls://c"
	c, err := config.Load(nil, []string{"PARLEY_ROOMLOG=" + where, "PARLEY_STORE=postgres://db/parley"})
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(c.Settings(), c.Roomlog); strings.Contains(text, "canary") || !strings.Contains(text, "user") || !strings.Contains(text, "tls://c") {
		t.Errorf("it is shown as %s", text)
	}
	for _, wrong := range []string{"http://canary", "canary:4222", "nats://", "nats://a/canary", "nats://a,", "nats://canary@["} {
		_, err := config.Load(nil, []string{"PARLEY_ROOMLOG=" + wrong, "PARLEY_STORE=postgres://db/parley"})
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "nats://") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	for _, alone := range []string{"ROOMLOG=nats://a", "ROOMLOG_REPLICAS=3", "ROOMLOG_STORAGE=memory"} {
		if _, err := config.Load(nil, []string{"PARLEY_" + alone}); err == nil || !strings.Contains(err.Error(), "roomlog") {
			t.Errorf("%s alone: %v", alone, err)
		}
	}
}

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
