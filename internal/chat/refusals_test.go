package chat_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/chat"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/memlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/token"
	"github.com/parleychat/parley/ivschat"
)

// service is the real service over a real store, in memory.
func service(t *testing.T, o chat.Options) (*chat.Service, context.Context) {
	t.Helper()
	s, err := store.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	log := memlog.New(memlog.Options{})
	t.Cleanup(func() {
		log.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	ring, err := token.NewRing(token.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	if o.Quotas, err = limit.New(limit.Default, nil); err != nil {
		t.Fatal(err)
	}
	o.Store, o.Log, o.Tokens, o.Pager = s, log, ring, token.NewPager(token.NewKey().Secret)
	return chat.New(o), principal.NewContext(t.Context(), principal.Principal{
		Account: "123456789012", Region: "us-west-2", ARN: "arn:aws:iam::123456789012:root",
	})
}

func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	s, ctx := service(t, chat.Options{})
	room, err := s.CreateRoom(ctx, &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := &ivschat.MessageReviewHandler{URI: new("arn:aws:lambda:us-east-1:123456789012:function:f")}
	nobody := &ivschat.MessageReviewHandler{URI: new("f")}
	bad := func(s string) *string { return &s }
	for what, tt := range map[string]struct {
		do   func() error
		want []string
	}{
		"CreateRoom": {func() error {
			_, err := s.CreateRoom(ctx, &ivschat.CreateRoomInput{Name: bad("no good"), MessageReviewHandler: elsewhere})
			return err
		}, []string{"messageReviewHandler.uri", "name"}},
		"CreateRoom with a handler that is none": {func() error {
			_, err := s.CreateRoom(ctx, &ivschat.CreateRoomInput{MessageReviewHandler: nobody})
			return err
		}, []string{"messageReviewHandler.uri"}},
		"UpdateRoom": {func() error {
			_, err := s.UpdateRoom(ctx, &ivschat.UpdateRoomInput{Identifier: room.Arn, MaximumMessageLength: new(int32(0)), MessageReviewHandler: elsewhere})
			return err
		}, []string{"maximumMessageLength", "messageReviewHandler.uri"}},
		"ListRooms": {func() error {
			_, err := s.ListRooms(ctx, &ivschat.ListRoomsInput{MaxResults: new(int32(0)), NextToken: bad("x")})
			return err
		}, []string{"maxResults", "nextToken"}},
		"ListLoggingConfigurations": {func() error {
			_, err := s.ListLoggingConfigurations(ctx, &ivschat.ListLoggingConfigurationsInput{MaxResults: new(int32(0)), NextToken: bad("x")})
			return err
		}, []string{"maxResults", "nextToken"}},
		"SendEvent": {func() error {
			_, err := s.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: "x", EventName: "aws:x"})
			return err
		}, []string{"eventName", "roomIdentifier"}},
	} {
		e, ok := errors.AsType[*ivschat.ValidationException](tt.do())
		if !ok {
			t.Errorf("%s: %v, want a ValidationException", what, tt.do())
			continue
		}
		var got []string
		for _, f := range e.FieldList {
			got = append(got, f.Name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestAnOverloadedRoomSaysWhichAndHowMuch(t *testing.T) {
	s, ctx := service(t, chat.Options{Overloaded: func(roomlog.Room) bool { return true }})
	room, err := s.CreateRoom(ctx, &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: new(int32(7))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: "x"})
	e, ok := errors.AsType[*ivschat.ThrottlingException](err)
	if !ok || e.ResourceID != room.ID || e.ResourceType != ivschat.ResourceTypeRoom || e.Limit != 7 {
		t.Errorf("got %+v, want a ThrottlingException of the room with limit 7", err)
	}
}
