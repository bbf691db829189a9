// Package edge is what a connection passes before its first request: TLS, with
// certificates that are reloaded when their files change or that a certificate
// authority gives, and the PROXY protocol. It assumes nothing of what is served
// behind it.
package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// reloadEvery is how often files are looked at.
const reloadEvery = time.Second

// Files are PEM files to serve TLS with.
type Files struct {
	Cert string // the certificate, its chain after it
	Key  string
	// ClientCA are the authorities of clients, who then must show a certificate
	// of one of them; "" asks clients for none.
	ClientCA string
}

// stamp tells one content of a file from the next. The number of the file is
// the file system's: one that is renamed into place may have any age.
type stamp struct {
	info     os.FileInfo
	modified time.Time
	size     int64
}

func (s stamp) same(o stamp) bool {
	if s.info == nil || o.info == nil {
		return s.info == nil && o.info == nil
	}
	return s.modified.Equal(o.modified) && s.size == o.size && os.SameFile(s.info, o.info)
}

// Certificate is files, and what they last held that was whole.
type Certificate struct {
	files   Files
	logger  *slog.Logger
	current atomic.Pointer[tls.Config]
	seen    [3]stamp // of the files when they were last read; Watch's alone once it runs
}

// LoadCertificate reads the files. Watch it.
func LoadCertificate(files Files, logger *slog.Logger) (*Certificate, error) {
	c := &Certificate{files: files, logger: logger}
	c.seen = c.stamps() // before the read: a change during it is seen by Watch
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Certificate) read() error {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("TLS certificate %s with key %s: %w", c.files.Cert, c.files.Key, err)
	}
	config := base()
	config.Certificates = []tls.Certificate{pair}
	if c.files.ClientCA != "" {
		if config.ClientCAs, err = readCAs(c.files.ClientCA); err != nil {
			return fmt.Errorf("client CA %s: %w", c.files.ClientCA, err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	c.current.Store(config)
	return nil
}

func readCAs(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("no PEM certificate in it")
	}
	return pool, nil
}

// stamps is zero for a file that is not there.
func (c *Certificate) stamps() (now [3]stamp) {
	for i, name := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		if info, err := os.Stat(name); err == nil {
			now[i] = stamp{info, info.ModTime(), info.Size()}
		}
	}
	return now
}

// Watch reads the files again after they changed, until the context ends. What
// does not fit together leaves the old in use: it may be half written, and the
// next file's change brings the next try.
func (c *Certificate) Watch(ctx context.Context) {
	ticker := time.NewTicker(reloadEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := c.stamps()
		if now[0].same(c.seen[0]) && now[1].same(c.seen[1]) && now[2].same(c.seen[2]) {
			continue
		}
		c.seen = now
		if err := c.read(); err != nil {
			c.logger.Error("the new TLS certificate is not used; the old one stays", "error", err)
			continue
		}
		leaf := c.current.Load().Certificates[0].Leaf
		c.logger.Info("TLS certificate reloaded", "file", c.files.Cert, "expires", leaf.NotAfter)
	}
}

// Config is TLS with what the files last held.
func (c *Certificate) Config() *tls.Config {
	config := base()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil }
	return config
}

// base is TLS as the server speaks it: HTTP/1.1 alone, since WebSocket over
// HTTP/2 (RFC 8441) is not offered, and a browser that has an HTTP/2 connection
// for the API would have to be told so.
func base() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}
