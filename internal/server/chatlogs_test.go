package server_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// logged makes a room that is logged to a bucket.
func (r *running) logged() *ivschat.Room {
	r.t.Helper()
	lc, err := r.client().CreateLoggingConfiguration(r.t.Context(), &ivschat.CreateLoggingConfigurationInput{
		DestinationConfiguration: &ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: "chat-logs"}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	room, err := r.client().UpdateRoom(r.t.Context(), &ivschat.UpdateRoomInput{
		Identifier: r.room().Arn, LoggingConfigurationIdentifiers: []string{lc.Arn},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return room
}

// chat sends messages and an event to the room, and returns the ids that came back.
func (r *running) chat(room *ivschat.Room) (ids []string) {
	r.t.Helper()
	c := r.connect(room, "ana")
	for i := range 5 {
		r.send(c, fmt.Sprintf(`{"Action":"SEND_MESSAGE","RequestId":"%d","Content":"logged"}`, i))
		ids = append(ids, r.read(c).Id)
	}
	if _, err := r.client().SendEvent(r.t.Context(), &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: "x"}); err != nil {
		r.t.Fatal(err)
	}
	return append(ids, r.read(c).Id)
}

// objects returns the ids of the records below the directory, in their order.
func objects(t *testing.T, dir string) (ids []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		lines := bufio.NewScanner(z)
		for lines.Scan() {
			var record struct {
				Type    string `json:"type"`
				Payload struct{ Id string }
				Version string `json:"version"`
			}
			if err := json.Unmarshal(lines.Bytes(), &record); err != nil || record.Version != "1.0" {
				return fmt.Errorf("%s: record %s: %w", path, lines.Bytes(), err)
			}
			ids = append(ids, record.Payload.Id)
		}
		return lines.Err()
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return ids
}

func TestWhatViewersOfALoggedRoomGotIsInItsBucket(t *testing.T) {
	data := t.TempDir()
	r := start(t, func(c *config.Config) { c.Data = data })
	room, quiet := r.logged(), r.room()
	other := r.connect(quiet, "ana")
	r.send(other, `{"Action":"SEND_MESSAGE","Content":"not logged"}`)
	r.read(other)
	ids := r.chat(room)
	r.stop()
	if got := objects(t, filepath.Join(data, "chatlogs", "chat-logs", "AWSLogs")); !slices.Equal(got, ids) {
		t.Errorf("logged %v, want %v", got, ids)
	}
}

func TestADestinationThatIsDownLosesNothing(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "logs")
	change := func(c *config.Config) { c.Data, c.ChatlogDir = data, dir }
	r := start(t, change)
	room := r.logged()
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil { // no directory any more
		t.Fatal(err)
	}
	ids := r.chat(room) // the room chats on
	r.stop()
	if !strings.Contains(r.logs.String(), "they wait in the outbox") {
		t.Error("nothing was said of the failure")
	}
	s, err := store.Open(t.Context(), filepath.Join(data, "parley.db"))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.Outbox(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(kept) != len(ids) {
		t.Fatalf("%d records wait, want %d", len(kept), len(ids))
	}

	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	start(t, change).stop()
	if got := objects(t, dir); !slices.Equal(got, ids) {
		t.Errorf("logged %v, want %v", got, ids)
	}
}

func TestStatesSayWhetherADestinationCouldBeWrittenTo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	r := start(t, func(c *config.Config) { c.ChatlogDir = dir })
	broken, whole := func() error { return os.WriteFile(dir, nil, 0o600) }, func() error { return os.RemoveAll(dir) }
	bucket := func(name string) *ivschat.DestinationConfiguration {
		return &ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: name}}
	}
	if err := broken(); err != nil {
		t.Fatal(err)
	}
	client := r.client()
	lc, err := client.CreateLoggingConfiguration(t.Context(), &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: bucket("first")})
	if err != nil || lc.State != "ACTIVE" {
		t.Fatalf("create: %+v, %v; the answer knows only ACTIVE", lc, err)
	}
	want := func(state ivschat.LoggingConfigurationState, name string) {
		t.Helper()
		got, err := client.GetLoggingConfiguration(t.Context(), &ivschat.GetLoggingConfigurationInput{Identifier: lc.Arn})
		if err != nil {
			t.Fatal(err)
		}
		if got.State != state || got.DestinationConfiguration.S3.BucketName != name {
			t.Errorf("%s to %s, want %s to %s", got.State, got.DestinationConfiguration.S3.BucketName, state, name)
		}
	}
	update := func(in ivschat.UpdateLoggingConfigurationInput) {
		t.Helper()
		in.Identifier = lc.Arn
		if got, err := client.UpdateLoggingConfiguration(t.Context(), &in); err != nil || got.State != "ACTIVE" {
			t.Errorf("update: %+v, %v", got, err)
		}
	}
	want("CREATE_FAILED", "first")
	_, err = client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{LoggingConfigurationIdentifiers: []string{lc.Arn}})
	if _, ok := errors.AsType[*ivschat.ConflictException](err); !ok {
		t.Errorf("a room with a configuration that failed: %v, want ConflictException", err)
	}
	update(ivschat.UpdateLoggingConfigurationInput{Name: new("still")})
	want("CREATE_FAILED", "first")
	if err := whole(); err != nil {
		t.Fatal(err)
	}
	update(ivschat.UpdateLoggingConfigurationInput{})
	want("ACTIVE", "first")
	if err := errors.Join(whole(), broken()); err != nil {
		t.Fatal(err)
	}
	update(ivschat.UpdateLoggingConfigurationInput{DestinationConfiguration: bucket("second")})
	want("UPDATE_FAILED", "first")
	if err := whole(); err != nil {
		t.Fatal(err)
	}
	update(ivschat.UpdateLoggingConfigurationInput{DestinationConfiguration: bucket("second")})
	want("ACTIVE", "second")
}

func TestAFullOutboxRefusesWhatItCouldNotKeep(t *testing.T) {
	r := start(t, func(c *config.Config) { c.OutboxLimit = 300 })
	room, quiet := r.logged(), r.room()
	c := r.connect(room, "ana")
	r.send(c, `{"Action":"SEND_MESSAGE","RequestId":"1","Content":"fits"}`)
	if f := r.read(c); f.Type != "MESSAGE" {
		t.Fatalf("got %+v", f)
	}
	r.send(c, `{"Action":"SEND_MESSAGE","RequestId":"2","Content":"does not"}`)
	if f := r.read(c); f.ErrorCode != 500 || f.RequestId != "2" {
		t.Errorf("got %+v, want ERROR 500", f)
	}
	other := r.connect(quiet, "ana")
	r.send(other, `{"Action":"SEND_MESSAGE","RequestId":"3","Content":"not logged"}`)
	if f := r.read(other); f.Type != "MESSAGE" {
		t.Errorf("got %+v", f)
	}
}

func TestAFullOutboxDropsItsOldestIfToldTo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	r := start(t, func(c *config.Config) {
		c.OutboxLimit, c.OutboxPolicy, c.ChatlogDir, c.ChatlogObjectInterval = 2000, "drop-oldest", dir, time.Hour
		c.Quotas = "none"
	})
	room := r.logged()
	c := r.connect(room, "ana")
	var ids []string
	for range 30 {
		r.send(c, `{"Action":"SEND_MESSAGE","Content":"one of too many"}`)
		f := r.read(c)
		if f.Type != "MESSAGE" {
			t.Fatalf("got %+v", f)
		}
		ids = append(ids, f.Id)
	}
	r.stop()
	got := objects(t, dir)
	if len(got) == 0 || len(got) > 20 || !slices.Equal(got, ids[len(ids)-len(got):]) {
		t.Errorf("logged %v, want the last of %v", got, ids)
	}
	if !strings.Contains(r.logs.String(), "the oldest records are dropped") {
		t.Error("nothing was said of it")
	}
}

func TestANoticeTellsThatADestinationFailsAndRecovers(t *testing.T) {
	notices := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		notices <- string(body)
	}))
	defer hook.Close()
	dir := filepath.Join(t.TempDir(), "logs")
	r := start(t, func(c *config.Config) {
		c.ChatlogDir, c.ChatlogObjectInterval, c.NoticeWebhook = dir, time.Second, hook.URL
	})
	room := r.logged()
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	r.chat(room)
	lc := room.LoggingConfigurationIdentifiers[0]
	if got := <-notices; !strings.Contains(got, `"type":"chatlog.destination.failing"`) || !strings.Contains(got, lc) || !strings.Contains(got, `"error":"`) {
		t.Errorf("notice %s", got)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if got := <-notices; !strings.Contains(got, `"type":"chatlog.destination.recovered"`) || !strings.Contains(got, lc) {
		t.Errorf("notice %s", got)
	}
}
