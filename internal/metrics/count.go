package metrics

import (
	"strconv"
	"time"

	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/ivschat/messaging"
)

// Handshake counts a handshake by its result.
func (m *Metrics) Handshake(result string) { m.handshakes.WithLabelValues(result).Inc() }

// Opened counts a connection in.
func (m *Metrics) Opened(account, region string) {
	m.connections.WithLabelValues(account, region).Inc()
}

// Closed counts a connection out; reason is one of wsconn.Reason's.
func (m *Metrics) Closed(account, region, reason string) {
	m.connections.WithLabelValues(account, region).Dec()
	m.closed.WithLabelValues(reason).Inc()
}

// Requested counts a messaging request of a known action, before it is known
// whether it will be refused.
func (m *Metrics) Requested(action messaging.Action) {
	m.requests.Inc()
	m.actionRequests[action].Inc()
}

// Operated counts a control-plane operation that asks of a room what an action
// asks of it.
func (m *Metrics) Operated(operation string) {
	switch operation {
	case "SendEvent":
		m.Requested(ActionSendEvent)
	case "DeleteMessage":
		m.Requested(messaging.ActionDeleteMessage)
	case "DisconnectUser":
		m.Requested(messaging.ActionDisconnectUser)
	}
}

// Delivered counts n entries of a kind that were given to a connection each.
func (m *Metrics) Delivered(kind roomlog.Kind, n int) {
	m.deliveries.Add(float64(n))
	m.actionDeliveries[kind].Add(float64(n))
}

// ErrorSent counts an ERROR frame.
func (m *Metrics) ErrorSent(code messaging.ErrorCode) {
	m.errorsSent.WithLabelValues(strconv.Itoa(int(code))).Inc()
}

// API counts a control-plane request: operation is "" for an unknown path, code
// "" for a success.
func (m *Metrics) API(operation, code string, took time.Duration) {
	if operation == "" {
		operation = "unknown"
	}
	if code == "" {
		code = "OK"
	}
	m.apiRequests.WithLabelValues(operation, code).Inc()
	m.apiDuration.WithLabelValues(operation).Observe(took.Seconds())
	if operation == "CreateChatToken" && code == "OK" {
		m.tokens.Inc()
	}
}

// Throttled counts what was refused because of a quota.
func (m *Metrics) Throttled(quota string) { m.throttled.WithLabelValues(quota).Inc() }

// Limits shows the limits of the profile that holds without a rule, and those of this node; 0 is none.
func (m *Metrics) Limits(p *limit.Profile, connections, handshakes int) {
	limits := map[string]int{limit.QuotaNodeConnections: connections, limit.QuotaNodeHandshakes: handshakes}
	for _, l := range p.Limits() {
		limits[l.Quota] = l.Most
	}
	for quota, most := range limits {
		m.Limit(quota, most)
	}
}

// Limit shows one more limit; 0 is none.
func (m *Metrics) Limit(quota string, most int) {
	if most > 0 {
		m.limits.WithLabelValues(quota).Set(float64(most))
	}
}
