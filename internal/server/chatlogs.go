package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/memlog"
	"github.com/parleychat/parley/internal/store"
)

// lastShipping bounds how long a stop waits for destinations. What they have not
// taken by then stays in the outbox for the next start.
const lastShipping = 10 * time.Second

// openChatlogs starts to ship what waits in the outbox.
func (s *Server) openChatlogs(ctx context.Context) (err error) {
	if s.places, err = chatlog.NewDestinations(ChatlogSettings(s.Config)); err != nil {
		return err
	}
	s.shipper, err = chatlog.NewShipper(ctx, chatlog.ShipperOptions{
		Outbox: s.store, Open: s.places.Open, Observer: s.metrics, Logger: s.logger,
	})
	if err != nil {
		s.places.Close()
		return fmt.Errorf("chat logs: %w", err)
	}
	return nil
}

func (s *Server) closeChatlogs() {
	ctx, cancel := context.WithTimeout(context.Background(), lastShipping)
	defer cancel()
	s.shipper.Close(ctx)
	s.places.Close()
}

// outbox keeps the entries of logged rooms in the store, and tells who ships them.
type outbox struct{ *Server }

// Put implements memlog.Outbox.
func (o outbox) Put(ctx context.Context, records []memlog.Record) error {
	rows := make([]store.OutboxRecord, len(records))
	for i, r := range records {
		rows[i] = store.OutboxRecord{
			Tenant: store.Tenant{Account: r.Room.Account, Region: r.Room.Region}, RoomID: r.Room.ID,
			LoggingConfigurations: r.LoggingConfigurations, EntryID: r.Entry.ID, Type: recordType(r.Entry.Kind),
			Time: r.Entry.Time, Payload: r.Entry.Payload,
		}
	}
	err := o.store.AppendOutbox(ctx, rows, int64(o.Config.OutboxLimit))
	if errors.Is(err, store.ErrOutboxFull) {
		o.metrics.OutboxFull()
	}
	if err != nil {
		return err
	}
	o.shipper.Added(rows)
	return nil
}

// recordType is a chat log record's type (spec: logging.md §2).
func recordType(k roomlog.Kind) string {
	if k == roomlog.KindMessage {
		return "MESSAGE"
	}
	return "EVENT"
}
