//go:build unix

package chat

import (
	"errors"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/store/pgtest"
)

func TestARoomThatIsKnownOutlivesTheStore(t *testing.T) {
	postgres := pgtest.Start(t, "fsync=off")
	data, err := store.Open(t.Context(), postgres.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	tenant := store.Tenant{Account: "123456789012", Region: "us-west-2"}
	for _, id := range []string{"known0000001", "unknown00001"} {
		if err := data.CreateRoom(t.Context(), tenant, NewRoom(tenant, id), 0); err != nil {
			t.Fatal(err)
		}
	}
	s := &Service{Options: Options{Store: data, CacheAge: time.Nanosecond}} // every use is too late
	known, unknown := key(tenant, "known0000001"), key(tenant, "unknown00001")
	use := func(what string, k roomlog.Room, want error) {
		t.Helper()
		room, err := s.room(t.Context(), k)
		if !errors.Is(err, want) || err == nil && room.ID != k.ID {
			t.Errorf("%s: %v, %v", what, room, err)
		}
	}
	use("before", known, nil)
	postgres.Stop()
	for range 3 {
		use("meanwhile", known, nil)
	}
	use("a room nobody knew", unknown, store.ErrUnavailable)
	s.DropRoom(known)
	use("one that was changed", known, store.ErrUnavailable)
	postgres.Start(t)
	use("after", known, nil)
	if err := data.DeleteRoom(t.Context(), tenant, known.ID); err != nil {
		t.Fatal(err)
	}
	use("deleted", known, store.ErrNotFound)
}
