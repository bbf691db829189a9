package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/review"
)

// NewReviewer makes the reviewer that the settings describe. Close it.
func NewReviewer(ctx context.Context, c *config.Config, dev bool, observe func(review.Observation), logger *slog.Logger) (*review.Reviewer, error) {
	o := review.Options{
		LambdaEndpoint: c.ReviewLambdaEndpoint, LambdaAccessKeyID: c.ReviewLambdaAccessKeyID,
		LambdaSecretAccessKey: string(c.ReviewLambdaSecretAccessKey), WebhookSecret: string(c.ReviewWebhookSecret),
		Networks: c.ReviewAllowNetworks, Timeout: c.ReviewTimeout,
		HandlerCalls: c.ReviewHandlerCalls, RoomReviews: c.ReviewRoomReviews, Observe: observe, Logger: logger,
	}
	for _, r := range c.ReviewHandlers {
		o.Routes = append(o.Routes, review.Route{Pattern: r.Pattern, Endpoints: r.Endpoints})
	}
	if dev && !c.Explicit("review-allow-networks") {
		o.Networks = append(o.Networks, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	r, err := review.New(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("message review: %w", err)
	}
	return r, nil
}

// acceptUnresolved tells whether rooms may have handlers that nothing resolves.
// In dev mode they may, so that code written for AWS runs as it is.
func acceptUnresolved(c *config.Config, dev bool) bool {
	return c.ReviewUnresolved == "accept" || dev && !c.Explicit("review-unresolved")
}
