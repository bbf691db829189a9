package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

const (
	// acmeRetry is no shorter than what autocert remembers a failure for.
	acmeRetry = 65 * time.Second
	acmeCheck = time.Hour
	// acmeLate is when a certificate should have been renewed long ago.
	acmeLate = 6 // of its life, this part is left
)

// ACMEOptions say whose certificates to get and from where.
type ACMEOptions struct {
	Domains   []string // at least one
	Email     string   // may be ""
	Directory string   // the authority's URL
	Cache     string   // directory of account key and certificates; made, for its owner alone
	Logger    *slog.Logger
}

// ACME has the certificates of its domains, once an authority has given them
// (RFC 8555; proven by TLS-ALPN-01, RFC 8737, on the port that is served).
type ACME struct {
	o       ACMEOptions
	manager *autocert.Manager

	mu    sync.Mutex // guards ready
	ready map[string]bool
}

// NewACME asks nobody yet. Watch it.
func NewACME(o ACMEOptions) (*ACME, error) {
	if err := os.MkdirAll(o.Cache, 0o700); err != nil {
		return nil, fmt.Errorf("directory of ACME certificates: %w", err)
	}
	if err := os.Chmod(o.Cache, 0o700); err != nil { // #nosec G302 -- a directory
		return nil, fmt.Errorf("directory of ACME certificates: %w", err)
	}
	return &ACME{o: o, ready: map[string]bool{}, manager: &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(o.Cache),
		HostPolicy: autocert.HostWhitelist(o.Domains...),
		Email:      o.Email,
		Client:     &acme.Client{DirectoryURL: o.Directory},
	}}, nil
}

// Watch gets the certificates, and says so if the renewal of one fails for long.
// It ends with the context, an order under way with the process: autocert, which
// renews by timers of its own, has no way to stop them.
func (a *ACME) Watch(ctx context.Context) {
	for {
		next := acmeCheck
		for _, domain := range a.o.Domains {
			got := make(chan error, 1)
			go func() { got <- a.obtain(domain) }()
			select {
			case <-ctx.Done():
				return
			case err := <-got:
				if err != nil {
					next = acmeRetry
					a.o.Logger.Error("no TLS certificate from the ACME authority; trying again", "domain", domain, "in", next, "error", err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}

func (a *ACME) obtain(domain string) error {
	c, err := a.manager.GetCertificate(asked(domain))
	if err != nil {
		return err
	}
	leaf := c.Leaf
	a.mu.Lock()
	first := !a.ready[domain]
	a.ready[domain] = true
	a.mu.Unlock()
	if first {
		a.o.Logger.Info("TLS certificate obtained", "domain", domain, "issuer", leaf.Issuer.String(), "expires", leaf.NotAfter)
	}
	if left := time.Until(leaf.NotAfter); left < leaf.NotAfter.Sub(leaf.NotBefore)/acmeLate {
		a.o.Logger.Error("the TLS certificate was not renewed in time", "domain", domain, "expires", leaf.NotAfter)
	}
	return nil
}

// asked is what a client says that takes ECDSA: one kind of certificate will do.
func asked(domain string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: domain, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
}

// Config is TLS with the certificates there are. A handshake never waits for
// the authority.
func (a *ACME) Config() *tls.Config {
	config := base()
	config.NextProtos = append(config.NextProtos, acme.ALPNProto)
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) { // the authority looks
			return a.manager.GetCertificate(hello)
		}
		domain := a.domain(hello.ServerName)
		a.mu.Lock()
		ready := a.ready[domain]
		a.mu.Unlock()
		if !ready {
			return nil, errors.New("no certificate for this name, or not yet")
		}
		return a.manager.GetCertificate(asked(domain))
	}
	return config
}

// domain is the first one for who names none, such as probes by address.
func (a *ACME) domain(name string) string {
	if name == "" {
		return a.o.Domains[0]
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
