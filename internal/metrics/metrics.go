// Package metrics counts what a server does and shows it to Prometheus. The
// names and what is counted follow the metrics of IVS Chat where it has one
// (spec: monitoring.md §4). It alone knows Prometheus: the parts that count are
// given functions and small interfaces.
//
// No label holds what a user wrote: user ids, content and tokens never get here.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/ivschat/messaging"
)

// ActionSendEvent is what SendEvent's requests and deliveries are counted as,
// beside the actions of sessions.
const ActionSendEvent messaging.Action = "SEND_EVENT"

// Metrics is the metrics of one server. Its methods are safe for concurrent use
// and do not wait.
type Metrics struct {
	registry *prometheus.Registry

	connections *prometheus.GaugeVec
	handshakes  *prometheus.CounterVec
	closed      *prometheus.CounterVec
	errorsSent  *prometheus.CounterVec

	requests         prometheus.Counter
	actionRequests   map[messaging.Action]prometheus.Counter
	deliveries       prometheus.Counter
	actionDeliveries map[roomlog.Kind]prometheus.Counter

	apiRequests *prometheus.CounterVec
	apiDuration *prometheus.HistogramVec
	tokens      prometheus.Counter

	reviews  reviews
	chatlogs chatlogs

	throttled *prometheus.CounterVec
	limits    *prometheus.GaugeVec
}

// New returns metrics with a registry of their own, so that servers in one
// process do not count into each other.
func New() *Metrics {
	m := &Metrics{
		registry:    prometheus.NewRegistry(),
		connections: gauges("connections", "Open messaging connections.", "account", "region"),
		handshakes:  counters("handshakes_total", "WebSocket handshakes, by how they ended.", "result"),
		closed:      counters("connections_closed_total", "Connections that ended, by why.", "reason"),
		errorsSent:  counters("errors_sent_total", "ERROR frames sent to sessions.", "code"),
		requests:    counter("messaging_requests_total", "Messaging requests of all rooms, those refused too."),
		deliveries:  counter("messaging_deliveries_total", "Messages and events delivered to connections: one request to N connections is N."),
		apiRequests: counters("api_requests_total", "Control-plane requests, by the exception they were answered with, OK for none.", "operation", "code"),
		apiDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "api_duration_seconds", Help: "How long control-plane requests took.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation"}),
		tokens:    counter("token_issued_total", "Chat tokens issued."),
		throttled: counters("throttled_total", "Requests and handshakes refused because a rate or a number of connections was reached.", "quota"),
		limits:    gauges("quota_limit", "The limits that this server is set to. What has no limit is not here.", "quota"),
	}
	m.actions()
	m.reviews = newReviews(m.registry)
	m.chatlogs = newChatlogs(m.registry)
	m.registry.MustRegister(
		m.connections, m.handshakes, m.closed, m.errorsSent, m.requests, m.deliveries,
		m.apiRequests, m.apiDuration, m.tokens, m.throttled, m.limits,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// actions makes the counters of every action, which then begin at 0 rather
// than with the first request.
func (m *Metrics) actions() {
	requests := counters("action_requests_total", "Messaging requests, by action, those refused too.", "action")
	deliveries := counters("action_deliveries_total", "Messages and events delivered to connections, by the action they came of.", "action")
	m.registry.MustRegister(requests, deliveries)
	m.actionRequests = make(map[messaging.Action]prometheus.Counter)
	m.actionDeliveries = make(map[roomlog.Kind]prometheus.Counter)
	for kind, action := range map[roomlog.Kind]messaging.Action{
		roomlog.KindMessage:    messaging.ActionSendMessage,
		roomlog.KindDelete:     messaging.ActionDeleteMessage,
		roomlog.KindDisconnect: messaging.ActionDisconnectUser,
		roomlog.KindEvent:      ActionSendEvent,
	} {
		m.actionRequests[action] = requests.WithLabelValues(string(action))
		m.actionDeliveries[kind] = deliveries.WithLabelValues(string(action))
	}
}

// Handler answers every request with the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

const namespace = "ivschat"

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}
