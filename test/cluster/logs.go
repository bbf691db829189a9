package cluster

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// object is an object of a bucket that is a directory.
type object struct {
	room, path string
	written    time.Time
}

var roomOf = regexp.MustCompile(`_room_(\w{12})_`)

func readLogs(t testing.TB, dir, bucket string) map[string][]string {
	t.Helper()
	var objects []object
	err := filepath.WalkDir(filepath.Join(dir, bucket), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".log.gz") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		room := roomOf.FindStringSubmatch(d.Name())
		if room == nil {
			t.Errorf("an object has the name %s", d.Name())
			return nil
		}
		objects = append(objects, object{room[1], path, info.ModTime()})
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	slices.SortFunc(objects, func(a, b object) int { return a.written.Compare(b.written) })
	logged := map[string][]string{}
	for _, o := range objects {
		logged[o.room] = append(logged[o.room], readObject(t, o.path)...)
	}
	return logged
}

// readObject returns the ids of an object's records.
func readObject(t testing.TB, path string) (ids []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		var record struct {
			Payload struct{ Id string } `json:"payload"`
		}
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil || record.Payload.Id == "" {
			t.Errorf("%s has the record %s", path, lines.Text())
		}
		ids = append(ids, record.Payload.Id)
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return ids
}
