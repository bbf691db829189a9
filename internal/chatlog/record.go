package chatlog

import (
	"time"

	"github.com/parleychat/parley/internal/store"
)

// AppendRecord appends a record's text (spec: logging.md §2). The payload is the
// frame's object, as viewers got it.
func AppendRecord(dst []byte, r *store.OutboxRecord) []byte {
	dst = append(dst, `{"event_timestamp":"`...)
	dst = r.Time.UTC().Truncate(time.Millisecond).AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	dst = append(dst, `","type":"`...)
	dst = append(dst, r.Type...)
	dst = append(dst, `","payload":`...)
	dst = append(dst, r.Payload...)
	return append(dst, `,"version":"1.0"}`...)
}

// envelope is about how many bytes a record has around its payload.
const envelope = 96

func record(r *store.OutboxRecord) Record {
	return Record{
		ID: r.ID, EntryID: r.EntryID, Time: r.Time,
		JSON: AppendRecord(make([]byte, 0, len(r.Payload)+envelope), r),
	}
}
