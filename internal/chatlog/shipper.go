package chatlog

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// Outbox is where records wait. It is the store's.
type Outbox interface {
	OutboxWaiting(ctx context.Context) ([]store.OutboxWaiting, error)
	OutboxFor(ctx context.Context, loggingConfiguration, roomID string, after int64, n int) ([]store.OutboxRecord, error)
	AcceptOutbox(ctx context.Context, loggingConfiguration, roomID string, from, to int64) error
	RefuseOutbox(ctx context.Context, loggingConfiguration string, r *store.OutboxRecord, reason string) error
	LoggingConfiguration(ctx context.Context, t store.Tenant, id string) (*ivschat.LoggingConfiguration, error)
}

// Lanes decides which of the servers that share an outbox ships what.
type Lanes interface {
	// HoldLane tells whether this server ships the logging configuration's records.
	HoldLane(ctx context.Context, loggingConfiguration string) (bool, error)
	// ReleaseLane lets others hold it.
	ReleaseLane(ctx context.Context, loggingConfiguration string) error
}

// Observer counts what becomes of records. Its methods must not block.
type Observer interface {
	// LogsShipped tells of records that a destination took.
	LogsShipped(loggingConfiguration string, n int)
	// LogsFailed tells of a batch that failed and will be put again.
	LogsFailed(loggingConfiguration string, err error)
	// LogsRefused tells of a record that a destination will never take.
	LogsRefused(loggingConfiguration string)
	// LogsOrphaned tells of records whose logging configuration is gone.
	LogsOrphaned(loggingConfiguration string, n int)
	// LogsWaiting tells how many records wait, and how long the oldest has.
	LogsWaiting(loggingConfiguration string, n int, oldest time.Duration)
}

// Notice tells how a logging configuration's destination does.
type Notice struct {
	LoggingConfiguration string
	Since                time.Time // when it began to fail
	Begins               bool      // it took records until now
	Err                  error     // nil: it takes records again
}

// ShipperOptions are what a shipper is made of.
type ShipperOptions struct {
	Outbox Outbox
	// Shared is set if servers share the outbox: then each lane is shipped by the
	// one that holds it, and all look for what others appended.
	Shared Lanes
	// Servers tells how many share it, this one included, as far as is known: each
	// holds its part of the lanes. By default this one takes what it can get.
	Servers  func() int
	Open     func(account, region string, c ivschat.DestinationConfiguration) (Destination, error)
	Observer Observer
	// Notify is told when a destination fails, each time, and when it takes records
	// again. A destination's records wait for it.
	Notify func(Notice)
	Logger *slog.Logger
	// MinBackoff and MaxBackoff bound the wait after a failure: 500 ms, 1 minute.
	MinBackoff, MaxBackoff time.Duration
}

// Shipper brings what waits in the outbox to its destinations, for ever: what a
// destination does not take is put again, in each room's order, and leaves the
// outbox only when it was taken or refused for good. Destinations do not wait
// for each other.
type Shipper struct {
	o       ShipperOptions
	ctx     context.Context
	stop    context.CancelFunc
	done    sync.WaitGroup
	closing chan struct{}        // closed when Close begins
	looking sync.WaitGroup       // for what other servers appended
	seen    map[string]time.Time // the looker's alone: lanes that had records lately
	// accepting is held over a write to the outbox, for the sake of those who wait
	// to append.
	accepting sync.Mutex
	mu        sync.Mutex       // guards lanes
	lanes     map[string]*lane // by logging configuration
}

// NewShipper starts to ship, what waits from earlier first. Close it.
func NewShipper(ctx context.Context, o ShipperOptions) (*Shipper, error) {
	if o.MinBackoff <= 0 {
		o.MinBackoff = 500 * time.Millisecond
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = time.Minute
	}
	if o.Servers == nil {
		o.Servers = func() int { return 1 }
	}
	if o.Notify == nil {
		o.Notify = func(Notice) {}
	}
	waiting, err := o.Outbox.OutboxWaiting(ctx)
	if err != nil {
		return nil, err
	}
	s := &Shipper{o: o, lanes: map[string]*lane{}, seen: map[string]time.Time{}, closing: make(chan struct{})}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if o.Shared != nil {
		s.looking.Go(s.look)
		return s, nil
	}
	for _, w := range waiting {
		s.lane(w.LoggingConfiguration).add(w.RoomID, w.Records, w.Bytes, w.Oldest)
	}
	return s, nil
}

// Added tells of records that were appended to the outbox.
func (s *Shipper) Added(records []store.OutboxRecord) {
	if s.o.Shared != nil {
		return // they are seen with all others'
	}
	now := time.Now()
	for i := range records {
		r := &records[i]
		for _, lc := range r.LoggingConfigurations {
			s.lane(lc).add(r.RoomID, 1, int64(len(r.Payload)), now)
		}
	}
}

// Dropped tells of records that left the outbox without having been shipped.
func (s *Shipper) Dropped(dropped []store.OutboxWaiting) {
	for _, d := range dropped {
		s.lane(d.LoggingConfiguration).drop(d.RoomID, d.Records, d.Bytes)
	}
}

// Close puts what waits once more, without waiting for more of it, until the
// context ends. What is not taken stays in the outbox.
func (s *Shipper) Close(ctx context.Context) {
	close(s.closing)
	s.looking.Wait()
	s.mu.Lock()
	for _, l := range s.lanes {
		l.finish()
	}
	s.mu.Unlock()
	over := context.AfterFunc(ctx, s.stop)
	s.done.Wait()
	over()
	s.stop()
}

func (s *Shipper) lane(loggingConfiguration string) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[loggingConfiguration]
	if l == nil {
		l = &lane{
			Shipper: s, arn: loggingConfiguration, rooms: map[string]*gathering{}, wake: make(chan struct{}, 1),
			logger: s.o.Logger.With("logging_configuration", loggingConfiguration),
		}
		s.lanes[loggingConfiguration] = l
		s.done.Go(l.run)
	}
	return l
}

// backoff is how long to wait after so many failures in a row: full jitter.
func (s *Shipper) backoff(failures int) time.Duration {
	most := s.o.MinBackoff << min(failures-1, 20)
	if most > s.o.MaxBackoff || most <= 0 {
		most = s.o.MaxBackoff
	}
	return s.o.MinBackoff/2 + rand.N(most)
}
