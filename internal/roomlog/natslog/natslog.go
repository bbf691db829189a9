// Package natslog is the room log of several nodes, on NATS JetStream. One stream
// holds all rooms' entries, a room on two subjects: one for entries that are to be
// logged, one for the others. An append says which entry of the room it follows,
// and the stream refuses it if that is not the last: so there is one order, and a
// rate counted from what a node knows cannot be exceeded by what it does not know.
// The stream publishes what it stored to nodes that have the room open; each entry
// names its predecessor, so that a node sees what it missed and reads it from the
// stream before it goes on.
package natslog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parleychat/parley/internal/roomlog"
)

// Options of a log. URLs is required; zero values of the others take the defaults
// named here.
type Options struct {
	URLs        []string
	Credentials string // file of NATS credentials
	CA          string // file of the authorities of TLS certificates
	// Name is the stream's, and begins its subjects: parley.
	Name string
	// Replicas is on how many servers an entry is stored: 3, or 1 with one URL.
	Replicas int
	// Memory keeps entries in memory only; then no room can be logged.
	Memory bool
	// Keep is how long entries stay in the stream that nobody logs: 2 minutes.
	Keep time.Duration
	// KeepLogged is how long those stay that are to be logged, if nobody takes them:
	// 7 days. Taken, they stay for Keep.
	KeepLogged time.Duration
	// MaxBytes is the most bytes of the stream, full of which it refuses entries; 0
	// leaves it to the servers.
	MaxBytes int64
	// Wait bounds how long an append waits for the servers: 5 seconds.
	Wait time.Duration
	// Idle is how long a room that nobody uses stays open: 1 minute.
	Idle   time.Duration
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = "parley"
	}
	if o.Replicas == 0 {
		o.Replicas = 3
		if len(o.URLs) == 1 {
			o.Replicas = 1
		}
	}
	if o.Keep == 0 {
		o.Keep = 2 * time.Minute
	}
	if o.KeepLogged == 0 {
		o.KeepLogged = 7 * 24 * time.Hour
	}
	if o.Wait == 0 {
		o.Wait = 5 * time.Second
	}
	if o.Idle == 0 {
		o.Idle = time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// workers is how many goroutines take what the stream publishes; a room is one's.
const workers = 16

// Log is a roomlog.Log on NATS JetStream.
type Log struct {
	options Options
	conn    *nats.Conn
	js      jetstream.JetStream
	stream  jetstream.Stream
	inboxes [workers]chan *nats.Msg

	mu     sync.Mutex // guards what follows
	rooms  map[roomlog.Room]*room
	origin time.Time // when the stream was made

	wake chan struct{} // look at the stream now

	closed atomic.Bool
	// away is set while there is no connection. The connection itself cannot be asked:
	// it holds its lock while it tries servers.
	away       atomic.Bool
	complained atomic.Int64    // Unix nanoseconds of the last complaint
	ctx        context.Context // ends with Close
	stop       context.CancelFunc
	done       sync.WaitGroup
}

var _ roomlog.Log = (*Log)(nil)

// Open connects, makes the stream or brings its settings up to date, and starts a
// log. Close it.
func Open(ctx context.Context, o Options) (*Log, error) {
	o = o.withDefaults()
	l := &Log{options: o, rooms: map[roomlog.Room]*room{}, wake: make(chan struct{}, 1)}
	l.ctx, l.stop = context.WithCancel(context.Background())
	for i := range l.inboxes {
		l.inboxes[i] = make(chan *nats.Msg, 4096)
	}
	if err := l.connect(ctx); err != nil {
		l.stop()
		return nil, err
	}
	for i := range l.inboxes {
		l.done.Go(func() { l.take(l.inboxes[i]) })
	}
	l.done.Go(l.keep)
	return l, nil
}

// Close implements roomlog.Log.
func (l *Log) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	l.stop()
	l.conn.Close()
	l.done.Wait()
	return nil
}

// take hands what the stream publishes to the rooms.
func (l *Log) take(inbox chan *nats.Msg) {
	for {
		select {
		case <-l.ctx.Done():
			return
		case m := <-inbox:
			key, which, ok := l.roomOf(m.Subject)
			if !ok {
				continue
			}
			l.mu.Lock()
			r := l.rooms[key]
			l.mu.Unlock()
			if r == nil {
				continue
			}
			if err := r.hear(which, m); err != nil {
				l.options.Logger.Error("room log: an entry cannot be read", "subject", m.Subject, "error", err)
			}
		}
	}
}

// recover has every open room read what it may have missed.
func (l *Log) recover() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rooms {
		r.behind()
	}
}

// open returns the room, open: it knows the end of its log and gets what comes.
func (l *Log) open(ctx context.Context, key roomlog.Room) (*room, error) {
	if l.closed.Load() {
		return nil, roomlog.ErrClosed
	}
	l.mu.Lock()
	r := l.rooms[key]
	if r == nil {
		r = newRoom(l, key)
		l.rooms[key] = r
		l.done.Go(r.begin)
	}
	r.touch()
	l.mu.Unlock()
	select {
	case <-r.opened:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.ctx.Done():
		return nil, roomlog.ErrClosed
	}
	if r.failed != nil {
		return nil, r.failed
	}
	return r, nil
}

// Reachable tells whether the node is connected to a server.
func (l *Log) Reachable() bool { return !l.away.Load() }

// Ping returns when a server has answered the node, or with a roomlog.ErrUnreachable:
// that there is a connection is not enough to know that anything comes.
func (l *Log) Ping(ctx context.Context) error {
	if !l.Reachable() {
		return unreachable(nats.ErrDisconnected)
	}
	ctx, cancel := context.WithTimeout(ctx, l.options.Wait)
	defer cancel()
	if err := l.conn.FlushWithContext(ctx); err != nil {
		return unreachable(err)
	}
	return nil
}

// Append implements roomlog.Log.
func (l *Log) Append(ctx context.Context, key roomlog.Room, e roomlog.Entry, t roomlog.Terms) (uint64, error) {
	rate := t.Rate
	if e.Kind != roomlog.KindMessage {
		rate = 0
	}
	if e.Payload == nil {
		t.LoggingConfigurations = nil
	}
	if len(t.LoggingConfigurations) > 0 && l.options.Memory {
		return 0, errors.New("room log: entries of logged rooms need a stream that is on disk")
	}
	return l.append(ctx, key, stored{Entry: e, LoggingConfigurations: t.LoggingConfigurations}, rate)
}

func (l *Log) append(ctx context.Context, key roomlog.Room, e stored, rate int) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.Wait)
	defer cancel()
	r, err := l.open(ctx, key)
	if err != nil {
		return 0, err
	}
	return r.append(ctx, e, rate)
}

// Admit implements roomlog.Log. What is admitted is an entry too, which nobody is
// told of: other nodes have to count it.
func (l *Log) Admit(ctx context.Context, key roomlog.Room, rate int) error {
	if l.closed.Load() {
		return roomlog.ErrClosed
	}
	if rate <= 0 {
		return nil
	}
	_, err := l.append(ctx, key, stored{Entry: roomlog.Entry{Kind: kindAdmitted, Time: time.Now()}}, rate)
	return err
}

// Subscribe implements roomlog.Log.
func (l *Log) Subscribe(ctx context.Context, key roomlog.Room, s roomlog.Subscriber) (uint64, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.Wait)
	defer cancel()
	for {
		r, err := l.open(ctx, key)
		if err != nil {
			return 0, nil, err
		}
		if after, leave, ok := r.subscribe(s); ok {
			return after, leave, nil
		}
		// It was closed as idle meanwhile.
	}
}
