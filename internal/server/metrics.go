package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// ServeMetrics serves GET /metrics, and nothing else, on a listener of its own:
// who may reach the service need not see them. It returns what ends it, which
// waits until it has ended and may be called again. Metrics are served until
// then, through a drain too.
func (s *Server) ServeMetrics(l net.Listener) (end func()) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.Handler())
	web := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	var done sync.WaitGroup
	watching, stop := context.WithCancel(context.Background())
	if s.metricsTLS != nil {
		done.Go(func() { s.metricsTLS.Watch(watching) })
		l = tls.NewListener(l, s.metricsTLS.Config())
	}
	done.Go(func() {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("metrics are not served any more", "error", err)
		}
	})
	return func() {
		stop()
		web.Close()
		done.Wait()
	}
}
