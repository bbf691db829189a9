// Package apitest is the behaviour of the control plane as one test suite over
// ivschat.API: [Run] holds for the service in process, for the client of this
// repository and for AWS's SDK, against whatever they talk to. It knows no
// transport: what an API says is in its values and typed errors.
package apitest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/ivschat"
)

// Fixture is what the suite runs over. The tenant of API may have rooms and
// logging configurations of others; the suite leaves none of its own.
type Fixture struct {
	// API acts as a principal that may do everything in its account and region.
	API ivschat.API
	// Other acts as a principal of another account in the same region.
	Other ivschat.API
	// Local tells whether an error is the API's own refusal of an input that
	// the service has not seen, as clients have for rules they know. Nil: the
	// API has none.
	Local func(error) bool
	// LoggingConfigurations is the quota of API's tenant, at least 5; 0 when
	// there is none.
	LoggingConfigurations int
	// Rooms is the quota of API's tenant if it is worth filling, else 0.
	Rooms int
	// TokenValidity is how long a chat token can open a connection. Default one minute.
	TokenValidity time.Duration
}

// As returns an API whose calls get their context through decorate: how a
// service in process learns who acts.
func As(api ivschat.API, decorate func(context.Context) context.Context) ivschat.API {
	return decorated{api, decorate}
}

// Run runs the suite. Its tests run one after the other, as quotas and lists
// are the whole tenant's.
func Run(t *testing.T, f Fixture) {
	if f.TokenValidity == 0 {
		f.TokenValidity = time.Minute
	}
	if f.Local == nil {
		f.Local = func(error) bool { return false }
	}
	tests := map[string]func(*testing.T, suite){
		"rooms/create":             testCreateRoom,
		"rooms/create defaults":    testCreateRoomDefaults,
		"rooms/create no handler":  testCreateRoomWithoutHandler,
		"rooms/names not unique":   testNamesAreNotUnique,
		"rooms/update":             testUpdateRoom,
		"rooms/update keeps":       testUpdateRoomKeeps,
		"rooms/update clears":      testUpdateRoomClears,
		"rooms/update handler":     testUpdateHandler,
		"rooms/update list":        testUpdateIdentifiers,
		"rooms/delete":             testDeleteRoom,
		"rooms/quota":              testRoomQuota,
		"list rooms/order":         testListRoomsOrder,
		"list rooms/filters":       testListRoomsFilters,
		"list rooms/pages":         testListRoomsPages,
		"list rooms/default page":  testListRoomsDefaultPage,
		"list rooms/page tokens":   testListRoomsTokens,
		"list rooms/moving":        testListRoomsWhileTheyChange,
		"logging/create":           testCreateLoggingConfiguration,
		"logging/update":           testUpdateLoggingConfiguration,
		"logging/destination":      testDestinationUnion,
		"logging/delete":           testDeleteLoggingConfiguration,
		"logging/list":             testListLoggingConfigurations,
		"logging/quota":            testLoggingConfigurationQuota,
		"tags":                     testTags,
		"tags/limit":               testTagLimit,
		"tags/untag":               testUntag,
		"tokens":                   testCreateChatToken,
		"tokens/largest":           testLargestToken,
		"events/send":              testSendEvent,
		"events/delete message":    testDeleteMessage,
		"events/disconnect user":   testDisconnectUser,
		"errors/not found":         testNotFound,
		"errors/other account":     testOtherAccount,
		"errors/other region":      testOtherRegion,
		"errors/wrong kind of ARN": testWrongKindOfARN,
		"errors/bad members":       testBadMembers,
		"errors/all at once":       testAllBadMembersAtOnce,
		"tenants":                  testTenantsSeeTheirOwn,
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) { tests[name](t, suite{Fixture: f}) })
	}
}

// suite is one test's view of the fixture.
type suite struct {
	Fixture
}

// uniqueName returns a name that no other resource has.
func uniqueName() string { return "apitest-" + id.New() }

// room makes a room that ends with the test.
func (s suite) room(t *testing.T, in *ivschat.CreateRoomInput) *ivschat.Room {
	t.Helper()
	return s.roomOf(t, s.API, in)
}

func (s suite) roomOf(t *testing.T, api ivschat.API, in *ivschat.CreateRoomInput) *ivschat.Room {
	t.Helper()
	room, err := api.CreateRoom(t.Context(), in)
	if err != nil {
		t.Fatalf("CreateRoom: %v", err)
	}
	t.Cleanup(func() {
		_, err := api.DeleteRoom(context.WithoutCancel(t.Context()), &ivschat.DeleteRoomInput{Identifier: room.Arn})
		if _, gone := errors.AsType[*ivschat.ResourceNotFoundException](err); err != nil && !gone {
			t.Errorf("clean up: DeleteRoom: %v", err)
		}
	})
	return room
}

func (s suite) getRoom(t *testing.T, identifier string) *ivschat.Room {
	t.Helper()
	room, err := s.API.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: identifier})
	if err != nil {
		t.Fatalf("GetRoom: %v", err)
	}
	return room
}

func (s suite) updateRoom(t *testing.T, in *ivschat.UpdateRoomInput) *ivschat.Room {
	t.Helper()
	room, err := s.API.UpdateRoom(t.Context(), in)
	if err != nil {
		t.Fatalf("UpdateRoom: %v", err)
	}
	if diff := cmp.Diff(room, s.getRoom(t, in.Identifier)); diff != "" {
		t.Errorf("GetRoom differs from UpdateRoom's answer (-update +get):\n%s", diff)
	}
	return room
}

// config makes a logging configuration that ends with the test, after its rooms.
func (s suite) config(t *testing.T, in *ivschat.CreateLoggingConfigurationInput) *ivschat.LoggingConfiguration {
	t.Helper()
	return s.configOf(t, s.API, in)
}

func (s suite) configOf(t *testing.T, api ivschat.API, in *ivschat.CreateLoggingConfigurationInput) *ivschat.LoggingConfiguration {
	t.Helper()
	if in.DestinationConfiguration == nil {
		in.DestinationConfiguration = bucket("chat-logs")
	}
	c, err := api.CreateLoggingConfiguration(t.Context(), in)
	if err != nil {
		t.Fatalf("CreateLoggingConfiguration: %v", err)
	}
	t.Cleanup(func() {
		_, err := api.DeleteLoggingConfiguration(context.WithoutCancel(t.Context()), &ivschat.DeleteLoggingConfigurationInput{Identifier: c.Arn})
		if _, gone := errors.AsType[*ivschat.ResourceNotFoundException](err); err != nil && !gone {
			t.Errorf("clean up: DeleteLoggingConfiguration: %v", err)
		}
	})
	return c
}

func bucket(name string) *ivschat.DestinationConfiguration {
	return &ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: name}}
}

// handler returns the ARN of a function in the room's own account and region.
func handler(room *ivschat.Room, name string) *string {
	a, _ := arn.Parse(room.Arn)
	return new("arn:aws:lambda:" + a.Region + ":" + a.Account + ":function:" + name)
}

// sibling returns a well-formed ARN of the same tenant that names nothing.
func sibling(t *testing.T, of, resourceType string) string {
	t.Helper()
	a, ok := arn.Parse(of)
	if !ok {
		t.Fatalf("%q is no ARN", of)
	}
	a.Type, a.ID = resourceType, id.New()
	return a.String()
}

// refused fails the test unless err is an exception of the type E.
func refused[E error](t *testing.T, what string, err error) E {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("%s: error is %v, want a %T", what, err, e)
	}
	return e
}

// invalid fails the test unless the input was refused for exactly the members
// named, by the service or, where the fixture allows it, before it was sent.
func (s suite) invalid(t *testing.T, what string, err error, members ...string) {
	t.Helper()
	if err != nil && s.Local(err) {
		return
	}
	e := refused[*ivschat.ValidationException](t, what, err)
	if e.Reason != ivschat.ValidationExceptionReasonFieldValidationFailed {
		t.Errorf("%s: reason is %s", what, e.Reason)
	}
	var got []string
	for _, f := range e.FieldList {
		got = append(got, f.Name)
		if f.Message == "" || !strings.Contains(e.Message, "Request member: "+f.Name+" failed to satisfy the constraints: "+f.Message) {
			t.Errorf("%s: message %q does not tell of %s: %q", what, e.Message, f.Name, f.Message)
		}
	}
	slices.Sort(got)
	slices.Sort(members)
	if diff := cmp.Diff(members, got); diff != "" {
		t.Errorf("%s: fieldList (-want +got):\n%s", what, diff)
	}
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// aboutResource fails unless an exception names the resource: the bare id and the type.
func aboutResource(t *testing.T, what, identifier string, gotID string, gotType ivschat.ResourceType) {
	t.Helper()
	a, ok := arn.Parse(identifier)
	if !ok {
		t.Fatalf("%q is no ARN", identifier)
	}
	want := ivschat.ResourceTypeRoom
	if a.Type == arn.LoggingConfiguration {
		want = ivschat.ResourceTypeLoggingConfiguration
	}
	if gotID != a.ID || gotType != want {
		t.Errorf("%s: exception is about %s %q, want %s %q", what, gotType, gotID, want, a.ID)
	}
}

func resourceTimes(t *testing.T, what string, created, updated time.Time) {
	t.Helper()
	for _, at := range []time.Time{created, updated} {
		if at.IsZero() || !at.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("%s: time %v is not in whole milliseconds", what, at)
		}
	}
	if updated.Before(created) {
		t.Errorf("%s: updated %v, before it was created %v", what, updated, created)
	}
}

func tagsOf(n int) map[string]string {
	tags := make(map[string]string, n)
	for i := range n {
		tags[fmt.Sprintf("key-%02d", i)] = fmt.Sprint(i)
	}
	return tags
}
