package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/internal/notice"
	"github.com/parleychat/parley/internal/roomlog"
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
	defer func() {
		if err != nil {
			s.places.Close()
		}
	}()
	if s.Config.NoticeWebhook != "" {
		if s.notices, err = notice.NewSender(notice.Options{
			URL: s.Config.NoticeWebhook, Secret: string(s.Config.NoticeWebhookSecret), Logger: s.logger,
		}); err != nil {
			return err
		}
	}
	var shared chatlog.Lanes
	if s.store.Shared() {
		shared = s.store
	}
	s.shipper, err = chatlog.NewShipper(ctx, chatlog.ShipperOptions{
		Shared: shared, Servers: s.servers,
		Outbox: s.store, Open: s.places.Open, Observer: s.metrics, Notify: s.destinationDoes, Logger: s.logger,
	})
	if err != nil {
		s.closeNotices()
		return fmt.Errorf("chat logs: %w", err)
	}
	return nil
}

// destinationDoes keeps how a destination does for `parley logs status`, and
// notifies who wants to know when that changes.
func (s *Server) destinationDoes(n chatlog.Notice) {
	now := time.Now()
	failure := store.DestinationFailure{LoggingConfiguration: n.LoggingConfiguration, Since: n.Since, Last: now}
	data := map[string]string{"loggingConfiguration": n.LoggingConfiguration, "since": n.Since.UTC().Format(time.RFC3339Nano)}
	kind := "chatlog.destination.recovered"
	if n.Err == nil {
		failure.Recovered = now
	} else {
		kind, failure.Error, data["error"] = "chatlog.destination.failing", n.Err.Error(), n.Err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteWithin)
	defer cancel()
	if err := s.store.NoteDestination(ctx, failure); err != nil {
		s.logger.Warn("chat logs: what `parley logs status` shows of a destination is not up to date", "error", err)
	}
	if s.notices != nil && (n.Begins || n.Err == nil) {
		s.notices.Send(kind, now, data)
	}
}

// noteWithin bounds a note that nothing depends on.
const noteWithin = 5 * time.Second

func (s *Server) closeNotices() {
	if s.notices == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteWithin)
	defer cancel()
	s.notices.Close(ctx)
}

func (s *Server) closeChatlogs() {
	ctx, cancel := context.WithTimeout(context.Background(), lastShipping)
	defer cancel()
	s.shipper.Close(ctx)
	s.closeNotices()
	s.places.Close()
}

// outbox keeps the entries of logged rooms in the store, and tells who ships them.
type outbox struct{ *Server }

// Put implements memlog.Outbox.
func (o outbox) Put(ctx context.Context, records []roomlog.Record) error {
	rows := outboxRows(records)
	err := o.keep(ctx, rows, func(most int64) error { return o.store.AppendOutbox(ctx, rows, most) })
	if err != nil {
		return err
	}
	o.shipper.Added(rows)
	return nil
}

func outboxRows(records []roomlog.Record) []store.OutboxRecord {
	rows := make([]store.OutboxRecord, len(records))
	for i, r := range records {
		rows[i] = store.OutboxRecord{
			Tenant: store.Tenant{Account: r.Room.Account, Region: r.Room.Region}, RoomID: r.Room.ID,
			LoggingConfigurations: r.LoggingConfigurations, EntryID: r.Entry.ID, Type: recordType(r.Entry.Kind),
			Time: r.Entry.Time, Payload: r.Entry.Payload,
		}
	}
	return rows
}

// keep appends the rows as the outbox's limit and policy have it.
func (o outbox) keep(ctx context.Context, rows []store.OutboxRecord, put func(most int64) error) error {
	most := int64(o.Config.OutboxLimit)
	err := put(most)
	if !errors.Is(err, store.ErrOutboxFull) {
		return err
	}
	if o.Config.OutboxPolicy != "drop-oldest" {
		o.metrics.OutboxFull()
		return err
	}
	need := most / 64 // so that not every append has to drop
	for i := range rows {
		need += int64(len(rows[i].Payload))
	}
	dropped, err := o.store.DropOutbox(ctx, need)
	if err != nil {
		return err
	}
	o.shipper.Dropped(dropped)
	for _, d := range dropped {
		o.metrics.LogsDropped(d.LoggingConfiguration, d.Records)
		o.logger.ErrorContext(ctx, "chat logs: the outbox is full; the oldest records are dropped",
			"logging_configuration", d.LoggingConfiguration, "room", d.RoomID, "records", d.Records, "oldest", d.Oldest)
	}
	return put(most)
}

// recordType is a chat log record's type (spec: logging.md §2).
func recordType(k roomlog.Kind) string {
	if k == roomlog.KindMessage {
		return "MESSAGE"
	}
	return "EVENT"
}
