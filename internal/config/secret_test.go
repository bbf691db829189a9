package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/config"
)

func TestSecretsAreNoFlags(t *testing.T) {
	set := flags(t)
	for _, name := range []string{"access-key-id", "secret-access-key", "review-lambda-access-key-id", "review-lambda-secret-access-key", "review-webhook-secret", "notice-webhook-secret", "master-key"} {
		if set.Lookup(name) != nil {
			t.Errorf("--%s exists", name)
		}
	}
	const secret = "canary-canary-canary"
	env := []string{"PARLEY_ACCESS_KEY_ID=AKIDEXAMPLE", "PARLEY_SECRET_ACCESS_KEY=" + secret}
	path := file(t, "access-key-id: AKIDEXAMPLE\nsecret-access-key: "+secret+"\n")
	for _, environ := range [][]string{env, {"PARLEY_CONFIG=" + path}} {
		c, err := config.Load(set, environ)
		if err != nil || string(c.SecretAccessKey) != secret || c.AccessKeyID != "AKIDEXAMPLE" {
			t.Errorf("%v, %v", c, err)
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	const canary = "canary-canary-canary"
	c, err := config.Load(nil, []string{"PARLEY_ACCESS_KEY_ID=AKIDEXAMPLE", "PARLEY_SECRET_ACCESS_KEY=" + canary})
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.5s"} {
		fmt.Fprintf(&shown, verb+"\n", c.SecretAccessKey)
		fmt.Fprintf(&shown, verb+"\n", *c)
		fmt.Fprintf(&shown, verb+"\n", []any{&c.SecretAccessKey, c})
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(handler).Info("x", "secret", c.SecretAccessKey, "config", c, "value", *c)
	}
	for _, value := range []any{c, c.SecretAccessKey, map[string]config.Secret{"key": c.SecretAccessKey}} {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(encoded)
	}
	fmt.Fprintln(&shown, c.Settings(), c.SecretAccessKey.String())
	for _, bad := range []string{"canary", "canary canary canary", strings.Repeat("canary", 30)} {
		_, err := config.Load(nil, []string{"PARLEY_ACCESS_KEY_ID=AKIDEXAMPLE", "PARLEY_SECRET_ACCESS_KEY=" + bad})
		if err == nil || !strings.Contains(err.Error(), "16 to 128") {
			t.Errorf("a secret of %q: %v", bad, err)
		}
		fmt.Fprintln(&shown, err)
	}
	for _, bad := range []string{"canary", "[canary]", "{a: canary}", "!!canary x", "*canary", "\"canary\n: ["} {
		_, err := config.Load(nil, []string{"PARLEY_CONFIG=" + file(t, "secret-access-key: "+bad)})
		if err == nil {
			t.Errorf("a file with secret %q is accepted", bad)
		}
		fmt.Fprintln(&shown, err)
	}
	for _, bad := range []string{
		"access-key-id-env=canary", "access-key-id-env=ID,secret-access-key-env=canary-canary", "secret-access-key-env=canary canary",
	} {
		_, err := config.Load(nil, []string{"PARLEY_CHATLOG_DESTINATIONS=kind=s3,endpoint=aws," + bad})
		if err == nil {
			t.Errorf("a destination of %q is accepted", bad)
		}
		fmt.Fprintln(&shown, err)
	}
	for _, form := range []string{"canary", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%X", "canary")} {
		if at := bytes.Index(shown.Bytes(), []byte(form)); at >= 0 {
			t.Errorf("the secret shows: …%s", shown.Bytes()[max(0, at-80):at+20])
		}
	}
	if !strings.Contains(shown.String(), "[redacted]") {
		t.Error("nothing tells that there is a secret")
	}
}
