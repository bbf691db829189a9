package chatlogfaults

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
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

var roomOf = regexp.MustCompile(`room_([A-Za-z0-9]{12})`)

// line is one record of a room.
type line struct {
	id string
	at time.Time
}

// collect adds the ids of a file's records, which must all be whole.
func collect(t *testing.T, path string, text []byte, into map[string][]line) {
	t.Helper()
	room := roomOf.FindStringSubmatch(path)[1]
	for _, one := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		var record struct {
			Type    string `json:"type"`
			Version string `json:"version"`
			Payload struct {
				Id       string
				SendTime time.Time
			} `json:"payload"`
		}
		if err := json.Unmarshal(one, &record); err != nil || record.Version != "1.0" || record.Payload.Id == "" {
			t.Errorf("%s: broken record %q: %v", path, one, err)
			continue
		}
		into[room] = append(into[room], line{record.Payload.Id, record.Payload.SendTime})
	}
}

func files(t *testing.T, dir, suffix string, read func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			read(path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// objects are the ids in the bucket, by room. Objects of one window have no order
// among them but that of their records.
func objects(t *testing.T, data string) map[string][]string {
	lines := map[string][]line{}
	files(t, filepath.Join(data, "chatlogs", "chat-logs"), ".log.gz", func(path string, text []byte) {
		z, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if text, err = io.ReadAll(z); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		collect(t, path, text, lines)
	})
	for _, all := range lines {
		slices.SortStableFunc(all, func(a, b line) int { return a.at.Compare(b.at) })
	}
	return ids(lines)
}

// events are the ids in the log group, by room, as they were put.
func events(t *testing.T, data string) map[string][]string {
	lines := map[string][]line{}
	files(t, filepath.Join(data, "chatlogs", "cloudwatch"), ".log", func(path string, text []byte) { collect(t, path, text, lines) })
	return ids(lines)
}

func ids(lines map[string][]line) map[string][]string {
	all := map[string][]string{}
	for room, list := range lines {
		for _, l := range list {
			all[room] = append(all[room], l.id)
		}
	}
	return all
}

// result is what a comparison found.
type result struct{ doubled, lost, reordered int }

// compare holds what a room's viewers got against what was logged, the first time
// each record came. What was logged may be more: not every delivery was seen.
func compare(seen, logged []string) (r result) {
	place := map[string]int{}
	for _, id := range logged {
		if _, ok := place[id]; ok {
			r.doubled++
			continue
		}
		place[id] = len(place)
	}
	last := -1
	for _, id := range seen {
		at, ok := place[id]
		switch {
		case !ok:
			r.lost++
		case at < last:
			r.reordered++
		default:
			last = at
		}
	}
	return r
}

func TestCompareFindsWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		seen, logged string
		want         result
	}{
		{"abc", "abc", result{}},
		{"ac", "abc", result{}}, // b was delivered to nobody who lived
		{"acd", "abbca", result{doubled: 2, lost: 1}},
		{"ab", "ba", result{reordered: 1}},
		{"a", "", result{lost: 1}},
	} {
		if got := compare(strings.Split(test.seen, ""), strings.Split(test.logged, "")); got != test.want {
			t.Errorf("seen %s, logged %s: %+v, want %+v", test.seen, test.logged, got, test.want)
		}
	}
}
