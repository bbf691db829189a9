package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/parleychat/parley/internal/store"
)

// logged appends n records of the room and returns them.
func logged(t *testing.T, s *store.Store, room, n int, to ...string) []store.OutboxRecord {
	t.Helper()
	records := make([]store.OutboxRecord, n)
	for i := range records {
		records[i] = store.OutboxRecord{
			Tenant: here, RoomID: resourceID(room), LoggingConfigurations: to, EntryID: fmt.Sprintf("%d/%d", room, i),
			Type: "MESSAGE", Time: at(int64(1000*room + i)), Payload: make([]byte, 100),
		}
	}
	ok(t, s.AppendOutbox(t.Context(), records, 0))
	return records
}

func deliveries(t *testing.T, s *store.Store) {
	ctx := t.Context()
	a, b := loggingARN(here, "a"), loggingARN(here, "b")
	both, one := logged(t, s, 1, 5, a, b), logged(t, s, 2, 3, a)
	waiting, err := s.OutboxWaiting(ctx)
	ok(t, err)
	equal(t, waiting, []store.OutboxWaiting{
		{LoggingConfiguration: a, RoomID: resourceID(1), Records: 5, Bytes: 500, Oldest: at(1000)},
		{LoggingConfiguration: a, RoomID: resourceID(2), Records: 3, Bytes: 300, Oldest: at(2000)},
		{LoggingConfiguration: b, RoomID: resourceID(1), Records: 5, Bytes: 500, Oldest: at(1000)},
	})
	want := func(lc string, room int, after int64, n int, records []store.OutboxRecord) {
		t.Helper()
		got, err := s.OutboxFor(ctx, lc, resourceID(room), after, n)
		ok(t, err)
		if len(got) != len(records) {
			t.Fatalf("%d records, want %d", len(got), len(records))
		}
		for i := range got {
			equal(t, got[i], records[i])
		}
	}
	size := func(records, bytes int64) {
		t.Helper()
		r, by, err := s.OutboxSize(ctx)
		ok(t, err)
		equal(t, [2]int64{r, by}, [2]int64{records, bytes})
	}
	want(a, 1, 0, 10, both)
	want(a, 1, both[1].ID, 2, both[2:4])
	want(a, 2, 0, 10, one)
	want(b, 2, 0, 10, nil)

	ok(t, s.AcceptOutbox(ctx, a, resourceID(1), both[0].ID, both[3].ID))
	want(a, 1, 0, 10, both[4:])
	want(b, 1, 0, 10, both) // what the other destination lacks stays
	size(8, 800)
	ok(t, s.AcceptOutbox(ctx, b, resourceID(1), both[2].ID, both[4].ID))
	want(b, 1, 0, 10, both[:2])
	want(a, 1, 0, 10, both[4:])
	size(6, 600)
	ok(t, s.AcceptOutbox(ctx, b, resourceID(1), both[2].ID, both[4].ID)) // again
	size(6, 600)
	ok(t, s.AcceptOutbox(ctx, b, resourceID(1), both[0].ID, both[1].ID))
	ok(t, s.AcceptOutbox(ctx, a, resourceID(1), 0, both[4].ID))
	size(3, 300)
	want(a, 2, 0, 10, one) // another room's were never touched
	ok(t, s.AcceptOutbox(ctx, a, resourceID(2), 0, one[2].ID))
	size(0, 0)
	waiting, err = s.OutboxWaiting(ctx)
	ok(t, err)
	equal(t, len(waiting), 0)
}

func boundedOutbox(t *testing.T, s *store.Store) {
	ctx := t.Context()
	a := loggingARN(here, "a")
	first := logged(t, s, 1, 3, a)
	more := []store.OutboxRecord{{Tenant: here, RoomID: resourceID(1), LoggingConfigurations: []string{a}, EntryID: "more", Type: "EVENT", Time: at(0), Payload: make([]byte, 101)}}
	if err := s.AppendOutbox(ctx, more, 400); !errors.Is(err, store.ErrOutboxFull) {
		t.Fatalf("got %v, want ErrOutboxFull", err)
	}
	records, bytes, err := s.OutboxSize(ctx)
	ok(t, err)
	equal(t, [2]int64{records, bytes}, [2]int64{3, 300})
	ok(t, s.AppendOutbox(ctx, more, 401))
	if more[0].ID <= first[2].ID {
		t.Errorf("id %d after %d", more[0].ID, first[2].ID)
	}
	if err := s.AppendOutbox(ctx, more, 401); !errors.Is(err, store.ErrOutboxFull) {
		t.Fatalf("got %v, want ErrOutboxFull", err)
	}
	ok(t, s.AcceptOutbox(ctx, a, resourceID(1), 0, first[2].ID))
	ok(t, s.AppendOutbox(ctx, more, 401)) // there is room again
}

func deadLetters(t *testing.T, s *store.Store) {
	ctx := t.Context()
	a, b := loggingARN(here, "a"), loggingARN(here, "b")
	records := logged(t, s, 1, 3, a, b)
	ok(t, s.RefuseOutbox(ctx, a, &records[1], "too large"))
	ok(t, s.RefuseOutbox(ctx, a, &records[1], "too large")) // again: nothing more
	left, err := s.OutboxFor(ctx, a, resourceID(1), 0, 10)
	ok(t, err)
	equal(t, len(left), 2)
	left, err = s.OutboxFor(ctx, b, resourceID(1), 0, 10)
	ok(t, err)
	equal(t, len(left), 3) // the other destination may well take it
	dead, err := s.DeadLetters(ctx, 10)
	ok(t, err)
	kept := records[1]
	kept.LoggingConfigurations = nil
	equal(t, dead, []store.DeadLetter{{LoggingConfiguration: a, Record: kept, Reason: "too large"}})
}
