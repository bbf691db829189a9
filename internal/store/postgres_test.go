//go:build unix

package store_test

import (
	"database/sql"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/store/pgtest"
	"github.com/parleychat/parley/internal/store/storetest"
	"github.com/parleychat/parley/ivschat"
)

func TestPostgres(t *testing.T) {
	server := pgtest.Start(t, "fsync=off")
	storetest.Run(t, opener(func(t *testing.T) string { return server.Database(t) }))
}

func TestPostgresOfSeveralServers(t *testing.T) {
	server := pgtest.Start(t, "fsync=off")
	storetest.RunShared(t, func(t *testing.T) func(*testing.T) *store.Store {
		database := server.Database(t)
		return opener(func(*testing.T) string { return database })
	})
}

// A database that is gone, or does not answer, is told so in bounded time, and
// used again when it is back.
func TestPostgresThatIsDown(t *testing.T) {
	server := pgtest.Start(t, "fsync=off")
	database := server.Database(t)
	s := opener(func(*testing.T) string { return database })(t)
	ctx := t.Context()
	must(t, s.CreateRoom(ctx, tenant, storetest.BenchRoom(), 0))
	held, err := s.HoldLane(ctx, "lane")
	must(t, err)
	if !held {
		t.Fatal("nobody else is there, and the lane is not held")
	}
	for round := range uint64(2) {
		server.Stop()
		for range 20 { // more than there are connections
			_, list := s.Rooms(ctx, tenant, store.RoomFilter{}, store.Cursor{}, 1)
			_, claim := s.ClaimToken(ctx, [16]byte{byte(round), 1}, time.Now().Add(time.Minute))
			_, hold := s.HoldLane(ctx, "lane")
			for _, err := range []error{s.Ping(ctx), list, claim, hold, s.CreateRoom(ctx, tenant, storetest.BenchRoom(), 0)} {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Fatalf("error is %v", err)
				}
			}
		}
		if _, err := store.Open(ctx, database); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("open: %v", err)
		}
		server.Start(t)
		must(t, s.Ping(ctx))
		must(t, s.CreateRoom(ctx, tenant, storetest.BenchRoom(), 0))
		if first, err := s.ClaimToken(ctx, [16]byte{byte(round), 2}, time.Now().Add(time.Minute)); !first || err != nil {
			t.Errorf("claim: %v, %v", first, err)
		}
		if held, err = s.HoldLane(ctx, "lane"); !held || err != nil {
			t.Errorf("the lane: %v, %v", held, err)
		}
	}
	rooms, err := s.Rooms(ctx, tenant, store.RoomFilter{}, store.Cursor{}, 10)
	must(t, err)
	if len(rooms) != 3 {
		t.Errorf("%d rooms", len(rooms))
	}
}

// Rows that a stuck transaction holds make those who need them fail, and nobody else.
func TestPostgresRowsThatAreHeld(t *testing.T) {
	server := pgtest.Start(t, "fsync=off")
	database := server.Database(t)
	s := opener(func(*testing.T) string { return database })(t)
	ctx := t.Context()
	room := storetest.BenchRoom()
	must(t, s.CreateRoom(ctx, tenant, room, 0))
	db, err := sql.Open("pgx", database)
	must(t, err)
	defer db.Close()
	tx, err := db.Begin()
	must(t, err)
	_, err = tx.Exec("SELECT 1 FROM rooms FOR UPDATE")
	must(t, err)
	rename := func(room *ivschat.Room) error { room.Name = "renamed"; return nil }
	if _, err := s.UpdateRoom(ctx, tenant, room.ID, rename); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
	if _, err := s.Room(ctx, tenant, room.ID); err != nil {
		t.Error(err)
	}
	if first, err := s.ClaimToken(ctx, [16]byte{1}, time.Now().Add(time.Minute)); !first || err != nil {
		t.Errorf("claim: %v, %v", first, err)
	}
	must(t, tx.Rollback())
	_, err = s.UpdateRoom(ctx, tenant, room.ID, rename)
	must(t, err)
}

func TestPostgresThatCannotBeUsed(t *testing.T) {
	server := pgtest.Start(t, "fsync=off")
	database := server.Database(t)
	if s, err := store.Attach(t.Context(), database); err == nil || !strings.Contains(err.Error(), "start the server of this release once") {
		t.Errorf("attached to nothing: %v, %v", s, err)
	}
	s := open(t, database)
	defer s.Close()
	beside, err := store.Attach(t.Context(), database)
	must(t, err)
	must(t, beside.CreateRoom(t.Context(), tenant, storetest.BenchRoom(), 0))
	must(t, beside.Close())

	server.Execute(t, database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	if _, err := store.Open(t.Context(), database); err == nil || !strings.Contains(err.Error(), "start a release at least as new") {
		t.Errorf("of a later release: %v", err)
	}
	server.Execute(t, database, "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	for name, want := range map[string]string{
		strings.Replace(database, "/postgres?", "/latin?", 1):              "ENCODING 'UTF8'",
		strings.Replace(database, "search_path=", "search_path=absent", 1): "no schema",
		"postgres://parley:canary@/x?host=/nowhere&port=no":                "open database",
		"postgres://parley:canary@/x?host=/nowhere":                        "open database x of PostgreSQL at /nowhere",
	} {
		_, err := store.Open(t.Context(), name)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A database that answers nothing, not even with a refusal.
func TestPostgresThatIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	if _, err := store.Open(t.Context(), "postgres://parley@"+l.Addr().String()+"/parley?connect_timeout=1"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
}

func BenchmarkPostgres(b *testing.B) {
	server := pgtest.Start(b, "autovacuum_naptime=1s") // so that the planner knows tables that are seconds old
	s := open(b, server.Database(b))
	b.Cleanup(func() { s.Close() })
	storetest.Bench(b, s)
}
