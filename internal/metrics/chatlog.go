package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parleychat/parley/internal/chatlog"
)

// chatlogs is what chat logs are counted by (spec: monitoring.md).
type chatlogs struct {
	shipped  *prometheus.CounterVec
	errors   *prometheus.CounterVec
	refused  *prometheus.CounterVec
	orphaned *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	waiting  *prometheus.GaugeVec
	lag      *prometheus.GaugeVec
	full     prometheus.Counter
}

func newChatlogs(registry *prometheus.Registry) chatlogs {
	const lc = "logging_configuration"
	c := chatlogs{
		shipped:  counters("chatlog_shipped_total", "Chat log records that destinations took.", lc),
		errors:   counters("chatlog_destination_errors_total", "Batches of chat log records that a destination did not take, by why; they are put again.", lc, "cause"),
		refused:  counters("chatlog_dead_letters_total", "Chat log records that a destination refused for good.", lc),
		orphaned: counters("chatlog_orphaned_total", "Chat log records whose logging configuration was deleted before they were shipped.", lc),
		dropped:  counters("chatlog_dropped_total", "Chat log records that were dropped as the outbox was full.", lc),
		waiting:  gauges("chatlog_waiting", "Chat log records in the outbox.", lc),
		lag:      gauges("chatlog_lag_seconds", "How long the oldest chat log record has waited in the outbox.", lc),
		full: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "chatlog_outbox_full_total", Help: "Groups of entries of logged rooms that were refused as the outbox was full.",
		}),
	}
	registry.MustRegister(c.shipped, c.errors, c.refused, c.orphaned, c.dropped, c.waiting, c.lag, c.full)
	return c
}

// LogsShipped implements chatlog.Observer.
func (m *Metrics) LogsShipped(loggingConfiguration string, n int) {
	m.chatlogs.shipped.WithLabelValues(loggingConfiguration).Add(float64(n))
}

// LogsFailed implements chatlog.Observer.
func (m *Metrics) LogsFailed(loggingConfiguration string, err error) {
	cause := "other"
	switch {
	case errors.Is(err, chatlog.ErrAccessDenied):
		cause = "access_denied"
	case errors.Is(err, chatlog.ErrNotFound):
		cause = "not_found"
	}
	m.chatlogs.errors.WithLabelValues(loggingConfiguration, cause).Inc()
}

// LogsRefused implements chatlog.Observer.
func (m *Metrics) LogsRefused(loggingConfiguration string) {
	m.chatlogs.refused.WithLabelValues(loggingConfiguration).Inc()
}

// LogsOrphaned implements chatlog.Observer.
func (m *Metrics) LogsOrphaned(loggingConfiguration string, n int) {
	m.chatlogs.orphaned.WithLabelValues(loggingConfiguration).Add(float64(n))
}

// LogsDropped counts records that were dropped as the outbox was full.
func (m *Metrics) LogsDropped(loggingConfiguration string, n int) {
	m.chatlogs.dropped.WithLabelValues(loggingConfiguration).Add(float64(n))
}

// LogsWaiting implements chatlog.Observer.
func (m *Metrics) LogsWaiting(loggingConfiguration string, n int, oldest time.Duration) {
	m.chatlogs.waiting.WithLabelValues(loggingConfiguration).Set(float64(n))
	m.chatlogs.lag.WithLabelValues(loggingConfiguration).Set(oldest.Seconds())
}

// OutboxFull counts entries that were refused as the outbox was full.
func (m *Metrics) OutboxFull() { m.chatlogs.full.Inc() }
