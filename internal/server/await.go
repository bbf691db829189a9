package server

import (
	"context"
	"errors"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/store"
)

// startWithin is how long each part of a server that starts waits for PostgreSQL or
// NATS, which may be starting too; startEvery is how often it tries.
const startWithin, startEvery = 30 * time.Second, 250 * time.Millisecond

// await opens a part, and again while what it needs is out of reach.
func (s *Server) await(ctx context.Context, open func(context.Context) error) error {
	began, told := time.Now(), false
	for {
		err := open(ctx)
		if err == nil || !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, roomlog.ErrUnreachable) {
			return err
		}
		if time.Since(began) > startWithin || ctx.Err() != nil {
			return err
		}
		if !told {
			s.logger.Warn("the server starts as soon as what it needs is in reach", "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(startEvery):
		}
	}
}
