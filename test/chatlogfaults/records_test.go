package chatlogfaults

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// anywhere is the room of records of a destination that does not tell rooms apart.
const anywhere = ""

// records are what a destination holds.
type records struct {
	rooms   map[string][]entry   // in the destination's order
	objects map[string][][]entry // the same of a bucket, not yet in rooms
	broken  []string
}

func newRecords() *records {
	return &records{rooms: map[string][]entry{}, objects: map[string][][]entry{}}
}

// add takes one record's text.
func (r *records) add(room string, text []byte) {
	var record struct {
		Timestamp time.Time `json:"event_timestamp"`
		Type      string    `json:"type"`
		Version   string    `json:"version"`
		Payload   struct {
			Type, Id, Content, EventName string
			SendTime                     time.Time
		} `json:"payload"`
	}
	err := json.Unmarshal(text, &record)
	p := &record.Payload
	if err != nil || record.Version != "1.0" || p.Id == "" || record.Type != p.Type || p.Type != "MESSAGE" && p.Type != "EVENT" ||
		!record.Timestamp.Equal(p.SendTime.Truncate(time.Millisecond)) {
		r.broken = append(r.broken, string(text))
		return
	}
	r.rooms[room] = append(r.rooms[room], entry{p.Id, p.Content + p.EventName, p.SendTime})
}

// lines takes records of a room, each with a line's end.
func (r *records) lines(room string, text []byte) {
	for one := range bytes.Lines(text) {
		whole, ok := bytes.CutSuffix(one, []byte("\n"))
		if !ok {
			r.broken = append(r.broken, string(one))
			continue
		}
		r.add(room, whole)
	}
}

// object takes a room's records as an object of a bucket has them.
func (r *records) object(room string, body []byte) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	var text []byte
	if err == nil {
		text, err = io.ReadAll(z)
	}
	if err != nil {
		r.broken = append(r.broken, fmt.Sprintf("an object of room %s: %v", room, err))
	}
	one := newRecords()
	one.lines(room, text)
	r.broken = append(r.broken, one.broken...)
	if all := one.rooms[room]; len(all) > 0 {
		r.objects[room] = append(r.objects[room], all)
	}
}

// sort has the objects follow each other by their first record's time. Within an
// object the order is the room's, which SendTime need not be: two messages that
// come at once may get their places the other way round.
func (r *records) sort() {
	for room, objects := range r.objects {
		slices.SortStableFunc(objects, func(a, b []entry) int { return a[0].at.Compare(b[0].at) })
		r.rooms[room] = slices.Concat(objects...)
	}
}

// of returns a room's records. From a destination that does not tell rooms apart,
// and keeps no order, they are those that its viewers got, as they got them.
func (r *records) of(room string, got []entry) []entry {
	all := r.rooms[anywhere]
	if all == nil {
		return r.rooms[room]
	}
	place := make(map[string]int, len(got))
	for i, e := range got {
		place[e.id] = i
	}
	mine := slices.DeleteFunc(slices.Clone(all), func(e entry) bool {
		_, known := place[e.id]
		return !known
	})
	slices.SortStableFunc(mine, func(a, b entry) int { return place[a.id] - place[b.id] })
	return mine
}

func (r *records) count() (n int) {
	for _, all := range r.rooms {
		n += len(all)
	}
	return n
}

// result is what a comparison found.
type result struct{ doubled, lost, reordered, altered, broken int }

func (r *result) add(o result) {
	r.doubled += o.doubled
	r.lost += o.lost
	r.reordered += o.reordered
	r.altered += o.altered
	r.broken += o.broken
}

// compare holds what a room's viewers got against what was logged, the first time
// each record came. What was logged may be more: not every delivery was seen.
func compare(got, logged []entry) (r result) {
	place, text := map[string]int{}, map[string]string{}
	for _, e := range logged {
		if _, ok := place[e.id]; ok {
			r.doubled++
			continue
		}
		place[e.id], text[e.id] = len(place), e.text
	}
	last := -1
	for _, e := range got {
		at, ok := place[e.id]
		switch {
		case !ok:
			r.lost++
			continue
		case text[e.id] != e.text:
			r.altered++
		case at < last:
			r.reordered++
		}
		last = max(last, at)
	}
	return r
}

var roomOf = regexp.MustCompile(`room_([A-Za-z0-9]{12})`)

// room is the id in an object's key or a log stream's name.
func room(name string) string {
	if found := roomOf.FindStringSubmatch(name); found != nil {
		return found[1]
	}
	return "none"
}

// files are what the server put below a directory of chat logs.
func files(t *testing.T, dir string) map[string]*records {
	t.Helper()
	bucket, group := newRecords(), newRecords()
	read := func(dir, suffix string, take func(room string, text []byte)) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
				return err
			}
			text, err := os.ReadFile(path)
			take(room(path), text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read(filepath.Join(dir, "chat-logs"), ".log.gz", bucket.object)
	read(filepath.Join(dir, "cloudwatch"), ".log", group.lines)
	bucket.sort()
	return map[string]*records{aBucket: bucket, aLogGroup: group}
}
