package edge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/edge"
	"github.com/parleychat/parley/internal/edge/edgetest"
)

// Files are read when they change, not at every look: an operator is told of a
// broken pair once.
func TestAChangeIsToldOfOnce(t *testing.T) {
	authority, err := edgetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(serial int64) {
		t.Helper()
		if err := authority.Write(serial, cert, key); err != nil {
			t.Fatal(err)
		}
	}
	write(1)
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer // read while Watch sleeps
		c, err := edge.LoadCertificate(edge.Files{Cert: cert, Key: key}, slog.New(slog.NewTextHandler(&logs, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Watch(ctx)
		}()
		expect := func(what string, broken, reloaded int, serial int64) {
			t.Helper()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			text := logs.String()
			if got := strings.Count(text, "the old one stays"); got != broken {
				t.Errorf("%s: a broken pair is told of %d times, want %d:\n%s", what, got, broken, text)
			}
			if got := strings.Count(text, "certificate reloaded"); got != reloaded {
				t.Errorf("%s: %d reloads, want %d:\n%s", what, got, reloaded, text)
			}
			config, err := c.Config().GetConfigForClient(&tls.ClientHelloInfo{})
			if err != nil {
				t.Fatal(err)
			}
			if got := config.Certificates[0].Leaf.SerialNumber.Int64(); got != serial {
				t.Errorf("%s: certificate %d is served, want %d", what, got, serial)
			}
		}
		expect("no change", 0, 0, 1)
		if err := edgetest.Put(key, []byte("half a key")); err != nil {
			t.Fatal(err)
		}
		expect("a broken key", 1, 0, 1)
		write(2)
		expect("a new pair", 1, 1, 2)
		stop()
		<-done
	})
}
