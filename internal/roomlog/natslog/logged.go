package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/parleychat/parley/internal/roomlog"
)

// batchEntries and batchBytes bound what Logged hands over at once.
const batchEntries, batchBytes = 1000, 4 << 20

// Origin names the stream's contents: a place means the same only under the same
// origin.
func (l *Log) Origin() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.options.Name + " " + l.origin.UTC().Format(time.RFC3339Nano)
}

var errFeed = errors.New("room log: what is to be logged is not read any more")

// errAnew says that the places that a reader knows are of another stream.
var errAnew = errors.New("room log: the stream was made anew")

// Logged reads the entries that are to be logged, in the stream's order, from the
// first after a place on, and hands them to put. What put returned from without an
// error does not have to be in the stream any more. Logged returns the first error:
// put's, the context's, or that the stream is not that of origin.
func (l *Log) Logged(ctx context.Context, origin string, after uint64, put func([]roomlog.Record) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(l.ctx, cancel)
	defer stop()
	if l.Origin() != origin {
		return errAnew
	}
	consumer, err := l.js.OrderedConsumer(ctx, l.options.Name, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{l.options.Name + ".entry." + logged + ".>"}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	})
	if err != nil {
		return fmt.Errorf("room log: read what is to be logged: %w", err)
	}
	arrived := make(chan jetstream.Msg, batchEntries)
	feed, err := consumer.Consume(func(m jetstream.Msg) {
		select {
		case arrived <- m:
		case <-ctx.Done():
		}
	}, jetstream.PullMaxMessages(batchEntries))
	if err != nil {
		return fmt.Errorf("room log: read what is to be logged: %w", err)
	}
	defer feed.Stop()
	r := reader{log: l, last: after, put: put}
	purge := time.NewTicker(l.options.Keep / 4)
	defer purge.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-feed.Closed():
			return errFeed
		case <-purge.C:
			if l.Origin() != origin {
				return errAnew
			}
			r.purge(ctx)
		case m := <-arrived:
			if l.Origin() != origin {
				return errAnew
			}
			if err := r.take(m, arrived); err != nil {
				return err
			}
		}
	}
}

// reader is how far Logged is.
type reader struct {
	log  *Log
	last uint64
	put  func([]roomlog.Record) error
	done []milestone // places, that were handed over, by time
}

type milestone struct {
	at   time.Time
	last uint64
}

// take hands over an entry and those that have arrived after it.
func (r *reader) take(m jetstream.Msg, arrived chan jetstream.Msg) error {
	var records []roomlog.Record
	for bytes := 0; ; {
		record, seq, err := r.log.record(m)
		if err != nil {
			return err
		}
		if seq > r.last {
			r.last = seq
			bytes += len(record.Entry.Payload)
			if record.LoggingConfigurations != nil {
				records = append(records, record)
			}
		}
		if bytes >= batchBytes || len(records) >= batchEntries {
			break
		}
		select {
		case m = <-arrived:
			continue
		default:
		}
		break
	}
	if len(records) == 0 {
		return nil
	}
	return r.put(records)
}

// record reads an entry. One that is garbled has no logging configuration.
func (l *Log) record(m jetstream.Msg) (r roomlog.Record, seq uint64, err error) {
	about, err := m.Metadata()
	if err != nil {
		return r, 0, fmt.Errorf("room log: %w", err)
	}
	seq = about.Sequence.Stream
	e, err := decodeBody(m.Data())
	room, _, ok := l.roomOf(m.Subject())
	if err != nil || !ok {
		l.options.Logger.Error("room log: an entry cannot be read and is not logged", "subject", m.Subject(), "sequence", seq, "error", err)
		return r, seq, nil
	}
	e.Seq = seq
	return roomlog.Record{Room: room, Entry: e.Entry, LoggingConfigurations: e.LoggingConfigurations}, seq, nil
}

// purge removes what was handed over long enough ago for every node to have it.
func (r *reader) purge(ctx context.Context) {
	now := time.Now()
	r.done = append(r.done, milestone{now, r.last})
	var last uint64
	for len(r.done) > 0 && now.Sub(r.done[0].at) >= r.log.options.Keep {
		last = r.done[0].last
		r.done = r.done[1:]
	}
	if last == 0 {
		return
	}
	err := r.log.stream.Purge(ctx, jetstream.WithPurgeSubject(r.log.options.Name+".entry."+logged+".>"), jetstream.WithPurgeSequence(last+1))
	if err != nil { // the next purge is of these too
		r.log.options.Logger.Warn("room log: entries that were taken are not removed yet", "error", err)
	}
}
