package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

func counts(t *testing.T, s *store.Store) {
	want := func(what string, counts ...store.Count) {
		t.Helper()
		got, err := s.Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(counts, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	want("an empty store")
	elsewhere := store.Tenant{Account: here.Account, Region: "eu-west-1"}
	for i, tenant := range []store.Tenant{here, here, elsewhere} {
		room := &ivschat.Room{ID: resourceID(i), CreateTime: at(0), UpdateTime: at(0), MaximumMessageRatePerSecond: 10, MaximumMessageLength: 500}
		if err := s.CreateRoom(t.Context(), tenant, room, 0); err != nil {
			t.Fatal(err)
		}
	}
	lc := &ivschat.LoggingConfiguration{ID: resourceID(9), CreateTime: at(0), UpdateTime: at(0), State: ivschat.LoggingConfigurationStateActive,
		DestinationConfiguration: ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: "bucket"}}}
	if err := s.CreateLoggingConfiguration(t.Context(), here, lc, 0); err != nil {
		t.Fatal(err)
	}
	want("of two regions", store.Count{Tenant: elsewhere, Type: arn.Room, N: 1},
		store.Count{Tenant: here, Type: arn.LoggingConfiguration, N: 1}, store.Count{Tenant: here, Type: arn.Room, N: 2})
	for i, tenant := range []store.Tenant{here, here, elsewhere}[1:] {
		if err := s.DeleteRoom(t.Context(), tenant, resourceID(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	want("after rooms were deleted", store.Count{Tenant: here, Type: arn.LoggingConfiguration, N: 1}, store.Count{Tenant: here, Type: arn.Room, N: 1})
}
