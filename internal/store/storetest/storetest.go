// Package storetest is the conformance suite of the store: what every engine
// must do, whatever it is made of. It knows the store by its methods alone.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// Run runs the suite. open returns an empty store and closes it with the test.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	tests := []struct {
		name string
		run  func(t *testing.T, s *store.Store)
	}{
		{"a room comes back as it was saved", roomRoundTrip},
		{"a room's change is all or nothing", roomUpdate},
		{"a deleted room is gone", roomDelete},
		{"rooms are filtered by exact values", roomFilters},
		{"rooms are listed by update time, then id", roomOrder},
		{"a page neither repeats nor skips rooms while others change", pagingUnderUpdates},
		{"a page neither repeats nor skips rooms while others change at the same time", pagingUnderConcurrentUpdates},
		{"a room names only active logging configurations of its tenant", associations},
		{"an attached logging configuration stays", loggingConfigurationInUse},
		{"a logging configuration comes back as it was saved", loggingRoundTrip},
		{"logging configurations are listed by update time, then id", loggingOrder},
		{"tags change without the update time", tags},
		{"quotas hold", quotas},
		{"resources are counted by tenant and type", counts},
		{"quotas hold under concurrent creates", concurrentQuota},
		{"no concurrent change is lost", concurrentUpdates},
		{"a cancelled write has not happened", cancelled},
		{"a panic reaches its caller and nobody else", panics},
		{"a token is claimed once", claims},
		{"a token is claimed once by many callers", concurrentClaims},
		{"the outbox keeps records and their order", outbox},
		{"the outbox takes concurrent appends", concurrentOutbox},
		{"a record leaves the outbox when all its destinations have it", deliveries},
		{"the outbox is bounded", boundedOutbox},
		{"the oldest of the outbox can be dropped", droppedOutbox},
		{"what is refused for good is kept apart", deadLetters},
		{"a log is read into the outbox once", outboxSources},
		{"it is told how chat logs stand", chatLogs},
		{"access keys come back as they were saved", accessKeys},
		{"accounts have the state that was set last", accounts},
		{"token keys are made once", tokenKeys},
		{"tenants behave as the model and never meet", model},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

var here = store.Tenant{Account: "123456789012", Region: "us-west-2"}

// at returns a time of the given milliseconds.
func at(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms).UTC() }

// resourceID returns the n-th of the ids that sort as their numbers do.
func resourceID(n int) string { return fmt.Sprintf("id%010d", n) }

func roomARN(t store.Tenant, id string) string {
	return arn.ARN{Region: t.Region, Account: t.Account, Type: arn.Room, ID: id}.String()
}

func loggingARN(t store.Tenant, id string) string {
	return arn.ARN{Region: t.Region, Account: t.Account, Type: arn.LoggingConfiguration, ID: id}.String()
}

// newRoom returns a room as it comes back from the store.
func newRoom(t store.Tenant, id string, update time.Time) *ivschat.Room {
	return &ivschat.Room{
		Arn: roomARN(t, id), ID: id, CreateTime: at(0), UpdateTime: update,
		MaximumMessageRatePerSecond: 10, MaximumMessageLength: 500,
		Tags: map[string]string{}, LoggingConfigurationIdentifiers: []string{},
	}
}

func newLogging(t store.Tenant, id string, update time.Time) *ivschat.LoggingConfiguration {
	return &ivschat.LoggingConfiguration{
		Arn: loggingARN(t, id), ID: id, CreateTime: at(0), UpdateTime: update,
		DestinationConfiguration: ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: "chat-logs"}},
		State:                    ivschat.LoggingConfigurationStateActive, Tags: map[string]string{},
	}
}

// failer is a test, or one round of a property.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func ok(t failer, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func is(t failer, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func equal[T any](t failer, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("differs (-want +got):\n%s", diff)
	}
}

// pages lists rooms n at a time until there are none, and calls between after
// each page.
func pages(t failer, s *store.Store, tenant store.Tenant, f store.RoomFilter, n int, between func()) (rooms []ivschat.Room) {
	t.Helper()
	var after store.Cursor
	for {
		page, err := s.Rooms(context.Background(), tenant, f, after, n)
		ok(t, err)
		if len(page) > n {
			t.Fatalf("%d rooms on a page of %d", len(page), n)
		}
		if len(page) == 0 {
			return rooms
		}
		rooms = append(rooms, page...)
		if len(rooms) > 1_000 {
			t.Fatalf("the pages do not end")
		}
		last := page[len(page)-1]
		after = store.Cursor{UpdateTime: last.UpdateTime, ID: last.ID}
		between()
	}
}

func nothing() {}

func ids(rooms []ivschat.Room) []string {
	list := []string{}
	for _, room := range rooms {
		list = append(list, room.ID)
	}
	return list
}
