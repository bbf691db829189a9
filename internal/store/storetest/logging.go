package storetest

import (
	"errors"
	"testing"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

func wantLoggingError(t failer, err error, name string, missing bool) {
	t.Helper()
	var got *store.LoggingConfigurationError
	if !errors.As(err, &got) {
		t.Fatalf("error is %v, want a LoggingConfigurationError", err)
	}
	equal(t, *got, store.LoggingConfigurationError{ARN: name, Missing: missing})
}

func associations(t *testing.T, s *store.Store) {
	ctx := t.Context()
	elsewhere := []store.Tenant{
		{Account: here.Account, Region: "eu-west-1"},
		{Account: "999999999999", Region: here.Region},
	}
	for _, tenant := range append(elsewhere, here) {
		ok(t, s.CreateLoggingConfiguration(ctx, tenant, newLogging(tenant, "lc0000000001", at(0)), 0))
	}
	creating := newLogging(here, "lc0000000002", at(0))
	creating.State = ivschat.LoggingConfigurationStateCreating
	ok(t, s.CreateLoggingConfiguration(ctx, here, creating, 0))

	good := loggingARN(here, "lc0000000001")
	for _, test := range []struct {
		arn     string
		missing bool
	}{
		{loggingARN(here, "lc0000000009"), true},
		{loggingARN(here, "LC0000000001"), true},
		{loggingARN(elsewhere[0], "lc0000000001"), true},
		{loggingARN(elsewhere[1], "lc0000000001"), true},
		{roomARN(here, "lc0000000001"), true},
		{"lc0000000001", true},
		{creating.Arn, false},
	} {
		room := newRoom(here, resourceID(1), at(1))
		room.LoggingConfigurationIdentifiers = []string{good, test.arn}
		wantLoggingError(t, s.CreateRoom(ctx, here, room, 1), test.arn, test.missing)
		_, err := s.Room(ctx, here, room.ID)
		is(t, err, store.ErrNotFound)
	}

	// The refused ones left the quota alone.
	room := newRoom(here, resourceID(1), at(1))
	room.LoggingConfigurationIdentifiers = []string{good}
	ok(t, s.CreateRoom(ctx, here, room, 1))

	// Only a list that changes is looked up again.
	_, err := s.UpdateLoggingConfiguration(ctx, here, "lc0000000001", func(lc *ivschat.LoggingConfiguration) error {
		lc.State = ivschat.LoggingConfigurationStateUpdateFailed
		return nil
	})
	ok(t, err)
	got, err := s.UpdateRoom(ctx, here, room.ID, func(room *ivschat.Room) error {
		room.Name = "renamed"
		return nil
	})
	ok(t, err)
	equal(t, got.LoggingConfigurationIdentifiers, []string{good})
	_, err = s.UpdateRoom(ctx, here, room.ID, func(room *ivschat.Room) error {
		room.LoggingConfigurationIdentifiers = []string{good, creating.Arn}
		return nil
	})
	wantLoggingError(t, err, good, false)
}

func loggingConfigurationInUse(t *testing.T, s *store.Store) {
	ctx := t.Context()
	lc := newLogging(here, "lc0000000001", at(0))
	for i := range 2 {
		ok(t, s.CreateLoggingConfiguration(ctx, here, lc, 0))
		room := newRoom(here, resourceID(i), at(0))
		room.LoggingConfigurationIdentifiers = []string{lc.Arn}
		ok(t, s.CreateRoom(ctx, here, room, 0))
		is(t, s.DeleteLoggingConfiguration(ctx, here, lc.ID), store.ErrInUse)
		if i == 0 { // released by the end of the room, then by a change of it
			ok(t, s.DeleteRoom(ctx, here, room.ID))
		} else {
			_, err := s.UpdateRoom(ctx, here, room.ID, func(room *ivschat.Room) error {
				room.LoggingConfigurationIdentifiers = nil
				return nil
			})
			ok(t, err)
		}
		ok(t, s.DeleteLoggingConfiguration(ctx, here, lc.ID))
		_, err := s.LoggingConfiguration(ctx, here, lc.ID)
		is(t, err, store.ErrNotFound)
		is(t, s.DeleteLoggingConfiguration(ctx, here, lc.ID), store.ErrNotFound)
	}
}

func loggingRoundTrip(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for i, destination := range []ivschat.DestinationConfiguration{
		{S3: &ivschat.S3DestinationConfiguration{BucketName: "chat-logs.example"}},
		{CloudWatchLogs: &ivschat.CloudWatchLogsDestinationConfiguration{LogGroupName: "/chat/logs#1"}},
		{Firehose: &ivschat.FirehoseDestinationConfiguration{DeliveryStreamName: "chat_stream"}},
	} {
		lc := newLogging(here, resourceID(i), at(777))
		lc.Name, lc.DestinationConfiguration = "logs", destination
		lc.Tags = map[string]string{"k": "v"}
		ok(t, s.CreateLoggingConfiguration(ctx, here, lc, 0))
		got, err := s.LoggingConfiguration(ctx, here, lc.ID)
		ok(t, err)
		equal(t, got, lc)
	}

	want := newLogging(here, resourceID(0), at(888))
	want.Name, want.State = "", ivschat.LoggingConfigurationStateUpdating
	want.Tags = map[string]string{"k": "v"}
	want.DestinationConfiguration = ivschat.DestinationConfiguration{Firehose: &ivschat.FirehoseDestinationConfiguration{DeliveryStreamName: "x"}}
	got, err := s.UpdateLoggingConfiguration(ctx, here, want.ID, func(lc *ivschat.LoggingConfiguration) error {
		lc.ID = "other0000001"
		lc.Name, lc.State, lc.UpdateTime, lc.DestinationConfiguration = want.Name, want.State, want.UpdateTime, want.DestinationConfiguration
		return nil
	})
	ok(t, err)
	equal(t, got, want)

	refused := errors.New("refused")
	_, err = s.UpdateLoggingConfiguration(ctx, here, want.ID, func(lc *ivschat.LoggingConfiguration) error {
		lc.Name = "lost"
		return refused
	})
	if err != refused {
		t.Fatalf("error is %v, want the caller's own, untouched", err)
	}
	got, err = s.LoggingConfiguration(ctx, here, want.ID)
	ok(t, err)
	equal(t, got, want)
	_, err = s.UpdateLoggingConfiguration(ctx, here, "absent000001", func(*ivschat.LoggingConfiguration) error { return nil })
	is(t, err, store.ErrNotFound)
}

func tags(t *testing.T, s *store.Store) {
	ctx := t.Context()
	room, lc := newRoom(here, resourceID(1), at(5)), newLogging(here, resourceID(1), at(6))
	ok(t, s.CreateRoom(ctx, here, room, 0))
	ok(t, s.CreateLoggingConfiguration(ctx, here, lc, 0))
	for _, kind := range []string{arn.Room, arn.LoggingConfiguration} {
		ok(t, s.UpdateTags(ctx, here, kind, resourceID(1), func(tags map[string]string) error {
			equal(t, tags, map[string]string{})
			tags["kind"], tags["drop"], tags["Kind"] = kind, "", "Ünï"
			return nil
		}))
		ok(t, s.UpdateTags(ctx, here, kind, resourceID(1), func(tags map[string]string) error {
			delete(tags, "drop")
			return nil
		}))
		refused := errors.New("refused")
		if err := s.UpdateTags(ctx, here, kind, resourceID(1), func(tags map[string]string) error {
			clear(tags)
			return refused
		}); err != refused {
			t.Fatalf("error is %v, want the caller's own, untouched", err)
		}
		got, err := s.Tags(ctx, here, kind, resourceID(1))
		ok(t, err)
		equal(t, got, map[string]string{"kind": kind, "Kind": "Ünï"})
		_, err = s.Tags(ctx, here, kind, resourceID(2))
		is(t, err, store.ErrNotFound)
		is(t, s.UpdateTags(ctx, here, kind, resourceID(2), func(map[string]string) error { return nil }), store.ErrNotFound)
	}
	room.Tags = map[string]string{"kind": arn.Room, "Kind": "Ünï"}
	lc.Tags = map[string]string{"kind": arn.LoggingConfiguration, "Kind": "Ünï"}
	gotRoom, err := s.Room(ctx, here, room.ID)
	ok(t, err)
	equal(t, gotRoom, room)
	gotLC, err := s.LoggingConfiguration(ctx, here, lc.ID)
	ok(t, err)
	equal(t, gotLC, lc)
	if _, err := s.Tags(ctx, here, "channel", room.ID); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a resource type that is none: error is %v", err)
	}
}

func quotas(t *testing.T, s *store.Store) {
	ctx := t.Context()
	there := store.Tenant{Account: "999999999999", Region: here.Region}
	for _, tenant := range []store.Tenant{here, there} {
		for i := range 3 {
			ok(t, s.CreateRoom(ctx, tenant, newRoom(tenant, resourceID(i), at(0)), 3))
			ok(t, s.CreateLoggingConfiguration(ctx, tenant, newLogging(tenant, resourceID(i), at(0)), 3))
		}
	}
	is(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(3), at(0)), 3), store.ErrQuota)
	is(t, s.CreateLoggingConfiguration(ctx, here, newLogging(here, resourceID(3), at(0)), 3), store.ErrQuota)
	is(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(3), at(0)), 2), store.ErrQuota)
	ok(t, s.DeleteRoom(ctx, here, resourceID(0)))
	ok(t, s.DeleteLoggingConfiguration(ctx, here, resourceID(0)))
	ok(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(3), at(0)), 3))
	ok(t, s.CreateLoggingConfiguration(ctx, here, newLogging(here, resourceID(3), at(0)), 3))
	is(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(4), at(0)), 3), store.ErrQuota)
	ok(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(4), at(0)), 0))
	ok(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(5), at(0)), -1))
}
