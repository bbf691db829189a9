package storetest

import (
	"testing"

	"github.com/parleychat/parley/internal/store"
)

func droppedOutbox(t *testing.T, s *store.Store) {
	ctx := t.Context()
	a, b := loggingARN(here, "a"), loggingARN(here, "b")
	first := logged(t, s, 1, 3, a, b) // 100 bytes each
	second := logged(t, s, 2, 3, a)
	dropped, err := s.DropOutbox(ctx, 301)
	ok(t, err)
	gone := map[string]int{}
	for _, d := range dropped {
		gone[d.LoggingConfiguration+" "+d.RoomID] += d.Records
	}
	equal(t, gone, map[string]int{a + " " + resourceID(1): 3, b + " " + resourceID(1): 3, a + " " + resourceID(2): 1})
	records, bytes, err := s.OutboxSize(ctx)
	ok(t, err)
	equal(t, [2]int64{records, bytes}, [2]int64{2, 200})
	left, err := s.OutboxFor(ctx, a, resourceID(2), 0, 10)
	ok(t, err)
	equal(t, left, second[1:])
	ok(t, s.AcceptOutbox(ctx, a, resourceID(1), 0, first[2].ID)) // of a batch that was under way
	_, err = s.DropOutbox(ctx, 1<<40)
	ok(t, err)
	_, err = s.DropOutbox(ctx, 1)
	ok(t, err)
	records, bytes, err = s.OutboxSize(ctx)
	ok(t, err)
	equal(t, [2]int64{records, bytes}, [2]int64{0, 0})
}

func chatLogs(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ok(t, s.CreateLoggingConfiguration(ctx, here, newLogging(here, "idle", at(0)), 0))
	idle, gone := loggingARN(here, "idle"), loggingARN(here, "gone")
	records := logged(t, s, 1, 3, gone)
	ok(t, s.RefuseOutbox(ctx, gone, &records[0], "no good"))
	failure := store.DestinationFailure{LoggingConfiguration: gone, Since: at(1), Last: at(2), Error: "down"}
	ok(t, s.NoteDestination(ctx, failure))
	got, err := s.ChatLogs(ctx)
	ok(t, err)
	lc, err := s.LoggingConfiguration(ctx, here, "idle")
	ok(t, err)
	equal(t, got, []store.ChatLog{
		{LoggingConfiguration: gone, Records: 2, Bytes: 200, Oldest: records[1].Time, DeadLetters: 1, Failure: &failure},
		{LoggingConfiguration: idle, Configuration: lc},
	})
	failure.Recovered = at(3)
	ok(t, s.NoteDestination(ctx, failure))
	got, err = s.ChatLogs(ctx)
	ok(t, err)
	equal(t, got[0].Failure, &failure)
}
