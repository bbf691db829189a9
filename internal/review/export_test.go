package review

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// Trust makes the reviewer take certificates of the pool.
func Trust(r *Reviewer, pool *x509.CertPool) {
	r.client.Transport.(bounded).next.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
}

// Parse is parse for tests.
var Parse = parse

// Normal is normal for tests.
var Normal = normal
