package chatlog_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/ivschat"
)

const (
	account = "123456789012"
	region  = "us-west-2"
	room    = "abc123DEF456"
)

// began is the documented example's time, within its window.
func began() time.Time { return time.Date(2022, 10, 14, 17, 43, 59, 0, time.UTC) }

func record(i int, content string) chatlog.Record {
	at := began().Add(time.Duration(i) * time.Second)
	text := fmt.Sprintf(`{"event_timestamp":"%s","type":"MESSAGE","payload":{"Type":"MESSAGE","Id":"entry%d","Content":"%s"},"version":"1.0"}`,
		at.Format("2006-01-02T15:04:05.000Z"), i, content)
	return chatlog.Record{ID: int64(i), EntryID: fmt.Sprint("entry", i), Time: at, JSON: []byte(text)}
}

func batch(records ...chatlog.Record) chatlog.Batch {
	return chatlog.Batch{Account: account, Region: region, RoomID: room, Window: began(), Records: records}
}

func bucket(name string) ivschat.DestinationConfiguration {
	return ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: name}}
}

func group(name string) ivschat.DestinationConfiguration {
	return ivschat.DestinationConfiguration{CloudWatchLogs: &ivschat.CloudWatchLogsDestinationConfiguration{LogGroupName: name}}
}

func stream(name string) ivschat.DestinationConfiguration {
	return ivschat.DestinationConfiguration{Firehose: &ivschat.FirehoseDestinationConfiguration{DeliveryStreamName: name}}
}

func settings(dir string, rules ...chatlog.Rule) chatlog.Settings {
	return chatlog.Settings{
		Directory: dir, ObjectInterval: 5 * time.Minute, EventInterval: 10 * time.Second, ObjectSize: 8 << 20, Rules: rules,
		LookupEnv: func(name string) (string, bool) {
			value, ok := map[string]string{"ID": "AKIDEXAMPLE", "SECRET": "secret-of-the-test"}[name]
			return value, ok
		},
	}
}

func destinations(t *testing.T, s chatlog.Settings) *chatlog.Destinations {
	t.Helper()
	d, err := chatlog.NewDestinations(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func open(t *testing.T, d *chatlog.Destinations, c ivschat.DestinationConfiguration) chatlog.Destination {
	t.Helper()
	opened, err := d.Open(account, region, c)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// put delivers a batch that must be taken whole.
func put(t *testing.T, d chatlog.Destination, b chatlog.Batch) {
	t.Helper()
	o, err := d.Put(t.Context(), b)
	if err != nil || o.Err != nil || len(o.Again) > 0 || len(o.Refused) > 0 {
		t.Fatalf("%+v, %v", o, err)
	}
}

func unpack(t *testing.T, body []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func text(records ...chatlog.Record) string {
	var b strings.Builder
	for _, r := range records {
		b.Write(r.JSON)
		b.WriteByte('\n')
	}
	return b.String()
}

// service answers the SDK's calls with what a test wants, and keeps them.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	answer func(call) (status int, body string)
}

type call struct {
	operation string // PUT /bucket/key, or the JSON protocols' target
	header    http.Header
	body      string
}

func newService(t *testing.T, answer func(call) (int, string)) *service {
	s := &service{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		c := call{operation: r.Method + " " + r.URL.Path, header: r.Header, body: string(body)}
		if target := r.Header.Get("X-Amz-Target"); target != "" {
			_, c.operation, _ = strings.Cut(target, ".")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, c)
		status, answer := s.answer(c)
		if status == hangUp {
			panic(http.ErrAbortHandler)
		}
		if strings.HasPrefix(answer, "{") {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		}
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

// hangUp is the status of a connection that is cut instead of an answer.
const hangUp = -1

func (s *service) rule(kind string) chatlog.Rule {
	return chatlog.Rule{Kind: kind, Endpoint: s.URL, AccessKeyIDEnv: "ID", SecretAccessKeyEnv: "SECRET", PathStyle: kind == chatlog.KindS3}
}

func (s *service) made() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call(nil), s.calls...)
}

func (s *service) operations() string {
	var names []string
	for _, c := range s.made() {
		names = append(names, c.operation)
	}
	return strings.Join(names, " ")
}
