package natslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func (l *Log) connect(ctx context.Context) (err error) {
	options := []nats.Option{
		nats.Name("parley"), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
		nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(200*time.Millisecond, 200*time.Millisecond),
		nats.Timeout(min(l.options.Wait, greetWithin)),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			l.away.Store(true)
			if !l.closed.Load() {
				l.options.Logger.Error("room log: NATS is out of reach; rooms with members wait, sends are refused", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			l.options.Logger.Info("room log: NATS is in reach again", "server", c.ConnectedServerName())
			l.away.Store(false)
			l.recover()
			l.look()
		}),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrSlowConsumer) { // what was dropped is read from the stream
				l.recover()
				return
			}
			l.options.Logger.Warn("room log: NATS", "error", err)
		}),
	}
	if l.options.Credentials != "" {
		options = append(options, nats.UserCredentials(l.options.Credentials))
	}
	if l.options.CA != "" {
		options = append(options, nats.RootCAs(l.options.CA))
	}
	if l.conn, err = nats.Connect(strings.Join(l.options.URLs, ","), options...); err != nil {
		if errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, io.EOF) || errors.As(err, new(net.Error)) {
			return unreachable(err)
		}
		return fmt.Errorf("room log: connect to NATS: %w", err)
	}
	if l.js, err = jetstream.New(l.conn); err == nil {
		l.stream, err = l.makeStream(ctx)
	}
	if err != nil {
		l.conn.Close()
		return fmt.Errorf("room log: make the stream %s: %w", l.options.Name, err)
	}
	return nil
}

// greetWithin is how long a server may take to let a node in. Publishers wait
// meanwhile.
const greetWithin = time.Second

// makeStream makes the stream or brings its settings up to date. Servers that have
// just been started take their time to agree that they can.
func (l *Log) makeStream(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, formWithin)
	defer cancel()
	for {
		once, cancel := context.WithTimeout(ctx, l.options.Wait)
		stream, err := l.js.CreateOrUpdateStream(once, l.config())
		cancel()
		if err == nil {
			l.mu.Lock()
			l.origin = stream.CachedInfo().Created
			l.mu.Unlock()
			return stream, nil
		}
		if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.Code < 500 { // it will not do
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(formEvery):
		}
	}
}

// formWithin is how long servers may take to agree on a stream, formEvery how often
// they are asked.
const formWithin, formEvery = 20 * time.Second, 250 * time.Millisecond

func (l *Log) config() jetstream.StreamConfig {
	storage := jetstream.FileStorage
	if l.options.Memory {
		storage = jetstream.MemoryStorage
	}
	return jetstream.StreamConfig{
		Name: l.options.Name, Description: "room logs of Parley",
		Subjects: []string{l.options.Name + ".entry.>"},
		Storage:  storage, Replicas: l.options.Replicas, Discard: jetstream.DiscardNew, MaxBytes: l.options.MaxBytes,
		MaxAge: l.options.KeepLogged, AllowMsgTTL: true, AllowDirect: true, Duplicates: time.Minute,
		RePublish: &jetstream.RePublish{Source: l.options.Name + ".entry.>", Destination: l.options.Name + ".deliver.>"},
	}
}

// look has the stream looked at, soon.
func (l *Log) look() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// lookEvery is how often the stream is looked at, at most.
const lookEvery = 500 * time.Millisecond

// keep closes rooms that nobody uses, and sees to it that the stream is there.
func (l *Log) keep() {
	ticker := time.NewTicker(l.options.Idle / 2)
	defer ticker.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.wake:
		case <-ticker.C:
			l.sweep()
		}
		select { // there may be reason to look all the time
		case <-l.ctx.Done():
			return
		case <-time.After(lookEvery):
		}
		ctx, cancel := context.WithTimeout(l.ctx, l.options.Wait)
		l.examine(ctx)
		cancel()
	}
}

func (l *Log) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, r := range l.rooms {
		if r.idle(l.options.Idle) {
			delete(l.rooms, key)
			r.close()
		}
	}
}

// examine makes the stream again if it is gone. In another than it was, rooms begin
// anew: places start over.
func (l *Log) examine(ctx context.Context) {
	l.mu.Lock()
	before := l.origin
	l.mu.Unlock()
	// By a handle of its own: readers use the log's, which remembers what it is told.
	stream, err := l.js.Stream(ctx, l.options.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		if _, err := l.makeStream(ctx); err != nil {
			l.options.Logger.Error("room log: the stream is gone and cannot be made again", "stream", l.options.Name, "error", err)
			return
		}
	case err != nil || stream.CachedInfo().Created.Equal(before):
		return
	default:
		l.mu.Lock()
		l.origin = stream.CachedInfo().Created
		l.mu.Unlock()
	}
	l.options.Logger.Error("room log: the stream was made anew; entries that nobody had yet are lost", "stream", l.options.Name)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rooms {
		r.beginAnew()
	}
}
