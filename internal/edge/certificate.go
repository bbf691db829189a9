// Package edge is what a connection passes before its first request: TLS, with
// a certificate that is reloaded when its files change, and the PROXY protocol.
// It assumes nothing of what is served behind it.
package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Certificate is a pair of PEM files, and what they last held that was whole.
type Certificate struct {
	certFile, keyFile string
	logger            *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	seen              [2]stamp // of the files when they were last read; Watch's alone once it runs
}

// stamp tells one content of a file from the next.
type stamp struct {
	modified time.Time
	size     int64
}

// LoadCertificate reads the pair. Watch it.
func LoadCertificate(certFile, keyFile string, logger *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, logger: logger}
	c.seen = c.stamps() // before the read: a change during it is seen by Watch
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Certificate) read() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("TLS certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	return nil
}

// stamps is zero for a file that is not there.
func (c *Certificate) stamps() (now [2]stamp) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			now[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return now
}

// Watch reads the pair again after its files changed, until the context ends.
// A pair that does not fit keeps the one before: it may be half written, and
// the second file's change brings the next try.
func (c *Certificate) Watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := c.stamps()
		if now == c.seen {
			continue
		}
		c.seen = now
		if err := c.read(); err != nil {
			c.logger.Error("the new TLS certificate is not used; the old one stays", "error", err)
			continue
		}
		c.logger.Info("TLS certificate reloaded", "file", c.certFile, "expires", c.current.Load().Leaf.NotAfter)
	}
}

// Config is TLS as the server speaks it: HTTP/1.1 alone, since WebSocket over
// HTTP/2 (RFC 8441) is not offered and browsers would have to be told so.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
