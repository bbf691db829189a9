//go:build cluster

package natslog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/parleychat/parley/internal/edge/edgetest"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/natslog"
	"github.com/parleychat/parley/test/cluster"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// works tells whether a log that is opened so takes an entry.
func works(t *testing.T, o natslog.Options) error {
	t.Helper()
	o.Wait = 2 * time.Second
	l, err := natslog.Open(t.Context(), o)
	if err != nil {
		return err
	}
	defer l.Close()
	_, err = l.Append(t.Context(), where, message("x"), roomlog.Terms{})
	return err
}

func TestServersWithTLS(t *testing.T) {
	authority := must[*edgetest.Authority](t)(edgetest.NewAuthority())
	cert, key, err := authority.Issue(2)
	if err != nil {
		t.Fatal(err)
	}
	server := cluster.StartNATSWith(t, fmt.Sprintf("tls { cert_file: %q, key_file: %q }\nauthorization { user: parley, password: secret }",
		write(t, "cert.pem", cert), write(t, "key.pem", key)))
	trusted := write(t, "ca.pem", authority.PEM())
	at := "tls://parley:secret@" + server.Address
	if err := works(t, natslog.Options{URLs: []string{at}, CA: trusted}); err != nil {
		t.Errorf("with the authority and the password: %v", err)
	}
	for name, o := range map[string]natslog.Options{
		"without the authority": {URLs: []string{at}},
		"another password":      {URLs: []string{strings.Replace(at, "secret", "canary", 1)}, CA: trusted},
	} {
		if err := works(t, o); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServersWithCredentials(t *testing.T) {
	pair := must[nkeys.KeyPair](t)
	operator, system, account, user := pair(nkeys.CreateOperator()), pair(nkeys.CreateAccount()), pair(nkeys.CreateAccount()), pair(nkeys.CreateUser())
	id := func(k nkeys.KeyPair) string { return must[string](t)(k.PublicKey()) }
	operatorJWT := must[string](t)(jwt.NewOperatorClaims(id(operator)).Encode(operator))
	systemJWT := must[string](t)(jwt.NewAccountClaims(id(system)).Encode(operator))
	of := jwt.NewAccountClaims(id(account))
	of.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	accountJWT := must[string](t)(of.Encode(operator))
	userJWT := must[string](t)(jwt.NewUserClaims(id(user)).Encode(account))
	file := write(t, "parley.creds", must[[]byte](t)(jwt.FormatUserConfig(userJWT, must[[]byte](t)(user.Seed()))))
	server := cluster.StartNATSWith(t, fmt.Sprintf("operator: %q\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: { %s: %q, %s: %q }",
		write(t, "operator.jwt", []byte(operatorJWT)), id(system), id(system), systemJWT, id(account), accountJWT))
	if err := works(t, natslog.Options{URLs: []string{server.URL()}, Credentials: file}); err != nil {
		t.Errorf("with credentials: %v", err)
	}
	if err := works(t, natslog.Options{URLs: []string{server.URL()}}); err == nil {
		t.Error("a log was opened without credentials")
	}
}
