package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/parleychat/parley/internal/store"
)

func outboxSources(t *testing.T, s *store.Store) {
	readOn(t, s, s)
	other, err := s.OutboxSource(t.Context(), "another")
	ok(t, err)
	equal(t, other, store.OutboxSource{Name: "another"})
}

func sharedSources(t *testing.T, a, b *store.Store) { readOn(t, a, b) }

// readOn has readers of one source, each of which appends what it takes for the
// next records: all must be in the outbox, once and in their order.
func readOn(t *testing.T, stores ...*store.Store) {
	t.Helper()
	const end = 200
	record := func(n int64) store.OutboxRecord {
		return store.OutboxRecord{Tenant: here, RoomID: resourceID(1), LoggingConfigurations: []string{loggingARN(here, "a")},
			EntryID: fmt.Sprint(n), Type: "MESSAGE", Time: at(0), Payload: []byte("12345")}
	}
	together(2*len(stores), func(i int) {
		s := stores[i%len(stores)]
		for !t.Failed() {
			source, err := s.OutboxSource(t.Context(), "log")
			if err != nil {
				t.Errorf("read the position: %v", err)
			}
			if source.Position >= end {
				return
			}
			var records []store.OutboxRecord
			for n := range int64(3) {
				records = append(records, record(source.Position+1+n))
			}
			err = s.AppendOutboxFrom(t.Context(), source, source.Position+3, records, 0)
			if err != nil && !errors.Is(err, store.ErrSourceMoved) {
				t.Errorf("append: %v", err)
			}
		}
	})
	records, err := stores[0].Outbox(t.Context(), 0, 10*end)
	ok(t, err)
	if len(records) < end {
		t.Fatalf("%d records are in the outbox, want %d", len(records), end)
	}
	for i, r := range records {
		if r.EntryID != fmt.Sprint(i+1) {
			t.Fatalf("record %d is %s", i+1, r.EntryID)
		}
	}
	// What the outbox refuses leaves the position where it was.
	source, err := stores[0].OutboxSource(t.Context(), "log")
	ok(t, err)
	err = stores[0].AppendOutboxFrom(t.Context(), source, source.Position+1, []store.OutboxRecord{record(0)}, 1)
	if !errors.Is(err, store.ErrOutboxFull) {
		t.Errorf("a full outbox: %v", err)
	}
	again, err := stores[0].OutboxSource(t.Context(), "log")
	ok(t, err)
	equal(t, again, source)
}
