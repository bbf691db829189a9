// Package roomlog is the contract of the room log. Everything that happens in
// a room is one entry of its log; the log gives each entry its place, and
// whatever users see follows from the log. Engines (memlog, and one over
// several nodes) implement [Log] and pass roomlogtest.
package roomlog

import (
	"context"
	"errors"
	"time"
)

// Room names a room's log.
type Room struct {
	Account string
	Region  string
	ID      string
}

// Kind says what an entry is.
type Kind uint8

// The kinds of entries.
const (
	KindMessage    Kind = iota + 1 // a message: counted by the room's rate
	KindEvent                      // an application event
	KindDelete                     // a message was deleted
	KindDisconnect                 // a user was disconnected: sessions of UserID end after it
	KindControl                    // the room's settings changed or it was deleted; has no payload
)

// Entry is one thing that happened in a room.
type Entry struct {
	Seq     uint64 // the entry's place, assigned by Append; grows along a room's log, with gaps
	Prev    uint64 // the Seq of the room's entry before, 0 for the first
	Kind    Kind
	ID      string    // the message's or the event's
	UserID  string    // KindDisconnect: whose sessions end
	Time    time.Time // when the service received it
	Payload []byte    // the frame's JSON object, immutable; nil for KindControl
}

// Terms are what an append is subject to.
type Terms struct {
	// Rate is the most KindMessage entries in any one second; 0 is no limit, and
	// the entry is not counted.
	Rate int
	// LoggingConfigurations are the ARNs that log the room. With any, the entry
	// is on stable storage before a subscriber sees it.
	LoggingConfigurations []string
}

// Record is an entry that is to be logged.
type Record struct {
	Room                  Room
	Entry                 Entry
	LoggingConfigurations []string // ARNs; at least one
}

// Errors of Append.
var (
	// ErrRate says that the room's last second is full.
	ErrRate = errors.New("room log: rate exceeded")
	// ErrBusy says that too many entries wait for stable storage.
	ErrBusy = errors.New("room log: too many entries wait for stable storage")
	// ErrUnreachable says that the servers that keep the log do not answer.
	ErrUnreachable = errors.New("room log: out of reach")
	// ErrClosed says that the log was closed.
	ErrClosed = errors.New("room log: closed")
)

// Subscriber receives a room's entries.
type Subscriber interface {
	// Deliver takes the next entry of the room's log. Calls for one room come
	// in log order, one at a time. It must not block and must not call the log.
	Deliver(room Room, e Entry)
}

// Log holds the logs of all rooms. Methods are safe for concurrent use.
type Log interface {
	// Append gives the entry its place and delivers it to every subscriber on
	// every node. The payload must not change afterwards. On an error nothing
	// was appended, unless the error is the context's: then the entry may be.
	// Nobody retries.
	Append(ctx context.Context, room Room, e Entry, t Terms) (seq uint64, err error)
	// Admit counts a message against the room's rate before it is known whether
	// it will be appended, or returns ErrRate. Its Append, if there is one, has no
	// rate: it was counted.
	Admit(ctx context.Context, room Room, rate int) error
	// Subscribe delivers every entry after a place that it returns, until cancel
	// returned: every one that was appended after it returned, and none from before
	// it was called, save what was on its way from other nodes.
	Subscribe(ctx context.Context, room Room, s Subscriber) (after uint64, cancel func(), err error)
	// Read returns up to n entries after the one with the given Seq from the
	// retained tail, oldest first.
	Read(ctx context.Context, room Room, after uint64, n int) ([]Entry, error)
	// Close ends the log: appends that wait are finished, later ones get ErrClosed.
	Close() error
}
