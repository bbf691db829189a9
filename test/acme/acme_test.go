// Package acme proves `parley serve --acme-domain` against Pebble, the small ACME
// authority that Let's Encrypt wrote to test clients with. It has a module of its
// own, so that Parley's has none of it.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

const (
	first  = "chat.example.test"
	second = "chat.example.org"
)

func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parley")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/parley")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// authority is Pebble behind a server that answers once it is begun: it has to
// know the port to look at, which is known only when Parley listens.
type authority struct {
	*httptest.Server
	begun   chan struct{}
	handler http.Handler
	trusted string // file of who signed the server's own certificate
	roots   *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{begun: make(chan struct{})}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-a.begun:
			a.handler.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(a.Close)
	a.trusted = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw})
	if err := os.WriteFile(a.trusted, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) begin(t *testing.T, port int) {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	logger := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	profiles := map[string]ca.Profile{"default": {Description: "for tests", ValidityPeriod: 90 * 24 * 3600}}
	issuer := ca.New(logger, store, "", "ecdsa", 0, 1, profiles)
	validator := va.New(logger, 0, port, false, names(t), store)
	front := wfe.New(logger, store, validator, issuer, []string{"example.test"}, false, false, 1, 1)
	a.handler = front.Handler()
	a.roots = x509.NewCertPool()
	if !a.roots.AppendCertsFromPEM(issuer.GetRootCert(0).PEM()) {
		t.Fatal("the authority has no root")
	}
	close(a.begun)
}

// names is a DNS server for which every name is this machine.
func names(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg)
		answer.SetReply(q)
		for _, question := range q.Question {
			if question.Qtype == dns.TypeA {
				answer.Answer = append(answer.Answer, &dns.A{
					Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1),
				})
			}
		}
		w.WriteMsg(answer)
	})}
	served := make(chan error, 1)
	go func() { served <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		server.Shutdown()
		<-served
	})
	return l.Addr().String()
}

// parley is one that runs.
type parley struct {
	t    *testing.T
	addr string // where it listens
	api  string // what it tells of itself
	logs string // file
	stop func()
}

func serve(t *testing.T, binary, data string, a *authority) *parley {
	t.Helper()
	dir := t.TempDir()
	p := &parley{t: t, logs: filepath.Join(dir, "log")}
	ready := filepath.Join(dir, "ready.json")
	logs, err := os.Create(p.logs)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	output, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	cmd := exec.Command(binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--ready-file", ready,
		"--acme-domain", first, "--acme-domain", second, "--acme-email", "ops@example.test", "--acme-directory", a.URL+wfe.DirectoryPath)
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+a.trusted)
	cmd.Stdout, cmd.Stderr = output, logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stop = sync.OnceFunc(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("parley ended with %v\n%s", err, p.log())
		}
	})
	t.Cleanup(p.stop)
	p.until("it is ready", func() bool {
		text, err := os.ReadFile(output.Name())
		_, line, ok := strings.Cut(string(text), "parley ready https://")
		p.addr, _, _ = strings.Cut(line, "\n")
		return err == nil && ok && strings.HasSuffix(line, "\n")
	})
	text, err := os.ReadFile(ready)
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ API string }
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatal(err)
	}
	p.api = told.API
	return p
}

func (p *parley) log() string {
	text, err := os.ReadFile(p.logs)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func (p *parley) until(what string, met func() bool) {
	p.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-deadline:
			p.t.Fatalf("never: %s\n%s", what, p.log())
		case <-tick.C:
		}
	}
}

// shown is the certificate for a name, which the client verifies if it trusts somebody.
func (p *parley) shown(name string, roots *x509.CertPool) (*x509.Certificate, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	dialer := &tls.Dialer{Config: &tls.Config{ServerName: name, RootCAs: roots, InsecureSkipVerify: roots == nil, NextProtos: []string{"h2", "http/1.1"}}}
	c, err := dialer.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	state := c.(*tls.Conn).ConnectionState()
	if state.NegotiatedProtocol != "http/1.1" {
		p.t.Errorf("%s: speaks %q, want http/1.1", name, state.NegotiatedProtocol)
	}
	return state.PeerCertificates[0], nil
}

func (p *parley) port() int {
	p.t.Helper()
	u, err := url.Parse("https://" + p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		p.t.Fatal(err)
	}
	return port
}

func TestCertificatesComeFromTheAuthority(t *testing.T) {
	binary, data := build(t), filepath.Join(t.TempDir(), "data")
	a := newAuthority(t)
	p := serve(t, binary, data, a)
	if p.api != "https://"+first {
		t.Errorf("it tells of %s, want https://%s", p.api, first)
	}
	// Nobody waits for an authority that does not answer.
	if c, err := p.shown(first, nil); err == nil {
		t.Errorf("a certificate %v before the authority gave one", c.DNSNames)
	}

	a.begin(t, p.port())
	var serials []string
	for _, name := range []string{first, second} {
		p.until(name+" has a certificate that is trusted", func() bool {
			c, err := p.shown(name, a.roots)
			if err == nil {
				serials = append(serials, c.SerialNumber.String())
			}
			return err == nil
		})
	}
	if c, err := p.shown("", nil); err != nil || !slices.Contains(c.DNSNames, first) {
		t.Errorf("who names no domain gets %v, %v; want %s", c, err, first)
	}
	for _, name := range []string{"other.example.test", "localhost", strings.ToUpper("other.example.org")} {
		if c, err := p.shown(name, nil); err == nil {
			t.Errorf("%s has a certificate: %v", name, c.DNSNames)
		}
	}
	p.answers(a)
	private(t, filepath.Join(data, "acme"))
	p.stop()
	if !strings.Contains(p.log(), "TLS certificate obtained") {
		t.Errorf("the log says nothing of it:\n%s", p.log())
	}

	// What was given is kept, and served while nobody can be asked.
	a.Close()
	p = serve(t, binary, data, a)
	for i, name := range []string{first, second} {
		p.until(name+" has its certificate again", func() bool {
			c, err := p.shown(name, a.roots)
			return err == nil && c.SerialNumber.String() == serials[i]
		})
	}
	p.answers(a)
}

func (p *parley) answers(a *authority) {
	p.t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: a.roots, ServerName: first},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, p.addr)
		},
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(p.api + "/readyz")
	if err != nil {
		p.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		p.t.Errorf("readyz: %s", response.Status)
	}
}

// private checks that nobody else can read the keys.
func private(t *testing.T, dir string) {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("%s is %o, want 700", dir, got)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 3 { // an account and two certificates
		t.Errorf("%d files are kept", len(files))
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s is %o, want 600", f.Name(), got)
		}
	}
}
