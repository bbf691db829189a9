package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// RunShared runs the suite of engines that several servers share. database makes
// an empty one and returns what opens another Store on it, which it closes with
// the test.
func RunShared(t *testing.T, database func(t *testing.T) (open func(t *testing.T) *store.Store)) {
	tests := []struct {
		name string
		run  func(t *testing.T, a, b *store.Store)
	}{
		{"a token is claimed on one of the servers", sharedClaims},
		{"a quota holds on all servers", sharedQuota},
		{"a logging configuration is deleted or associated", sharedAssociations},
		{"no server's change is lost", sharedUpdates},
		{"what servers note of the same keys does not block them", sharedUses},
		{"token keys are made by one of the servers", sharedTokenKeys},
		{"the outbox counts what all servers append and accept", sharedOutbox},
		{"a log is read into the outbox once, whoever reads", sharedSources},
		{"records are shipped by one of the servers", sharedLanes},
	}
	t.Run("servers that start together migrate once", func(t *testing.T) {
		open := database(t)
		var version atomic.Int64
		together(4, func(int) {
			s := open(t)
			v, err := s.AccessVersion(t.Context())
			if err != nil {
				t.Errorf("read: %v", err)
			}
			version.Add(v)
		})
		equal(t, version.Load(), 4) // each saw the one row that a migration adds
	})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			open := database(t)
			test.run(t, open(t), open(t))
		})
	}
}

func sharedClaims(t *testing.T, a, b *store.Store) {
	const tokens, callers = 1_000, 8 // of each server
	firsts := make([]atomic.Int32, tokens)
	together(2*callers, func(i int) {
		s := a
		if i%2 == 1 {
			s = b
		}
		for k := range tokens {
			n := k
			if i%4 > 1 {
				n = tokens - 1 - k
			}
			first, err := s.ClaimToken(t.Context(), tokenID(uint64(n)), time.Now().Add(time.Minute))
			if err != nil {
				t.Errorf("claim: %v", err)
			}
			if first {
				firsts[n].Add(1)
			}
		}
	})
	for n := range firsts {
		if got := firsts[n].Load(); got != 1 {
			t.Errorf("token %d was claimed %d times", n, got)
		}
	}
}

func sharedQuota(t *testing.T, a, b *store.Store) {
	const limit = 10
	both := []*store.Store{a, b}
	for round := range 5 {
		var created atomic.Int32
		together(40, func(i int) {
			err := both[i%2].CreateRoom(t.Context(), here, newRoom(here, resourceID(100*round+i), at(0)), limit)
			if err == nil {
				created.Add(1)
			} else if !errors.Is(err, store.ErrQuota) {
				t.Errorf("create room: %v", err)
			}
		})
		equal(t, created.Load(), limit)
		rooms := pages(t, b, here, store.RoomFilter{}, 50, nothing)
		equal(t, len(rooms), limit)
		var deleted atomic.Int32
		together(2*limit, func(i int) { // each by both
			err := both[i%2].DeleteRoom(t.Context(), here, rooms[i/2].ID)
			if err == nil {
				deleted.Add(1)
			} else if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("delete room: %v", err)
			}
		})
		equal(t, deleted.Load(), limit)
	}
}

func sharedAssociations(t *testing.T, a, b *store.Store) {
	both := []*store.Store{a, b}
	var deleted, associated int
	for round := range 40 {
		id := resourceID(round)
		ok(t, a.CreateLoggingConfiguration(t.Context(), here, newLogging(here, id, at(0)), 0))
		ok(t, b.CreateRoom(t.Context(), here, newRoom(here, id, at(0)), 0))
		var deletion, association error
		together(2, func(i int) {
			if i == 0 {
				deletion = both[round%2].DeleteLoggingConfiguration(t.Context(), here, id)
				return
			}
			_, association = both[(round+1)%2].UpdateRoom(t.Context(), here, id, func(room *ivschat.Room) error {
				room.LoggingConfigurationIdentifiers = []string{loggingARN(here, id)}
				return nil
			})
		})
		switch {
		case deletion == nil:
			deleted++
			wantLoggingError(t, association, loggingARN(here, id), true)
		case association == nil:
			associated++
			is(t, deletion, store.ErrInUse)
		default:
			t.Fatalf("neither: delete: %v, associate: %v", deletion, association)
		}
	}
	t.Logf("deleted %d, associated %d", deleted, associated)
}

func sharedUpdates(t *testing.T, a, b *store.Store) {
	both := []*store.Store{a, b}
	room := newRoom(here, resourceID(1), at(0))
	room.MaximumMessageLength = 1
	ok(t, a.CreateRoom(t.Context(), here, room, 0))
	ok(t, a.CreateLoggingConfiguration(t.Context(), here, newLogging(here, resourceID(1), at(0)), 0))
	const n = 30
	together(3*n, func(i int) {
		s, tag := both[i%2], func(tags map[string]string) error {
			tags[resourceID(i)] = "x"
			return nil
		}
		var err error
		switch i % 3 {
		case 0:
			_, err = s.UpdateRoom(t.Context(), here, room.ID, func(room *ivschat.Room) error {
				room.MaximumMessageLength++
				return nil
			})
		case 1:
			err = s.UpdateTags(t.Context(), here, "room", room.ID, tag)
		default:
			_, err = s.UpdateLoggingConfiguration(t.Context(), here, room.ID, func(lc *ivschat.LoggingConfiguration) error {
				return tag(lc.Tags)
			})
		}
		if err != nil {
			t.Errorf("update: %v", err)
		}
	})
	got, err := b.Room(t.Context(), here, room.ID)
	ok(t, err)
	equal(t, got.MaximumMessageLength, 1+n)
	equal(t, len(got.Tags), n)
	lc, err := a.LoggingConfiguration(t.Context(), here, room.ID)
	ok(t, err)
	equal(t, len(lc.Tags), n)
}

func sharedUses(t *testing.T, a, b *store.Store) {
	both := []*store.Store{a, b}
	used := map[string]time.Time{}
	for i := range 20 {
		id := fmt.Sprintf("AKID%02d", i)
		used[id] = at(100)
		ok(t, a.CreateAccessKey(t.Context(), store.AccessKey{ID: id, Sealed: []byte{1}, Created: at(0)}))
	}
	together(20, func(i int) {
		var err error
		if i < 10 {
			err = both[i%2].UsedAccessKeys(t.Context(), used)
		} else {
			err = both[i%2].UpdateAccessKey(t.Context(), "AKID00", func(k *store.AccessKey) { k.Name += "x" })
		}
		if err != nil {
			t.Error(err)
		}
	})
	keys, err := a.AccessKeys(t.Context())
	ok(t, err)
	equal(t, keys[0].Name, "xxxxxxxxxx")
	for _, k := range keys {
		equal(t, k.LastUsed, at(100))
	}
}

func sharedTokenKeys(t *testing.T, a, b *store.Store) {
	both := []*store.Store{a, b}
	together(8, func(i int) {
		if err := both[i%2].AddTokenKeys(t.Context(), true, store.TokenKey{Kind: "chat", ID: resourceID(i), Sealed: []byte{1}, Created: at(0)}); err != nil {
			t.Error(err)
		}
	})
	list, err := a.TokenKeys(t.Context())
	ok(t, err)
	equal(t, len(list), 1)
}

func sharedOutbox(t *testing.T, a, b *store.Store) {
	both := []*store.Store{a, b}
	to := []string{loggingARN(here, "a"), loggingARN(here, "b")}
	const appends = 20
	// Two appenders, and for each destination one who takes what there is until all
	// was there: nothing may be skipped, and the last takes the record along.
	var taken [2]int
	together(4, func(i int) {
		if i < 2 {
			for k := range appends {
				records := []store.OutboxRecord{
					{Tenant: here, RoomID: resourceID(1), LoggingConfigurations: to, EntryID: fmt.Sprint(i, k, 0), Time: at(0), Payload: []byte("12345")},
					{Tenant: here, RoomID: resourceID(1), LoggingConfigurations: to, EntryID: fmt.Sprint(i, k, 1), Time: at(0), Payload: []byte("67890")},
				}
				if err := both[i].AppendOutbox(t.Context(), records, 1<<40); err != nil {
					t.Errorf("append: %v", err)
				}
			}
			return
		}
		s, lc := both[i-2], to[i-2]
		for taken[i-2] < 4*appends && !t.Failed() {
			records, err := s.OutboxFor(t.Context(), lc, resourceID(1), 0, 10)
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			if len(records) == 0 {
				continue
			}
			taken[i-2] += len(records)
			if err := s.AcceptOutbox(t.Context(), lc, resourceID(1), records[0].ID, records[len(records)-1].ID); err != nil {
				t.Errorf("accept: %v", err)
			}
		}
	})
	records, bytes, err := b.OutboxSize(t.Context())
	ok(t, err)
	equal(t, [2]int64{records, bytes}, [2]int64{})
	left, err := a.Outbox(t.Context(), 0, 10)
	ok(t, err)
	equal(t, len(left), 0)
}

func sharedLanes(t *testing.T, a, b *store.Store) {
	one, two := loggingARN(here, "one"), loggingARN(here, "two")
	holds := func(s *store.Store, lane string, want bool) {
		t.Helper()
		got, err := s.HoldLane(t.Context(), lane)
		ok(t, err)
		equal(t, got, want)
	}
	holds(a, one, true)
	holds(b, one, false)
	holds(b, two, true)
	holds(a, two, false)
	holds(a, one, true)
	ok(t, a.ReleaseLane(t.Context(), one))
	ok(t, a.ReleaseLane(t.Context(), one))
	ok(t, a.ReleaseLane(t.Context(), two)) // another's
	holds(b, one, true)
	ok(t, b.ReleaseLane(t.Context(), one))
	holds(a, one, true)
	holds(a, two, false)
	ok(t, a.Close())
	for held := false; !held; { // soon: the database has to notice
		var err error
		held, err = b.HoldLane(t.Context(), one)
		ok(t, err)
	}
	holds(b, two, true)
}
