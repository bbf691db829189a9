package natslog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"

	"github.com/parleychat/parley/internal/roomlog"
)

// kindAdmitted is an entry that counts a message which has its place later, or
// never; nobody is told of it.
const kindAdmitted roomlog.Kind = 255

// stored is an entry as the stream has it.
type stored struct {
	roomlog.Entry
	LoggingConfigurations []string
	Counted               bool      // by the room's rate
	stamp                 time.Time // the stream's
}

// meta is what comes before the payload in a message of the stream. The place is
// the message's own.
type meta struct {
	Kind                  roomlog.Kind `json:"k"`
	ID                    string       `json:"i,omitzero"`
	UserID                string       `json:"u,omitzero"`
	Time                  int64        `json:"t"` // Unix nanoseconds
	Prev                  uint64       `json:"p"`
	LoggingConfigurations []string     `json:"l,omitempty"`
	NoPayload             bool         `json:"n,omitzero"`
	Counted               bool         `json:"c,omitzero"`
}

// encode is the message of an entry: the length of meta, meta, the payload.
func encode(e stored) ([]byte, error) {
	m, err := json.Marshal(meta{e.Kind, e.ID, e.UserID, e.Time.UnixNano(), e.Prev, e.LoggingConfigurations, e.Payload == nil, e.Counted})
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	out := binary.AppendUvarint(make([]byte, 0, len(m)+len(e.Payload)+4), uint64(len(m)))
	return append(append(out, m...), e.Payload...), nil
}

var errGarbled = errors.New("it is garbled")

func decodeBody(data []byte) (stored, error) {
	n, used := binary.Uvarint(data)
	if used <= 0 || n > uint64(len(data)-used) {
		return stored{}, errGarbled
	}
	var m meta
	if err := json.Unmarshal(data[used:used+int(n)], &m, json.RejectUnknownMembers(true)); err != nil {
		return stored{}, fmt.Errorf("%w: %w", errGarbled, err)
	}
	if m.Kind == 0 {
		return stored{}, fmt.Errorf("%w: no kind", errGarbled)
	}
	e := stored{LoggingConfigurations: m.LoggingConfigurations, Counted: m.Counted}
	e.Kind, e.ID, e.UserID, e.Time, e.Prev = m.Kind, m.ID, m.UserID, time.Unix(0, m.Time).UTC(), m.Prev
	if !m.NoPayload {
		e.Payload = data[used+int(n):]
	}
	return e, nil
}

// decode reads what the stream publishes.
func decode(h nats.Header, data []byte) (stored, error) {
	seq, err := strconv.ParseUint(h.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return stored{}, fmt.Errorf("%w: no place", errGarbled)
	}
	e, err := decodeBody(data)
	e.Seq = seq
	return e, err
}

// The subjects of a room: NAME.entry.{plain,logged}.ACCOUNT.REGION.ID, what the stream
// publishes of them under NAME.deliver, and NAME.deliver.end.ACCOUNT.REGION.ID, on which
// nodes tell where the room's log ends: a place in decimal.
const (
	plain  = "plain"
	logged = "logged"
	end    = "end"
)

func (l *Log) subject(under, which string, r roomlog.Room) string {
	return strings.Join([]string{l.options.Name, under, which, r.Account, r.Region, r.ID}, ".")
}

// filter is both subjects of a room.
func (l *Log) filter(r roomlog.Room) string { return l.subject("entry", "*", r) }

// roomOf reads a room, and which of its subjects it is.
func (l *Log) roomOf(subject string) (r roomlog.Room, which string, ok bool) {
	rest, ok := strings.CutPrefix(subject, l.options.Name+".")
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 5 {
		return roomlog.Room{}, "", false
	}
	return roomlog.Room{Account: parts[2], Region: parts[3], ID: parts[4]}, parts[1], true
}
