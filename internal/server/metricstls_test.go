package server_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/parleychat/parley/internal/config"
)

func TestMetricsAreForWhoShowsACertificate(t *testing.T) {
	files, friends, strangers := newPair(t), newPair(t), newPair(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	put(t, ca, string(friends.PEM()))
	r := start(t, func(c *config.Config) {
		c.MetricsTLSCert, c.MetricsTLSKey, c.MetricsClientCA = files.cert, files.key, ca
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.server.ServeMetrics(l))
	scrape := func(certificates ...tls.Certificate) (int, error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: files.Pool(), Certificates: certificates}}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Get("https://" + l.Addr().String() + "/metrics")
		if err != nil {
			return 0, err
		}
		response.Body.Close()
		return response.StatusCode, nil
	}
	of := func(p pair) tls.Certificate {
		c, err := tls.LoadX509KeyPair(p.cert, p.key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	friend, stranger := of(friends), of(strangers)
	if status, err := scrape(friend); status != http.StatusOK {
		t.Errorf("a friend: %d, %v", status, err)
	}
	if status, err := scrape(); err == nil {
		t.Errorf("without a certificate: %d", status)
	}
	if status, err := scrape(stranger); err == nil {
		t.Errorf("a stranger: %d", status)
	}
	if response, err := http.Get("http://" + l.Addr().String() + "/metrics"); err == nil {
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			t.Error("metrics are served without TLS")
		}
	}
	// The authorities are read again too.
	put(t, ca, string(strangers.PEM()))
	r.until("the other authority counts", func() bool {
		status, err := scrape(stranger)
		return err == nil && status == http.StatusOK
	})
	if status, err := scrape(friend); err == nil {
		t.Errorf("a friend of old: %d", status)
	}
}
