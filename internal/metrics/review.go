package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// reviews is what message review handlers are counted by.
type reviews struct {
	invocation *prometheus.CounterVec
	invalid    *prometheus.CounterVec
	function   *prometheus.CounterVec
	open       *prometheus.GaugeVec
	duration   prometheus.Histogram
}

func newReviews(registry *prometheus.Registry) reviews {
	r := reviews{
		invocation: counters("review_invocation_errors_total", "Message review handlers that could not be invoked, by why.", "uri", "cause"),
		invalid:    counters("review_response_invalid_total", "Answers of message review handlers that are no verdict.", "uri"),
		function:   counters("review_function_errors_total", "Message review handlers that ran and failed.", "uri"),
		open:       gauges("review_circuit_open", "Endpoints of message review handlers that are not called for a moment, as they failed too often.", "uri"),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "review_duration_seconds", Help: "How long endpoints of message review handlers took, those built in too.",
			Buckets: []float64{.00001, .00005, .0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .2, .5, 1},
		}),
	}
	registry.MustRegister(r.invocation, r.invalid, r.function, r.open, r.duration)
	return r
}

// Reviewed counts that an endpoint of a handler was asked.
func (m *Metrics) Reviewed(took time.Duration) { m.reviews.duration.Observe(took.Seconds()) }

// ReviewNotInvoked counts a handler that could not be invoked.
func (m *Metrics) ReviewNotInvoked(uri, cause string) {
	m.reviews.invocation.WithLabelValues(uri, cause).Inc()
}

// ReviewInvalid counts an answer that is no verdict.
func (m *Metrics) ReviewInvalid(uri string) { m.reviews.invalid.WithLabelValues(uri).Inc() }

// ReviewFunctionFailed counts a function that ran and failed.
func (m *Metrics) ReviewFunctionFailed(uri string) { m.reviews.function.WithLabelValues(uri).Inc() }

// ReviewCircuit counts the circuits of a handler that are open.
func (m *Metrics) ReviewCircuit(uri string, open bool) {
	if open {
		m.reviews.open.WithLabelValues(uri).Inc()
		return
	}
	m.reviews.open.WithLabelValues(uri).Dec()
}
