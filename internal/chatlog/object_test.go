package chatlog_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/chatlog"
)

func walk(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// spec: logging.md §3. A key is the documented example's but for the hash, whose
// making is not documented: ours is eight hex digits, the same for the same batch
// and another for another.
func TestObjectKeys(t *testing.T) {
	documented := regexp.MustCompile(`^AWSLogs/123456789012/IVSChatLogs/1\.0/us-west-2/room_abc123DEF456/2022/10/14/17/` +
		`123456789012_IVSChatLogs_1\.0_us-west-2_room_abc123DEF456_20221014T1740Z_[0-9a-f]{8}\.log\.gz$`)
	key := chatlog.ObjectKey(batch(record(1, "a")), 0)
	if !documented.MatchString(key) {
		t.Error(key)
	}
	if again := chatlog.ObjectKey(batch(record(1, "a")), 0); again != key {
		t.Errorf("the same batch is %s and %s", key, again)
	}
	seen := map[string]bool{key: true}
	longer := batch(record(1, "a"), record(2, "b"))
	other := batch(record(1, "a"))
	other.RoomID = "abc123DEF457"
	for _, key := range []string{chatlog.ObjectKey(longer, 0), chatlog.ObjectKey(other, 0), chatlog.ObjectKey(batch(record(1, "a")), 1), chatlog.ObjectKey(batch(record(2, "a")), 0)} {
		if seen[key] {
			t.Errorf("%s names two batches", key)
		}
		seen[key] = true
	}
	for _, test := range []struct{ window, want string }{
		{"2022-10-14T17:40:00Z", "2022/10/14/17/…_20221014T1740Z_"}, {"2022-10-14T17:44:59.999999999Z", "2022/10/14/17/…_20221014T1740Z_"},
		{"2022-10-14T17:45:00Z", "2022/10/14/17/…_20221014T1745Z_"}, {"2022-12-31T23:59:59Z", "2022/12/31/23/…_20221231T2355Z_"},
		{"2023-01-01T01:00:00+02:00", "2022/12/31/23/…_20221231T2300Z_"},
	} {
		b := batch(record(1, "a"))
		var err error
		if b.Window, err = time.Parse(time.RFC3339Nano, test.window); err != nil {
			t.Fatal(err)
		}
		before, after, _ := strings.Cut(test.want, "…")
		if key := chatlog.ObjectKey(b, 0); !strings.Contains(key, "/"+before) || !strings.Contains(key, "abc123DEF456"+after) {
			t.Errorf("%s: %s", test.window, key)
		}
	}
}

// What one record has must not break another's line.
func TestRecordsThatNoDestinationTakes(t *testing.T) {
	good := record(2, "fine")
	for _, bad := range []string{"", "{", "[]", `"text"`, "{\"a\":\n1}", "{}\n", "{}{}", "{\"a\":\"\x01\"}"} {
		dir := t.TempDir()
		for _, c := range []chatlog.Destination{open(t, destinations(t, settings(dir)), bucket("chat-logs")), open(t, destinations(t, settings(dir)), group("g")), open(t, destinations(t, settings(dir)), stream("s"))} {
			o, err := c.Put(t.Context(), batch(chatlog.Record{EntryID: "bad", Time: began(), JSON: []byte(bad)}, good))
			if err != nil || len(o.Again) != 0 || len(o.Refused) != 1 || o.Refused[0].Index != 0 || o.Refused[0].Err == nil {
				t.Errorf("%q: %+v, %v", bad, o, err)
			}
		}
		files := walk(t, dir)
		if len(files) != 3 {
			t.Errorf("%d files", len(files))
		}
		for name, body := range files {
			if strings.HasSuffix(name, ".gz") {
				body = unpack(t, []byte(body))
			}
			if body != text(good) {
				t.Errorf("%s has %q", name, body)
			}
		}
	}
	dir := t.TempDir()
	o, err := open(t, destinations(t, settings(dir)), bucket("chat-logs")).Put(t.Context(), batch(chatlog.Record{JSON: []byte("x")}))
	if err != nil || len(o.Refused) != 1 || len(walk(t, dir)) != 0 {
		t.Errorf("nothing but refused records: %+v, %v, %v", o, err, walk(t, dir))
	}
}

func FuzzSegment(f *testing.F) {
	for _, seed := range []string{".", "..", "/", "a/../b", "", "/aws/ivschat/x", strings.Repeat("/", 512), "%2F", "~", ".incoming", "...", "a b"} {
		f.Add(seed, seed+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		first, second := chatlog.Segment(a), chatlog.Segment(b)
		if a != "" && (first == "" || strings.ContainsAny(first, "/\\\x00") || first[0] == '.' || len(first) > 255) {
			t.Errorf("%q is the file name %q", a, first)
		}
		if (a == b) != (first == second) {
			t.Errorf("%q and %q are %q and %q", a, b, first, second)
		}
	})
}
