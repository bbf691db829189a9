package chatlog_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/ivschat"
)

// What an operator who configured nothing sees on disk.
func TestFilesWithoutSettings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "chatlogs")
	d := destinations(t, settings(dir))
	records := []chatlog.Record{record(1, "hello"), record(2, "wörld \\n")}
	b := batch(records...)
	put(t, open(t, d, bucket("chat-logs")), b)
	put(t, open(t, d, group("/aws/ivschat/test")), b)
	put(t, open(t, d, group("..")), b)
	put(t, open(t, d, stream("test-stream")), b)
	got := walk(t, dir)
	object := "chat-logs/" + chatlog.ObjectKey(b, 0)
	got[object] = unpack(t, []byte(got[object]))
	want := map[string]string{
		object: text(records...),
		"cloudwatch/123456789012/us-west-2/%2Faws%2Fivschat%2Ftest/aws/IVSChatLogs/1.0/room_abc123DEF456.log": text(records...),
		"cloudwatch/123456789012/us-west-2/%2E./aws/IVSChatLogs/1.0/room_abc123DEF456.log":                    text(records...),
		"firehose/123456789012/us-west-2/test-stream/room_abc123DEF456.log":                                   text(records...),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(filepath.Join(dir, object))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestABatchPutAgainIsTheSameObject(t *testing.T) {
	dir := t.TempDir()
	d := open(t, destinations(t, settings(dir)), bucket("chat-logs"))
	put(t, d, batch(record(1, "a")))
	put(t, d, batch(record(1, "a")))
	put(t, d, batch(record(1, "a"), record(2, "b")))
	if files := walk(t, dir); len(files) != 2 {
		t.Errorf("%d objects of two batches", len(files))
	}
}

// A hash of eight digits is no proof: another batch's object stays.
func TestAnObjectIsNeverReplaced(t *testing.T) {
	dir := t.TempDir()
	b := batch(record(1, "a"))
	taken := filepath.Join(dir, "chat-logs", chatlog.ObjectKey(b, 0))
	if err := os.MkdirAll(filepath.Dir(taken), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(taken, []byte("another batch"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, destinations(t, settings(dir)), bucket("chat-logs")), b)
	files := walk(t, dir)
	if files["chat-logs/"+chatlog.ObjectKey(b, 0)] != "another batch" || unpack(t, []byte(files["chat-logs/"+chatlog.ObjectKey(b, 1)])) != text(b.Records...) {
		t.Errorf("%q", files)
	}
}

// A machine that died left half a line: it goes, as its record comes again.
func TestHalfALineIsCutOff(t *testing.T) {
	dir := t.TempDir()
	d := open(t, destinations(t, settings(dir)), group("g"))
	put(t, d, batch(record(1, "a")))
	path := filepath.Join(dir, "cloudwatch", account, region, "g", "aws", "IVSChatLogs", "1.0", "room_"+room+".log")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	half := bytes.Repeat(record(2, "b").JSON, 100)
	if _, err := f.Write(half[:len(half)-3]); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	put(t, d, batch(record(2, "b")))
	body, err := os.ReadFile(path)
	if want := text(record(1, "a"), record(2, "b")); err != nil || string(body) != want {
		t.Errorf("%q, %v", body, err)
	}
}

func FuzzWholeLines(f *testing.F) {
	for _, seed := range []string{"", "\n", "a", "a\n", "a\nb", strings.Repeat("x", 4096) + "\n", strings.Repeat("x", 5000), "\n" + strings.Repeat("x", 4096)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := chatlog.WholeLines(text)
		if want := int64(bytes.LastIndexByte(text, '\n') + 1); err != nil || got != want {
			t.Errorf("%d, %v, want %d", got, err, want)
		}
	})
}

// Two logging configurations may name one group, and many rooms write at once.
func TestManyWriteAtOnce(t *testing.T) {
	dir := t.TempDir()
	d := destinations(t, settings(dir))
	const writers, each = 8, 20
	var all sync.WaitGroup
	for w := range writers {
		destination := open(t, d, group("g"))
		all.Go(func() {
			for i := range each {
				if o, err := destination.Put(t.Context(), batch(record(w*each+i, "x"))); err != nil || len(o.Again)+len(o.Refused) > 0 {
					t.Errorf("%+v, %v", o, err)
				}
			}
		})
	}
	all.Wait()
	var want []string
	for i := range writers * each {
		want = append(want, string(record(i, "x").JSON))
	}
	for _, body := range walk(t, dir) {
		got := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filepath.Join(dir, ".incoming", "object-1"), filepath.Join(dir, ".incoming", "object-2")
	if err := os.Mkdir(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{old, fresh} {
		if err := os.WriteFile(path, []byte("half an obj"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, destinations(t, settings(dir)), bucket("chat-logs")), batch(record(1, "a")))
	files := walk(t, dir)
	if _, there := files[".incoming/object-1"]; there || files[".incoming/object-2"] == "" || len(files) != 2 {
		t.Errorf("%q", files)
	}
}

func TestADirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := destinations(t, settings(filepath.Join(file, "chatlogs")))
	for _, c := range []ivschat.DestinationConfiguration{bucket("chat-logs"), group("g"), stream("s")} {
		if o, err := open(t, d, c).Put(t.Context(), batch(record(1, "a"))); err == nil {
			t.Errorf("%+v", o)
		}
		if err := d.Probe(t.Context(), account, region, c); err == nil {
			t.Error("the probe found nothing wrong")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	good := t.TempDir()
	for _, c := range []ivschat.DestinationConfiguration{bucket("chat-logs"), group("g")} {
		if _, err := open(t, destinations(t, settings(good)), c).Put(ctx, batch(record(1, "a"))); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func TestRulesOfDirectories(t *testing.T) {
	dir := t.TempDir()
	d := destinations(t, settings(filepath.Join(dir, "rest"),
		chatlog.Rule{Kind: chatlog.KindS3, Account: "123*", Name: "chat-*-eu", Directory: filepath.Join(dir, "eu")},
		chatlog.Rule{Kind: chatlog.KindS3, Account: "999999999999", Directory: filepath.Join(dir, "other")},
		chatlog.Rule{Kind: chatlog.KindCloudWatchLogs, Name: "/aws/*", Directory: filepath.Join(dir, "groups")},
		chatlog.Rule{Kind: chatlog.KindS3, Name: "*eu", Directory: filepath.Join(dir, "late")},
	))
	for _, test := range []struct {
		c    ivschat.DestinationConfiguration
		want string
	}{
		{bucket("chat-a-eu"), "eu"}, {bucket("chat-eu"), "late"}, {bucket("chat-a-eux"), "rest"}, {bucket("chat.a-eu"), "late"},
		{group("/aws/a/b"), "groups"}, {group("x/aws/a"), "rest"}, {stream("chat-a-eu"), "rest"},
	} {
		put(t, open(t, d, test.c), batch(record(1, "a")))
		if err := d.Probe(t.Context(), account, region, test.c); err != nil {
			t.Error(err)
		}
		for name := range walk(t, dir) {
			if first, _, _ := strings.Cut(name, "/"); first != test.want {
				t.Errorf("%+v is in %s, want %s", test.c, first, test.want)
			}
		}
		for _, name := range []string{"eu", "other", "groups", "late", "rest"} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	good := settings("d")
	for name, wrong := range map[string]func(*chatlog.Settings){
		"no directory": func(s *chatlog.Settings) { s.Directory = "" },
		"no interval":  func(s *chatlog.Settings) { s.EventInterval = 0 },
		"no kind":      func(s *chatlog.Settings) { s.Rules = []chatlog.Rule{{Endpoint: "aws"}} },
		"nowhere":      func(s *chatlog.Settings) { s.Rules = []chatlog.Rule{{Kind: "s3"}} },
		"two places":   func(s *chatlog.Settings) { s.Rules = []chatlog.Rule{{Kind: "s3", Directory: "d", Endpoint: "aws"}} },
		"no URL":       func(s *chatlog.Settings) { s.Rules = []chatlog.Rule{{Kind: "s3", Endpoint: "127.0.0.1"}} },
		"no variable": func(s *chatlog.Settings) {
			s.Rules = []chatlog.Rule{{Kind: "s3", Endpoint: "aws", AccessKeyIDEnv: "ID", SecretAccessKeyEnv: "UNSET"}}
		},
		"no profile": func(s *chatlog.Settings) {
			s.Rules = []chatlog.Rule{{Kind: "s3", Endpoint: "aws", Profile: "there-is-none"}}
		},
		"no way to ask": func(s *chatlog.Settings) {
			s.LookupEnv, s.Rules = nil, []chatlog.Rule{{Kind: "s3", Endpoint: "aws", AccessKeyIDEnv: "ID", SecretAccessKeyEnv: "SECRET"}}
		},
	} {
		s := good
		wrong(&s)
		if d, err := chatlog.NewDestinations(s); err == nil {
			t.Errorf("%s: %v", name, d)
		} else if strings.Contains(err.Error(), "secret-of-the-test") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := destinations(t, good).Open(account, region, ivschat.DestinationConfiguration{}); err == nil {
		t.Error("a configuration of nothing opens")
	}
}

func TestLimits(t *testing.T) {
	service := newService(t, func(call) (int, string) { return 200, "" })
	for _, rules := range [][]chatlog.Rule{nil, {service.rule("s3"), service.rule("cloudwatch-logs"), service.rule("firehose")}} {
		d := destinations(t, settings(t.TempDir(), rules...))
		got := []chatlog.Limits{open(t, d, bucket("chat-logs")).Limits(), open(t, d, group("g")).Limits(), open(t, d, stream("s")).Limits()}
		want := []chatlog.Limits{
			{Records: 50_000, Bytes: 8 << 20, Overhead: 1, Age: 5 * time.Minute},
			{Records: 10_000, Bytes: 1 << 20, Overhead: 26, Span: 24 * time.Hour, Age: 10 * time.Second},
			{Records: 500, Bytes: 4 << 20, Overhead: 1, Age: 10 * time.Second},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}
