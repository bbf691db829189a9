package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parleychat/parley/internal/roomlog"
)

// Read implements roomlog.Log.
func (l *Log) Read(ctx context.Context, key roomlog.Room, after uint64, n int) ([]roomlog.Entry, error) {
	if l.closed.Load() {
		return nil, roomlog.ErrClosed
	}
	l.mu.Lock()
	r := l.rooms[key]
	l.mu.Unlock()
	if r != nil {
		if list, ok := r.read(after, n); ok {
			return list, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, l.options.Wait)
	defer cancel()
	var list []roomlog.Entry
	for len(list) < n {
		e, err := l.nextOfAll(ctx, key, after)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, unreachable(err)
		}
		after = e.Seq
		if e.Kind != kindAdmitted {
			list = append(list, e.Entry)
		}
	}
	return list, nil
}

// next reads the room's first entry after a place. Any server that has the stream
// answers, which may be behind.
func (l *Log) next(ctx context.Context, key roomlog.Room, after uint64) (stored, error) {
	return l.ask(ctx, func(ctx context.Context) (stored, error) {
		return l.read(l.stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(l.filter(key))))
	})
}

// nextOfAll is next, asked of the leader too before it says that there is none.
func (l *Log) nextOfAll(ctx context.Context, key roomlog.Room, after uint64) (stored, error) {
	e, err := l.next(ctx, key, after)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return l.nextAtLeader(ctx, key, after)
	}
	return e, err
}

// newest reads the room's last entry: as the leader has it, or any other server while
// none leads.
func (l *Log) newest(ctx context.Context, key roomlog.Room) (stored, error) {
	first, cancel := context.WithTimeout(ctx, tryFor)
	e, err := l.newestAtLeader(first, key)
	cancel()
	if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) {
		return e, err
	}
	return l.ask(ctx, func(ctx context.Context) (stored, error) {
		return l.read(l.stream.GetLastMsgForSubject(ctx, l.filter(key)))
	})
}

// read takes an entry that cannot be read for one that nobody is told of.
func (l *Log) read(m *jetstream.RawStreamMsg, err error) (stored, error) {
	if err != nil {
		return stored{}, err
	}
	e, err := decodeBody(m.Data)
	if err != nil {
		l.options.Logger.Error("room log: an entry cannot be read", "sequence", m.Sequence, "error", err)
		e = stored{Entry: roomlog.Entry{Kind: kindAdmitted}}
	}
	e.Seq, e.stamp = m.Sequence, m.Time
	return e, nil
}

// wanted is a request for one entry to the server that leads the stream.
type wanted struct {
	Seq  uint64 `json:"seq,omitzero"`
	Next string `json:"next_by_subj,omitzero"`
	Last string `json:"last_by_subj,omitzero"`
}

// nextAtLeader is next, asked of the server that leads the stream.
func (l *Log) nextAtLeader(ctx context.Context, key roomlog.Room, after uint64) (stored, error) {
	return l.atLeader(ctx, wanted{Seq: after + 1, Next: l.filter(key)})
}

// newestAtLeader reads the room's last entry at the server that leads the stream.
func (l *Log) newestAtLeader(ctx context.Context, key roomlog.Room) (stored, error) {
	return l.atLeader(ctx, wanted{Last: l.filter(key)})
}

func (l *Log) atLeader(ctx context.Context, w wanted) (stored, error) {
	question, err := json.Marshal(w)
	if err != nil {
		return stored{}, err
	}
	return l.ask(ctx, func(ctx context.Context) (stored, error) {
		answer, err := l.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+l.options.Name, question)
		if err != nil {
			return stored{}, err
		}
		var told struct {
			Error   *jetstream.APIError `json:"error"`
			Message struct {
				Sequence uint64    `json:"seq"`
				Data     []byte    `json:"data"`
				Time     time.Time `json:"time"`
			} `json:"message"`
		}
		if err := json.Unmarshal(answer.Data, &told); err != nil {
			return stored{}, fmt.Errorf("the stream's answer: %w", err)
		}
		if told.Error != nil {
			if told.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
				return stored{}, jetstream.ErrMsgNotFound
			}
			return stored{}, told.Error
		}
		return l.read(&jetstream.RawStreamMsg{Sequence: told.Message.Sequence, Data: told.Message.Data, Time: told.Message.Time}, nil)
	})
}

// ask asks again and again, until there is an answer or the context ends: the server
// that had the question may be gone.
func (l *Log) ask(ctx context.Context, question func(context.Context) (stored, error)) (stored, error) {
	for d := tryFor; ; d *= 2 {
		try, cancel := context.WithTimeout(ctx, d)
		e, err := question(try)
		cancel()
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) {
			return e, err
		}
	}
}
