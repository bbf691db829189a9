package apitest

import (
	"testing"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/ivschat"
)

// spec: control-plane.md §2, presence rules and §2.1.
func testCreateRoomDefaults(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	want := &ivschat.Room{
		Arn: room.Arn, ID: room.ID, CreateTime: room.CreateTime, UpdateTime: room.UpdateTime,
		MaximumMessageRatePerSecond:     10,
		MaximumMessageLength:            500,
		Tags:                            map[string]string{},
		LoggingConfigurationIdentifiers: []string{},
	}
	equal(t, "CreateRoom with no members", want, room)
	equal(t, "GetRoom", room, s.getRoom(t, room.Arn))
	a, ok := arn.Parse(room.Arn)
	if !ok || a.Type != arn.Room || a.ID != room.ID || !id.Valid(room.ID) {
		t.Errorf("room %q has the ARN %q", room.ID, room.Arn)
	}
	resourceTimes(t, "CreateRoom", room.CreateTime, room.UpdateTime)
}

func testCreateRoom(t *testing.T, s suite) {
	first, second := s.config(t, &ivschat.CreateLoggingConfigurationInput{}), s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	uri := handler(s.room(t, &ivschat.CreateRoomInput{}), "review")
	name := uniqueName()
	in := &ivschat.CreateRoomInput{
		Name:                            &name,
		MaximumMessageRatePerSecond:     new(int32(100)),
		MaximumMessageLength:            new(int32(1)),
		MessageReviewHandler:            &ivschat.MessageReviewHandler{URI: uri, FallbackResult: new(ivschat.FallbackResultDeny)},
		Tags:                            map[string]string{"team": "chat", "a b": "x/y=z+é:@_.-", "empty": ""},
		LoggingConfigurationIdentifiers: []string{second.Arn, first.Arn}, // the order counts
	}
	room := s.room(t, in)
	want := &ivschat.Room{
		Arn: room.Arn, ID: room.ID, CreateTime: room.CreateTime, UpdateTime: room.UpdateTime,
		Name: name, MaximumMessageRatePerSecond: 100, MaximumMessageLength: 1,
		MessageReviewHandler: in.MessageReviewHandler, Tags: in.Tags,
		LoggingConfigurationIdentifiers: in.LoggingConfigurationIdentifiers,
	}
	equal(t, "CreateRoom", want, room)
	equal(t, "GetRoom", want, s.getRoom(t, room.Arn))
	out, err := s.API.ListRooms(t.Context(), &ivschat.ListRoomsInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "ListRooms", []ivschat.RoomSummary{want.Summary()}, out.Rooms)
}

func testCreateRoomWithoutHandler(t *testing.T, s suite) {
	for what, h := range map[string]*ivschat.MessageReviewHandler{
		"absent": nil, "empty": {}, "empty uri": {URI: new("")},
	} {
		room := s.room(t, &ivschat.CreateRoomInput{MessageReviewHandler: h})
		if room.MessageReviewHandler != nil {
			t.Errorf("handler %s: room has %+v", what, room.MessageReviewHandler)
		}
	}
	uri := handler(s.room(t, &ivschat.CreateRoomInput{}), "review")
	room := s.room(t, &ivschat.CreateRoomInput{MessageReviewHandler: &ivschat.MessageReviewHandler{URI: uri}})
	equal(t, "default fallback result",
		&ivschat.MessageReviewHandler{URI: uri, FallbackResult: new(ivschat.FallbackResultAllow)}, room.MessageReviewHandler)
}

func testNamesAreNotUnique(t *testing.T, s suite) {
	name := uniqueName()
	a, b := s.room(t, &ivschat.CreateRoomInput{Name: &name}), s.room(t, &ivschat.CreateRoomInput{Name: &name})
	if a.Arn == b.Arn {
		t.Errorf("two rooms are %s", a.Arn)
	}
}

// spec: control-plane.md §2.3.
func testUpdateRoom(t *testing.T, s suite) {
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	before := s.room(t, &ivschat.CreateRoomInput{Tags: map[string]string{"k": "v"}})
	name := uniqueName()
	room := s.updateRoom(t, &ivschat.UpdateRoomInput{
		Identifier:                      before.Arn,
		Name:                            &name,
		MaximumMessageRatePerSecond:     new(int32(1)),
		MaximumMessageLength:            new(int32(2)),
		MessageReviewHandler:            &ivschat.MessageReviewHandler{URI: handler(before, "f"), FallbackResult: new(ivschat.FallbackResultDeny)},
		LoggingConfigurationIdentifiers: []string{c.Arn},
	})
	want := *before
	want.UpdateTime = room.UpdateTime
	want.Name, want.MaximumMessageRatePerSecond, want.MaximumMessageLength = name, 1, 2
	want.MessageReviewHandler = &ivschat.MessageReviewHandler{URI: handler(before, "f"), FallbackResult: new(ivschat.FallbackResultDeny)}
	want.LoggingConfigurationIdentifiers = []string{c.Arn}
	equal(t, "UpdateRoom", &want, room)
	resourceTimes(t, "UpdateRoom", before.UpdateTime, room.UpdateTime)
}

func testUpdateRoomKeeps(t *testing.T, s suite) {
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	uri := handler(s.room(t, &ivschat.CreateRoomInput{}), "review")
	before := s.room(t, &ivschat.CreateRoomInput{
		Name:                            new(uniqueName()),
		MaximumMessageRatePerSecond:     new(int32(7)),
		MaximumMessageLength:            new(int32(77)),
		MessageReviewHandler:            &ivschat.MessageReviewHandler{URI: uri, FallbackResult: new(ivschat.FallbackResultDeny)},
		Tags:                            map[string]string{"k": "v"},
		LoggingConfigurationIdentifiers: []string{c.Arn},
	})
	// An update that changes nothing still counts as one (spec: control-plane.md §2.3).
	after := s.updateRoom(t, &ivschat.UpdateRoomInput{Identifier: before.Arn})
	for !after.UpdateTime.After(before.UpdateTime) {
		after = s.updateRoom(t, &ivschat.UpdateRoomInput{Identifier: before.Arn})
	}
	after.UpdateTime = before.UpdateTime
	equal(t, "UpdateRoom with no members", before, after)
}

func testUpdateRoomClears(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{Name: new(uniqueName())})
	if got := s.updateRoom(t, &ivschat.UpdateRoomInput{Identifier: room.Arn, Name: new("")}); got.Name != "" {
		t.Errorf("name is %q after it was cleared", got.Name)
	}
}

// spec: control-plane.md §2, messageReviewHandler, and unknowns.md U-CP-01, U-CP-08.
func testUpdateHandler(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	allow, deny := new(ivschat.FallbackResultAllow), new(ivschat.FallbackResultDeny)
	steps := []struct {
		what string
		give *ivschat.MessageReviewHandler
		want *ivschat.MessageReviewHandler
	}{
		{"never had one", nil, nil},
		{"uri", &ivschat.MessageReviewHandler{URI: handler(room, "one")}, &ivschat.MessageReviewHandler{URI: handler(room, "one"), FallbackResult: allow}},
		{"fallback result alone", &ivschat.MessageReviewHandler{FallbackResult: deny}, &ivschat.MessageReviewHandler{URI: handler(room, "one"), FallbackResult: deny}},
		{"uri alone", &ivschat.MessageReviewHandler{URI: handler(room, "two")}, &ivschat.MessageReviewHandler{URI: handler(room, "two"), FallbackResult: deny}},
		{"absent", nil, &ivschat.MessageReviewHandler{URI: handler(room, "two"), FallbackResult: deny}},
		{"cleared", &ivschat.MessageReviewHandler{URI: new("")}, &ivschat.MessageReviewHandler{URI: new(""), FallbackResult: deny}},
		{"still cleared", nil, &ivschat.MessageReviewHandler{URI: new(""), FallbackResult: deny}},
		{"again", &ivschat.MessageReviewHandler{URI: handler(room, "one"), FallbackResult: allow}, &ivschat.MessageReviewHandler{URI: handler(room, "one"), FallbackResult: allow}},
	}
	for _, step := range steps {
		got := s.updateRoom(t, &ivschat.UpdateRoomInput{Identifier: room.Arn, MessageReviewHandler: step.give})
		equal(t, step.what, step.want, got.MessageReviewHandler)
	}
}

func testUpdateIdentifiers(t *testing.T, s suite) {
	var arns []string
	for range 3 {
		arns = append(arns, s.config(t, &ivschat.CreateLoggingConfigurationInput{}).Arn)
	}
	room := s.room(t, &ivschat.CreateRoomInput{LoggingConfigurationIdentifiers: arns[:1]})
	for _, list := range [][]string{arns, {arns[2], arns[0]}, {arns[1]}, {}} {
		got := s.updateRoom(t, &ivschat.UpdateRoomInput{Identifier: room.Arn, LoggingConfigurationIdentifiers: list})
		equal(t, "identifiers", list, got.LoggingConfigurationIdentifiers)
	}
	unknown := sibling(t, arns[0], arn.LoggingConfiguration)
	_, err := s.API.UpdateRoom(t.Context(), &ivschat.UpdateRoomInput{
		Identifier: room.Arn, Name: new(uniqueName()), LoggingConfigurationIdentifiers: []string{arns[0], unknown}})
	e := refused[*ivschat.ResourceNotFoundException](t, "UpdateRoom", err)
	aboutResource(t, "UpdateRoom", unknown, e.ResourceID, e.ResourceType)
	if got := s.getRoom(t, room.Arn); got.Name != "" || len(got.LoggingConfigurationIdentifiers) != 0 {
		t.Errorf("a refused update left %+v", got)
	}
	_, err = s.API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{LoggingConfigurationIdentifiers: []string{unknown}})
	e = refused[*ivschat.ResourceNotFoundException](t, "CreateRoom", err)
	aboutResource(t, "CreateRoom", unknown, e.ResourceID, e.ResourceType)
}

// spec: control-plane.md §2.4.
func testDeleteRoom(t *testing.T, s suite) {
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	name := uniqueName()
	room := s.room(t, &ivschat.CreateRoomInput{Name: &name, LoggingConfigurationIdentifiers: []string{c.Arn}})
	if _, err := s.API.DeleteRoom(t.Context(), &ivschat.DeleteRoomInput{Identifier: room.Arn}); err != nil {
		t.Fatal(err)
	}
	_, err := s.API.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: room.Arn})
	e := refused[*ivschat.ResourceNotFoundException](t, "GetRoom", err)
	aboutResource(t, "GetRoom", room.Arn, e.ResourceID, e.ResourceType)
	_, err = s.API.DeleteRoom(t.Context(), &ivschat.DeleteRoomInput{Identifier: room.Arn})
	refused[*ivschat.ResourceNotFoundException](t, "second DeleteRoom", err)
	_, err = s.API.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserID: "u"})
	refused[*ivschat.ResourceNotFoundException](t, "CreateChatToken", err)
	out, err := s.API.ListRooms(t.Context(), &ivschat.ListRoomsInput{Name: &name})
	if err != nil || len(out.Rooms) != 0 {
		t.Errorf("ListRooms: %+v, %v", out, err)
	}
	// The room's hold on the logging configuration ends with it.
	if _, err := s.API.DeleteLoggingConfiguration(t.Context(), &ivschat.DeleteLoggingConfigurationInput{Identifier: c.Arn}); err != nil {
		t.Errorf("DeleteLoggingConfiguration: %v", err)
	}
}

func testRoomQuota(t *testing.T, s suite) {
	if s.Rooms == 0 {
		return // no quota that can be filled here
	}
	for range s.Rooms - len(allRooms(t, s.API, ivschat.ListRoomsInput{})) {
		s.room(t, &ivschat.CreateRoomInput{})
	}
	_, err := s.API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	e := refused[*ivschat.ServiceQuotaExceededException](t, "CreateRoom over the quota", err)
	if int(e.Limit) != s.Rooms || e.ResourceType != ivschat.ResourceTypeRoom || e.ResourceID != "" {
		t.Errorf("exception is %+v, the quota is %d", e, s.Rooms)
	}
}
