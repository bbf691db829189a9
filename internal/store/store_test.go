package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/store/storetest"
	"github.com/parleychat/parley/ivschat"
)

var tenant = store.Tenant{Account: "123456789012", Region: "us-west-2"}

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func opener(path func(t *testing.T) string) func(t *testing.T) *store.Store {
	return func(t *testing.T) *store.Store {
		s := open(t, path(t))
		t.Cleanup(func() {
			if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
				t.Error(err)
			}
		})
		return s
	}
}

func TestFile(t *testing.T) {
	storetest.Run(t, opener(func(t *testing.T) string { return filepath.Join(t.TempDir(), "parley.db") }))
}

func TestMemory(t *testing.T) {
	storetest.Run(t, opener(func(*testing.T) string { return "" }))
}

func TestMemoryStoresAreApart(t *testing.T) {
	a, b := open(t, ""), open(t, "")
	defer a.Close()
	defer b.Close()
	for _, s := range []*store.Store{a, b} {
		first, err := s.ClaimToken(t.Context(), [16]byte{1}, time.Now())
		if err != nil || !first {
			t.Fatal(first, err)
		}
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	// Characters that mean something in a URI are part of the name.
	dir := filepath.Join(t.TempDir(), "a ?b=c#d%20é&")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "parley.db")
	ctx := t.Context()
	now := time.UnixMilli(1_700_000_000_123).UTC()
	lc := &ivschat.LoggingConfiguration{
		Arn: arnOf(arn.LoggingConfiguration, "lc0000000001"), ID: "lc0000000001", CreateTime: now, UpdateTime: now, State: "ACTIVE",
		DestinationConfiguration: ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: "logs"}},
		Tags:                     map[string]string{"a": "b"},
	}
	room := &ivschat.Room{
		Arn: arnOf(arn.Room, "room00000001"), ID: "room00000001", Name: "stage", CreateTime: now, UpdateTime: now,
		MaximumMessageRatePerSecond: 1, MaximumMessageLength: 2,
		MessageReviewHandler: &ivschat.MessageReviewHandler{URI: new("x"), FallbackResult: new(ivschat.FallbackResultDeny)},
		Tags:                 map[string]string{"c": "d"}, LoggingConfigurationIdentifiers: []string{lc.Arn},
	}
	records := []store.OutboxRecord{{Tenant: tenant, RoomID: room.ID, LoggingConfigurations: []string{lc.Arn},
		EntryID: "entry0000001", Type: "EVENT", Time: now, Payload: []byte("{}")}}

	s := open(t, path)
	must(t, s.CreateLoggingConfiguration(ctx, tenant, lc, 1))
	must(t, s.CreateRoom(ctx, tenant, room, 1))
	must(t, s.AppendOutbox(ctx, records, 0))
	if first, err := s.ClaimToken(ctx, [16]byte{7}, time.Now().Add(time.Minute)); !first || err != nil {
		t.Fatal(first, err)
	}
	for range 3 { // opening is idempotent
		must(t, s.Close())
		s = open(t, path)
		must(t, s.Ping(ctx))
	}
	gotRoom, err := s.Room(ctx, tenant, room.ID)
	must(t, err)
	gotLC, err := s.LoggingConfiguration(ctx, tenant, lc.ID)
	must(t, err)
	gotRecords, err := s.Outbox(ctx, 0, 10)
	must(t, err)
	if diff := cmp.Diff([]any{room, lc, records}, []any{gotRoom, gotLC, gotRecords}); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
	if first, err := s.ClaimToken(ctx, [16]byte{7}, time.Now().Add(time.Minute)); first || err != nil {
		t.Errorf("a used token was claimed again: %v, %v", first, err)
	}
	more := []store.OutboxRecord{{Tenant: tenant, Time: now}}
	must(t, s.AppendOutbox(ctx, more, 0))
	if more[0].ID <= records[0].ID {
		t.Errorf("outbox id %d after %d", more[0].ID, records[0].ID)
	}
	if err := s.CreateRoom(ctx, tenant, &ivschat.Room{ID: "room00000002"}, 1); err == nil {
		t.Error("the quota forgot a room")
	}
	must(t, s.Close())

	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v", info.Mode())
	}
	checkIntegrity(t, path)
}

func TestOneServerPerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.db")
	s := open(t, path)
	if other, err := store.Open(t.Context(), path); err == nil {
		other.Close()
		t.Fatal("a second store opened the file")
	} else if text := err.Error(); !strings.Contains(text, fmt.Sprintf("process %d", os.Getpid())) ||
		!strings.Contains(text, "stop it first, or give this one another data directory") {
		t.Errorf("the error does not say what to do: %v", err)
	}
	// The refused one left the first in peace.
	must(t, s.CreateRoom(t.Context(), tenant, &ivschat.Room{ID: "room00000001"}, 0))
	must(t, s.Close())

	// Of many that race for a new file one wins; when it closes the next can.
	path = filepath.Join(t.TempDir(), "parley.db")
	opened := make(chan *store.Store)
	for range 8 {
		go func() {
			s, _ := store.Open(context.Background(), path)
			opened <- s
		}()
	}
	var winners []*store.Store
	for range 8 {
		if s := <-opened; s != nil {
			winners = append(winners, s)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("%d stores opened one file", len(winners))
	}
	must(t, winners[0].Close())
	must(t, open(t, path).Close())
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	if _, err := store.Open(t.Context(), filepath.Join(dir, "absent", "parley.db")); err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("no folder: %v", err)
	}
	other := filepath.Join(dir, "other")
	must(t, os.WriteFile(other, []byte(strings.Repeat("not a database ", 100)), 0o600))
	if _, err := store.Open(t.Context(), other); err == nil || !strings.Contains(err.Error(), "not a database") {
		t.Errorf("another kind of file: %v", err)
	}

	newer := filepath.Join(dir, "newer.db")
	must(t, open(t, newer).Close())
	execute(t, newer, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	if _, err := store.Open(t.Context(), newer); err == nil || !strings.Contains(err.Error(), "start a release at least as new") {
		t.Errorf("a later release's file: %v", err)
	}
	execute(t, newer, "DELETE FROM goose_db_version WHERE version_id = 99999")
	must(t, open(t, newer).Close())
}

func TestClosed(t *testing.T) {
	s := open(t, "")
	must(t, s.Close())
	if err := s.Close(); err != store.ErrClosed {
		t.Errorf("second Close: %v", err)
	}
	if err := s.CreateRoom(t.Context(), tenant, &ivschat.Room{ID: "room00000001"}, 0); err == nil {
		t.Error("a closed store took a room")
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a closed store answers")
	}
}

func arnOf(kind, id string) string {
	return arn.ARN{Region: tenant.Region, Account: tenant.Account, Type: kind, ID: id}.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	_, err = db.Exec(statement)
	must(t, err)
}

func checkIntegrity(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	var verdict string
	must(t, db.QueryRow("PRAGMA integrity_check").Scan(&verdict))
	if verdict != "ok" {
		t.Fatalf("integrity_check: %s", verdict)
	}
}
