package server

import (
	"log/slog"
	"net/netip"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/review"
)

// ReviewOptions returns the options of the reviewer that the settings describe.
func ReviewOptions(c *config.Config, dev bool, logger *slog.Logger) review.Options {
	o := review.Options{
		LambdaEndpoint: c.ReviewLambdaEndpoint, LambdaAccessKeyID: c.ReviewLambdaAccessKeyID,
		LambdaSecretAccessKey: string(c.ReviewLambdaSecretAccessKey), WebhookSecret: string(c.ReviewWebhookSecret),
		Networks: c.ReviewAllowNetworks, Timeout: c.ReviewTimeout,
		HandlerCalls: c.ReviewHandlerCalls, RoomReviews: c.ReviewRoomReviews, Logger: logger,
	}
	for _, r := range c.ReviewHandlers {
		o.Routes = append(o.Routes, review.Route{Pattern: r.Pattern, Endpoints: r.Endpoints})
	}
	if dev && !c.Explicit("review-allow-networks") {
		o.Networks = append(o.Networks[:len(o.Networks):len(o.Networks)],
			netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	return o
}

// acceptUnresolved tells whether rooms may have handlers that nothing resolves.
// In dev mode they may, so that code written for AWS runs as it is.
func acceptUnresolved(c *config.Config, dev bool) bool {
	return c.ReviewUnresolved == "accept" || dev && !c.Explicit("review-unresolved")
}

// reviewed counts what an endpoint did, or why it was not asked
// (spec: monitoring.md §4).
func (s *Server) reviewed(o review.Observation) {
	switch o.Failure.Metric() {
	case review.InvocationErrors:
		s.metrics.ReviewNotInvoked(o.URI, o.Failure.String())
	case review.ResponseValidationErrors:
		s.metrics.ReviewInvalid(o.URI)
	}
	switch o.Failure {
	case review.FunctionError:
		s.metrics.ReviewFunctionFailed(o.URI)
	case review.Overloaded, review.CircuitOpen, review.NotFound:
		return // nobody may have been asked
	}
	s.metrics.Reviewed(o.Duration)
}
