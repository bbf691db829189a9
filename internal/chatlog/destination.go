// Package chatlog brings the records of logged rooms to the destinations of
// their logging configurations: S3, CloudWatch Logs and Firehose, at AWS or at
// what the operator put in their place, and plain files where nothing is put
// (spec: logging.md). A record may arrive more than once, never not at all:
// whoever calls [Destination.Put] keeps what was not taken.
package chatlog

import (
	"context"
	"errors"
	"time"
)

// Record is one record of a room's chat log (spec: logging.md §2).
type Record struct {
	ID      int64     // the outbox's: grows along a room
	EntryID string    // of the message or event: readers drop doubles by payload.Id
	Time    time.Time // when the service received the entry
	JSON    []byte    // the record's text, one line without its end
}

// Batch is records of one room, in their order; at least one.
type Batch struct {
	Account, Region, RoomID string
	Window                  time.Time // when the batch began to gather: names its S3 object
	Records                 []Record
}

// Limits bound a batch.
type Limits struct {
	Records  int
	Bytes    int           // of all JSON, with Overhead for each record
	Overhead int           // bytes that a record costs beside its JSON
	Span     time.Duration // between the first and the last record; 0 is no bound
	Age      time.Duration // a batch is put when its oldest record waited this long, full or not
}

// Destination takes the chat logs of one logging configuration. Its methods are
// safe for concurrent use; one room's batches come one at a time.
type Destination interface {
	Limits() Limits
	// Put delivers the batch. On an error none or an unknown part of it was taken,
	// and all is to be put again. Without one, what Outcome does not name was
	// taken. Put retries nothing itself.
	Put(ctx context.Context, b Batch) (Outcome, error)
}

// Outcome names, by index, the records of a batch that were not taken.
type Outcome struct {
	Again   []int     // failed this time
	Refused []Refusal // the destination will never take them
	Err     error     // why records of Again failed
}

// Refusal is a record that no second try helps: malformed, too large, too old.
type Refusal struct {
	Index int
	Err   error
}

// Errors that Put's and Probe's may wrap (spec: monitoring.md).
var (
	ErrAccessDenied = errors.New("access denied")
	ErrNotFound     = errors.New("destination not found")
)
