package chatlog

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	version = "1.0"
	// window is what object keys are rounded down to, whatever the cadence.
	window = 5 * time.Minute
	// maxKeys is how many keys are tried for a batch whose first ones are taken by
	// other batches. Each is a chance of one in four billion per object of a window.
	maxKeys = 4
)

// objectKey names the object of a batch (spec: logging.md §3). The hash comes from
// the records, so that a batch put again is the same object; attempt tells keys of
// one batch apart.
func objectKey(b Batch, attempt int) string {
	at := b.Window.UTC().Truncate(window)
	dir := fmt.Sprintf("AWSLogs/%s/IVSChatLogs/%s/%s/room_%s/%s", b.Account, version, b.Region, b.RoomID, at.Format("2006/01/02/15"))
	return fmt.Sprintf("%s/%s_IVSChatLogs_%s_%s_room_%s_%s_%s.log.gz",
		dir, b.Account, version, b.Region, b.RoomID, at.Format("20060102T1504Z"), objectHash(b, attempt))
}

func objectHash(b Batch, attempt int) string {
	h := sha256.New()
	field := func(p []byte) {
		h.Write(binary.AppendUvarint(nil, uint64(len(p))))
		h.Write(p)
	}
	for _, text := range []string{b.Account, b.Region, b.RoomID, fmt.Sprint(attempt)} {
		field([]byte(text))
	}
	for _, r := range b.Records {
		field([]byte(r.EntryID))
		field(r.JSON)
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// pack compresses records, a line each. The same records give the same bytes.
func pack(records []Record) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	for _, r := range records {
		if _, err := w.Write(r.JSON); err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
		if _, err := w.Write([]byte{'\n'}); err != nil {
			return nil, fmt.Errorf("compress: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return out.Bytes(), nil
}

// lines returns records as plain text, a line each.
func lines(records []Record) []byte {
	var out bytes.Buffer
	for _, r := range records {
		out.Write(r.JSON)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// sift takes out the records that a destination can never take: one that is not a
// JSON object in one line would break its neighbours, one over most bytes the
// whole call. most 0 is no bound. The indexes are the batch's.
func sift(records []Record, most int) (good []int, refused []Refusal) {
	for i, r := range records {
		if err := check(r.JSON, most); err != nil {
			refused = append(refused, Refusal{i, err})
			continue
		}
		good = append(good, i)
	}
	return good, refused
}

func check(text []byte, most int) error {
	switch {
	case most > 0 && len(text) > most:
		return fmt.Errorf("the record has %d bytes, the destination takes %d", len(text), most)
	case bytes.ContainsAny(text, "\r\n"):
		return errors.New("the record is not one line")
	case len(text) == 0 || text[0] != '{' || !json.Valid(text):
		return errors.New("the record is not a JSON object")
	}
	return nil
}

func pick(records []Record, indexes []int) []Record {
	if len(indexes) == len(records) {
		return records
	}
	some := make([]Record, len(indexes))
	for i, at := range indexes {
		some[i] = records[at]
	}
	return some
}
