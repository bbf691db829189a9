package apitest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/ivschat"
)

// refusedAs tests that every operation on a resource answers the exception E
// and leaves the resource as it is.
func refusedAs[E ivschat.APIError](t *testing.T, api ivschat.API, identifier string, check func(what string, e E)) {
	t.Helper()
	for what, do := range calls(api, t, identifier) {
		what += " " + identifier
		e, ok := errors.AsType[E](do())
		if !ok {
			t.Errorf("%s: error is %v, want a %T", what, do(), e)
			continue
		}
		if check != nil {
			check(what, e)
		}
	}
}

func testNotFound(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	for _, kind := range []string{arn.Room, arn.LoggingConfiguration} {
		unknown := sibling(t, room.Arn, kind)
		refusedAs(t, s.API, unknown, func(what string, e *ivschat.ResourceNotFoundException) {
			aboutResource(t, what, unknown, e.ResourceID, e.ResourceType)
			if !strings.Contains(e.Message, unknown) {
				t.Errorf("%s: message is %q", what, e.Message)
			}
		})
	}
}

// unknowns.md U-CP-16: another account's resources are denied, also those it
// does not have.
func testOtherAccount(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{Name: new(uniqueName()), Tags: map[string]string{"k": "kept"}})
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{Tags: map[string]string{"k": "kept"}})
	for _, identifier := range []string{room.Arn, c.Arn, sibling(t, room.Arn, arn.Room)} {
		refusedAs(t, s.Other, identifier, func(what string, e *ivschat.AccessDeniedException) {
			if e.Message == "" {
				t.Errorf("%s: no message", what)
			}
		})
	}
	equal(t, "the room after it was denied", room, s.getRoom(t, room.Arn))
	equal(t, "the logging configuration after it was denied", c, s.getConfig(t, c.Arn))
}

// Another region's resources are not found, even under an id that is taken here.
func testOtherRegion(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	for _, identifier := range []string{room.Arn, c.Arn} {
		a, _ := arn.Parse(identifier)
		a.Region = "xx-elsewhere-1"
		refusedAs[*ivschat.ResourceNotFoundException](t, s.API, a.String(), nil)
	}
}

func testTenantsSeeTheirOwn(t *testing.T, s suite) {
	name := uniqueName()
	mine, theirs := s.room(t, &ivschat.CreateRoomInput{Name: &name}), s.roomOf(t, s.Other, &ivschat.CreateRoomInput{Name: &name})
	equal(t, "rooms of one account", []string{mine.Arn}, arnsOf(allRooms(t, s.API, ivschat.ListRoomsInput{Name: &name})))
	equal(t, "rooms of the other", []string{theirs.Arn}, arnsOf(allRooms(t, s.Other, ivschat.ListRoomsInput{Name: &name})))
	a, _ := arn.Parse(mine.Arn)
	b, _ := arn.Parse(theirs.Arn)
	if a.Account == b.Account || a.Region != b.Region {
		t.Errorf("the accounts' rooms are %s and %s", mine.Arn, theirs.Arn)
	}
	c := s.configOf(t, s.Other, &ivschat.CreateLoggingConfigurationInput{})
	for _, page := range configPages(t, s.API, nil) {
		if slices.Contains(configArns(page), c.Arn) {
			t.Errorf("%s is listed to the other account", c.Arn)
		}
	}
}

func testWrongKindOfARN(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	ctx := t.Context()
	_, err := s.API.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: c.Arn})
	s.invalid(t, "GetRoom of a logging configuration", err, "identifier")
	_, err = s.API.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: room.ID})
	s.invalid(t, "GetRoom by id", err, "identifier")
	_, err = s.API.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: room.Arn})
	s.invalid(t, "GetLoggingConfiguration of a room", err, "identifier")
	_, err = s.API.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{RoomIdentifier: c.Arn, UserID: "u"})
	s.invalid(t, "CreateChatToken for a logging configuration", err, "roomIdentifier")
	_, err = s.API.ListRooms(ctx, &ivschat.ListRoomsInput{LoggingConfigurationIdentifier: &room.Arn})
	s.invalid(t, "ListRooms of a room", err, "loggingConfigurationIdentifier")
	_, err = s.API.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: strings.Replace(room.Arn, ":room/", ":channel/", 1)})
	s.invalid(t, "ListTagsForResource of a channel", err, "resourceArn")
}

// One bad member each, on the far side of a bound.
func testBadMembers(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{})
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	ctx := t.Context()
	update := func(in ivschat.UpdateRoomInput) error {
		in.Identifier = room.Arn
		_, err := s.API.UpdateRoom(ctx, &in)
		return err
	}
	tokenFor := func(in ivschat.CreateChatTokenInput) error {
		in.RoomIdentifier = room.Arn
		_, err := s.API.CreateChatToken(ctx, &in)
		return err
	}
	long := strings.Repeat("n", 129)
	s.invalid(t, "long name", update(ivschat.UpdateRoomInput{Name: &long}), "name")
	s.invalid(t, "name with a space", update(ivschat.UpdateRoomInput{Name: new("a b")}), "name")
	s.invalid(t, "rate 0", update(ivschat.UpdateRoomInput{MaximumMessageRatePerSecond: new(int32(0))}), "maximumMessageRatePerSecond")
	s.invalid(t, "length -1", update(ivschat.UpdateRoomInput{MaximumMessageLength: new(int32(-1))}), "maximumMessageLength")
	s.invalid(t, "no function", update(ivschat.UpdateRoomInput{MessageReviewHandler: &ivschat.MessageReviewHandler{URI: new("http://localhost")}}),
		"messageReviewHandler.uri")
	s.invalid(t, "a fourth configuration", update(ivschat.UpdateRoomInput{LoggingConfigurationIdentifiers: []string{
		sibling(t, c.Arn, arn.LoggingConfiguration), sibling(t, c.Arn, arn.LoggingConfiguration),
		sibling(t, c.Arn, arn.LoggingConfiguration), sibling(t, c.Arn, arn.LoggingConfiguration)}}), "loggingConfigurationIdentifiers")
	s.invalid(t, "a configuration twice", update(ivschat.UpdateRoomInput{LoggingConfigurationIdentifiers: []string{c.Arn, c.Arn}}),
		"loggingConfigurationIdentifiers[1]")
	s.invalid(t, "no user", tokenFor(ivschat.CreateChatTokenInput{}), "userId")
	s.invalid(t, "long user", tokenFor(ivschat.CreateChatTokenInput{UserID: long}), "userId")
	s.invalid(t, "unknown capability", tokenFor(ivschat.CreateChatTokenInput{UserID: "u", Capabilities: []ivschat.Capability{"SEND_MESSAGE", "FLY"}}), "capabilities[1]")
	s.invalid(t, "181 minutes", tokenFor(ivschat.CreateChatTokenInput{UserID: "u", SessionDurationInMinutes: new(int32(181))}), "sessionDurationInMinutes")
	_, err := s.API.ListRooms(ctx, &ivschat.ListRoomsInput{MaxResults: new(int32(51))})
	s.invalid(t, "page of 51", err, "maxResults")
	_, err = s.API.ListRooms(ctx, &ivschat.ListRoomsInput{NextToken: new(strings.Repeat("A", 1025))})
	s.invalid(t, "long page token", err, "nextToken")
	_, err = s.API.DisconnectUser(ctx, &ivschat.DisconnectUserInput{RoomIdentifier: room.Arn, UserID: "u", Reason: new(strings.Repeat("r", 257))})
	s.invalid(t, "long reason", err, "reason")
	_, err = s.API.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{Identifier: c.Arn, DestinationConfiguration: bucket("ab")})
	s.invalid(t, "short bucket", err, "destinationConfiguration.s3.bucketName")
	_, err = s.API.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: room.Arn, TagKeys: []string{"k", long}})
	s.invalid(t, "long tag key", err, "tagKeys[1]")
	equal(t, "the room after the refusals", room, s.getRoom(t, room.Arn))
}

func testAllBadMembersAtOnce(t *testing.T, s suite) {
	_, err := s.API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{
		Name:                            new("no good"),
		MaximumMessageRatePerSecond:     new(int32(101)),
		MaximumMessageLength:            new(int32(501)),
		MessageReviewHandler:            &ivschat.MessageReviewHandler{URI: new("uri"), FallbackResult: new(ivschat.FallbackResult("MAYBE"))},
		Tags:                            map[string]string{"k": strings.Repeat("v", 257), "aws:k": ""},
		LoggingConfigurationIdentifiers: []string{"arn"},
	})
	members := []string{
		"name", "maximumMessageRatePerSecond", "maximumMessageLength", "messageReviewHandler.uri", "messageReviewHandler.fallbackResult",
		"tags[k]", "tags[aws:k]", "loggingConfigurationIdentifiers[0]",
	}
	s.invalid(t, "CreateRoom", err, members...)
	// A client that refuses by the service's rules says as much as the service.
	if local, ok := errors.AsType[*ivschat.ParamValidationError](err); ok {
		var got []string
		for _, f := range local.Fields {
			got = append(got, f.Name)
		}
		slices.Sort(got)
		slices.Sort(members)
		if diff := cmp.Diff(members, got); diff != "" {
			t.Errorf("ParamValidationError (-want +got):\n%s", diff)
		}
	}
}
