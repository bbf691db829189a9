package apitest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/ivschat"
)

// clockSlack is how far the clocks of the test and of the service may be apart.
const clockSlack = 30 * time.Second

// maxEventAttributes is how many bytes of attributes an event may have unless
// the service is set otherwise (spec: control-plane.md §4.2).
const maxEventAttributes = 4096

func near(t *testing.T, what string, want, got time.Time) {
	t.Helper()
	if got.Sub(want).Abs() > clockSlack {
		t.Errorf("%s is %v, want about %v", what, got, want)
	}
	if !got.Equal(got.Truncate(time.Millisecond)) {
		t.Errorf("%s %v is not in whole milliseconds", what, got)
	}
}

// spec: control-plane.md §4.1. A token travels as a WebSocket subprotocol.
func token(t *testing.T, s suite, in *ivschat.CreateChatTokenInput) string {
	t.Helper()
	out, err := s.API.CreateChatToken(t.Context(), in)
	if err != nil {
		t.Fatalf("CreateChatToken: %v", err)
	}
	const legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
	if out.Token == "" || strings.Trim(out.Token, legal) != "" || len(out.Token) > 4096 {
		t.Errorf("token of %d bytes is no subprotocol of at most 4 KB", len(out.Token))
	}
	for _, secret := range []string{in.UserID, in.RoomIdentifier} {
		if len(secret) > 3 && strings.Contains(out.Token, secret) {
			t.Errorf("the token shows %q", secret)
		}
	}
	duration := time.Hour
	if in.SessionDurationInMinutes != nil {
		duration = time.Duration(*in.SessionDurationInMinutes) * time.Minute
	}
	now := time.Now()
	near(t, "tokenExpirationTime", now.Add(s.TokenValidity), out.TokenExpirationTime)
	near(t, "sessionExpirationTime", now.Add(duration), out.SessionExpirationTime)
	return out.Token
}

func testCreateChatToken(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	seen := make(map[string]bool)
	inputs := []*ivschat.CreateChatTokenInput{
		{RoomIdentifier: room.Arn, UserID: "alice"},
		{RoomIdentifier: room.Arn, UserID: "alice"}, // the same again is another token
		{RoomIdentifier: room.Arn, UserID: "bob", SessionDurationInMinutes: new(int32(1))},
		{RoomIdentifier: room.Arn, UserID: "bob", SessionDurationInMinutes: new(int32(180)), Capabilities: []ivschat.Capability{}},
		{RoomIdentifier: room.Arn, UserID: "é \U0001f600", Attributes: map[string]string{"": ""},
			Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage, ivschat.CapabilityDeleteMessage, ivschat.CapabilityDisconnectUser}},
	}
	for _, in := range inputs {
		seen[token(t, s, in)] = true
	}
	if len(seen) != len(inputs) {
		t.Errorf("%d tokens were issued, %d differ", len(inputs), len(seen))
	}
}

func testLargestToken(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	in := &ivschat.CreateChatTokenInput{
		RoomIdentifier: room.Arn,
		UserID:         strings.Repeat("\U0001f600", 128),
		Attributes:     map[string]string{"k": strings.Repeat("é", (ivschat.MaxTokenAttributes-2)/2) + "v"},
	}
	token(t, s, in)
	in.Attributes["k"] += "v"
	_, err := s.API.CreateChatToken(t.Context(), in)
	s.invalid(t, "attributes over 1 KB", err, "attributes")
}

// spec: control-plane.md §4.2.
func testSendEvent(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	seen := make(map[string]bool)
	inputs := []*ivschat.SendEventInput{
		{RoomIdentifier: room.Arn, EventName: "e"},
		{RoomIdentifier: room.Arn, EventName: strings.Repeat("é", 100), Attributes: map[string]string{}},
		{RoomIdentifier: room.Arn, EventName: "app:poll", Attributes: map[string]string{"k": strings.Repeat("v", maxEventAttributes-1)}},
	}
	for _, in := range inputs {
		out, err := s.API.SendEvent(t.Context(), in)
		if err != nil {
			t.Fatalf("SendEvent: %v", err)
		}
		if !id.Valid(out.ID) || seen[out.ID] {
			t.Errorf("SendEvent: id is %q", out.ID)
		}
		seen[out.ID] = true
	}
	_, err := s.API.SendEvent(t.Context(), &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: "aws:DELETE_MESSAGE"})
	s.invalid(t, "reserved name", err, "eventName")
	_, err = s.API.SendEvent(t.Context(), &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: "e",
		Attributes: map[string]string{"k": strings.Repeat("v", maxEventAttributes)}})
	s.invalid(t, "attributes over 4 KB", err, "attributes")
}

// spec: control-plane.md §4.3: the answer names the operation, and any
// well-formed id will do.
func testDeleteMessage(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	for _, reason := range []*string{nil, new("r"), new(strings.Repeat("é", 256))} {
		in := &ivschat.DeleteMessageInput{RoomIdentifier: room.Arn, ID: id.New(), Reason: reason}
		out, err := s.API.DeleteMessage(t.Context(), in)
		if err != nil {
			t.Fatalf("DeleteMessage: %v", err)
		}
		if !id.Valid(out.ID) || out.ID == in.ID {
			t.Errorf("DeleteMessage of %q: id is %q", in.ID, out.ID)
		}
	}
	for _, bad := range []string{"short", "thirteenchars", "twelve-chars"} {
		_, err := s.API.DeleteMessage(t.Context(), &ivschat.DeleteMessageInput{RoomIdentifier: room.Arn, ID: bad})
		s.invalid(t, fmt.Sprintf("DeleteMessage of %q", bad), err, "id")
	}
}

// spec: control-plane.md §4.4: nobody there is no error.
func testDisconnectUser(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	for _, reason := range []*string{nil, new("r")} {
		in := &ivschat.DisconnectUserInput{RoomIdentifier: room.Arn, UserID: "nobody", Reason: reason}
		if _, err := s.API.DisconnectUser(t.Context(), in); err != nil {
			t.Errorf("DisconnectUser: %v", err)
		}
	}
}

// calls returns every operation that names a resource, on the resource.
func calls(api ivschat.API, t *testing.T, identifier string) map[string]func() error {
	ctx := t.Context()
	all := map[string]func() error{
		"ListTagsForResource": func() error {
			_, err := api.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: identifier})
			return err
		},
		"TagResource": func() error {
			_, err := api.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: identifier, Tags: map[string]string{"k": "v"}})
			return err
		},
		"UntagResource": func() error {
			_, err := api.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: identifier, TagKeys: []string{"k"}})
			return err
		},
	}
	if a, _ := arn.Parse(identifier); a.Type == arn.LoggingConfiguration {
		all["GetLoggingConfiguration"] = func() error {
			_, err := api.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: identifier})
			return err
		}
		all["UpdateLoggingConfiguration"] = func() error {
			_, err := api.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{Identifier: identifier, Name: new("taken")})
			return err
		}
		all["DeleteLoggingConfiguration"] = func() error {
			_, err := api.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: identifier})
			return err
		}
		all["CreateRoom"] = func() error {
			_, err := api.CreateRoom(ctx, &ivschat.CreateRoomInput{LoggingConfigurationIdentifiers: []string{identifier}})
			return err
		}
		all["ListRooms"] = func() error {
			_, err := api.ListRooms(ctx, &ivschat.ListRoomsInput{LoggingConfigurationIdentifier: &identifier})
			return err
		}
		return all
	}
	all["GetRoom"] = func() error {
		_, err := api.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: identifier})
		return err
	}
	all["UpdateRoom"] = func() error {
		_, err := api.UpdateRoom(ctx, &ivschat.UpdateRoomInput{Identifier: identifier, Name: new("taken")})
		return err
	}
	all["DeleteRoom"] = func() error {
		_, err := api.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: identifier})
		return err
	}
	all["CreateChatToken"] = func() error {
		_, err := api.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{RoomIdentifier: identifier, UserID: "u"})
		return err
	}
	all["SendEvent"] = func() error {
		_, err := api.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: identifier, EventName: "e"})
		return err
	}
	all["DeleteMessage"] = func() error {
		_, err := api.DeleteMessage(ctx, &ivschat.DeleteMessageInput{RoomIdentifier: identifier, ID: id.New()})
		return err
	}
	all["DisconnectUser"] = func() error {
		_, err := api.DisconnectUser(ctx, &ivschat.DisconnectUserInput{RoomIdentifier: identifier, UserID: "u"})
		return err
	}
	return all
}
