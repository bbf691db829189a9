package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

func TestACommandWorksBesideAServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.db")
	server := opener(func(*testing.T) string { return path })(t)
	command, err := store.Attach(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer command.Close()
	const each = 50
	var both sync.WaitGroup
	for i, s := range []*store.Store{server, command} {
		both.Go(func() {
			for n := range each {
				if err := s.CreateRoom(t.Context(), tenant, roomOf(fmt.Sprintf("room%d%07d", i, n)), 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	for i, s := range []*store.Store{server, command} {
		other := fmt.Sprintf("room%d%07d", 1-i, each-1)
		if _, err := s.Room(t.Context(), tenant, other); err != nil {
			t.Errorf("%s is not seen by the other: %v", other, err)
		}
	}
}

func roomOf(id string) *ivschat.Room {
	now := time.UnixMilli(1_700_000_000_000).UTC()
	return &ivschat.Room{Arn: arnOf("room", id), ID: id, CreateTime: now, UpdateTime: now, MaximumMessageRatePerSecond: 10, MaximumMessageLength: 500}
}

func TestACommandMakesNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.db")
	_, err := store.Attach(t.Context(), path)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no server has run with this data directory") {
		t.Errorf("%v", err)
	}
	if entries, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(entries) > 0 {
		t.Errorf("it left %v", entries)
	}
}

func TestACommandRefusesADatabaseOfAnEarlierRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("DELETE FROM goose_db_version WHERE version_id > 1")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Attach(t.Context(), path); err == nil || !strings.Contains(err.Error(), "start the server of this release once") {
		t.Errorf("%v", err)
	}
}
