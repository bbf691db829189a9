package storetest

import (
	"errors"
	"testing"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

func roomRoundTrip(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for _, id := range []string{"lc0000000002", "lc0000000001", "lc0000000003"} {
		ok(t, s.CreateLoggingConfiguration(ctx, here, newLogging(here, id, at(0)), 0))
	}
	full := newRoom(here, "full00000001", at(1_234))
	full.Name = "Stage-1_main"
	full.CreateTime = at(987)
	full.MaximumMessageRatePerSecond, full.MaximumMessageLength = 100, 1
	full.MessageReviewHandler = &ivschat.MessageReviewHandler{
		URI: new("arn:aws:lambda:us-west-2:123456789012:function:review"), FallbackResult: new(ivschat.FallbackResultDeny)}
	full.Tags = map[string]string{"Größe": "\"groß\" & <schön>", "empty": "", "a": "\u2028😀"}
	full.LoggingConfigurationIdentifiers = []string{
		loggingARN(here, "lc0000000003"), loggingARN(here, "lc0000000001"), loggingARN(here, "lc0000000002")}
	cleared := newRoom(here, "cleared00001", at(5))
	cleared.MessageReviewHandler = &ivschat.MessageReviewHandler{URI: new(""), FallbackResult: new(ivschat.FallbackResultAllow)}
	plain := newRoom(here, "plain0000001", at(0))
	for _, room := range []*ivschat.Room{full, cleared, plain} {
		ok(t, s.CreateRoom(ctx, here, room, 0))
		got, err := s.Room(ctx, here, room.ID)
		ok(t, err)
		equal(t, got, room)
	}

	bare := newRoom(here, "bare00000001", at(0))
	bare.Tags, bare.LoggingConfigurationIdentifiers = nil, nil
	ok(t, s.CreateRoom(ctx, here, bare, 0))
	got, err := s.Room(ctx, here, bare.ID)
	ok(t, err)
	equal(t, got, newRoom(here, bare.ID, at(0)))

	if err := s.CreateRoom(ctx, here, newRoom(here, plain.ID, at(9)), 0); err == nil {
		t.Fatal("a second room took the id of the first")
	}
	got, err = s.Room(ctx, here, plain.ID)
	ok(t, err)
	equal(t, got, plain)
}

func roomUpdate(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ok(t, s.CreateLoggingConfiguration(ctx, here, newLogging(here, "lc0000000001", at(0)), 0))
	want := newRoom(here, resourceID(1), at(1))
	ok(t, s.CreateRoom(ctx, here, want, 0))

	got, err := s.UpdateRoom(ctx, here, want.ID, func(room *ivschat.Room) error {
		equal(t, room, want)
		room.ID, room.Arn = "other0000001", "other" // not the caller's to change
		room.Name, room.UpdateTime = "renamed", at(2)
		room.MaximumMessageRatePerSecond, room.MaximumMessageLength = 7, 8
		room.MessageReviewHandler = &ivschat.MessageReviewHandler{URI: new(""), FallbackResult: new(ivschat.FallbackResultDeny)}
		room.LoggingConfigurationIdentifiers = []string{loggingARN(here, "lc0000000001")}
		return nil
	})
	ok(t, err)
	want.Name, want.UpdateTime = "renamed", at(2)
	want.MaximumMessageRatePerSecond, want.MaximumMessageLength = 7, 8
	want.MessageReviewHandler = &ivschat.MessageReviewHandler{URI: new(""), FallbackResult: new(ivschat.FallbackResultDeny)}
	want.LoggingConfigurationIdentifiers = []string{loggingARN(here, "lc0000000001")}
	equal(t, got, want)

	refused := errors.New("refused")
	_, err = s.UpdateRoom(ctx, here, want.ID, func(room *ivschat.Room) error {
		room.Name, room.LoggingConfigurationIdentifiers = "lost", nil
		return refused
	})
	if err != refused {
		t.Fatalf("error is %v, want the caller's own, untouched", err)
	}
	// A missing logging configuration undoes the rest of the change too.
	_, err = s.UpdateRoom(ctx, here, want.ID, func(room *ivschat.Room) error {
		room.Name = "lost"
		room.LoggingConfigurationIdentifiers = []string{loggingARN(here, "lc0000000009")}
		return nil
	})
	wantLoggingError(t, err, loggingARN(here, "lc0000000009"), true)
	got, err = s.Room(ctx, here, want.ID)
	ok(t, err)
	equal(t, got, want)

	_, err = s.UpdateRoom(ctx, here, resourceID(2), func(*ivschat.Room) error {
		t.Error("change was called for a room that does not exist")
		return nil
	})
	is(t, err, store.ErrNotFound)
}

func roomDelete(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ok(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(1), at(1)), 0))
	ok(t, s.DeleteRoom(ctx, here, resourceID(1)))
	_, err := s.Room(ctx, here, resourceID(1))
	is(t, err, store.ErrNotFound)
	is(t, s.DeleteRoom(ctx, here, resourceID(1)), store.ErrNotFound)
	equal(t, len(pages(t, s, here, store.RoomFilter{}, 5, nothing)), 0)
}

func roomFilters(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for _, id := range []string{"lc0000000001", "lc0000000002"} {
		ok(t, s.CreateLoggingConfiguration(ctx, here, newLogging(here, id, at(0)), 0))
	}
	one, two := loggingARN(here, "lc0000000001"), loggingARN(here, "lc0000000002")
	const handler = "arn:aws:lambda:us-west-2:123456789012:function:review"
	for i, r := range []struct {
		name, uri string
		attached  []string
	}{
		1: {"stage", "none", nil},
		2: {"Stage", handler, []string{one}},
		3: {"stage", handler, []string{two, one}},
		4: {"stage-2", "", []string{two}},
		5: {"", "none", nil},
	} {
		if i == 0 {
			continue
		}
		room := newRoom(here, resourceID(i), at(int64(10-i))) // listed by number
		room.Name, room.LoggingConfigurationIdentifiers = r.name, r.attached
		if r.uri != "none" {
			room.MessageReviewHandler = &ivschat.MessageReviewHandler{URI: &r.uri}
		}
		ok(t, s.CreateRoom(ctx, here, room, 0))
	}
	there := store.Tenant{Account: here.Account, Region: "eu-west-1"}
	for _, test := range []struct {
		filter store.RoomFilter
		want   []int
	}{
		{store.RoomFilter{}, []int{1, 2, 3, 4, 5}},
		{store.RoomFilter{Name: new("stage")}, []int{1, 3}},
		{store.RoomFilter{Name: new("Stage")}, []int{2}},
		{store.RoomFilter{Name: new("")}, []int{5}},
		{store.RoomFilter{Name: new("stag%")}, nil},
		{store.RoomFilter{HandlerURI: new(handler)}, []int{2, 3}},
		{store.RoomFilter{HandlerURI: new("")}, []int{4}},
		{store.RoomFilter{LoggingConfigurationARN: &one}, []int{2, 3}},
		{store.RoomFilter{LoggingConfigurationARN: &two}, []int{3, 4}},
		{store.RoomFilter{LoggingConfigurationARN: new(loggingARN(there, "lc0000000001"))}, nil},
		{store.RoomFilter{LoggingConfigurationARN: new("nonsense")}, nil},
		{store.RoomFilter{Name: new("stage"), HandlerURI: new(handler), LoggingConfigurationARN: &one}, []int{3}},
		{store.RoomFilter{Name: new("stage-2"), HandlerURI: new(handler)}, nil},
	} {
		want := []string{}
		for _, n := range test.want {
			want = append(want, resourceID(n))
		}
		equal(t, ids(pages(t, s, here, test.filter, 2, nothing)), want)
		equal(t, ids(pages(t, s, there, test.filter, 2, nothing)), []string{})
	}
}
