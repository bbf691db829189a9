package ivschat_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parleychat/parley/ivschat"
)

func presigned(t *testing.T, operation string, in any, expires time.Duration, method string) url.Values {
	t.Helper()
	text, err := newClient(nil).GeneratePresignedURL(t.Context(), operation, in, expires, method)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func TestPresignedURLsKeepTheOrderOfLists(t *testing.T) {
	other := strings.Replace(configARN, "ABcdef", "00cdef", 1)
	in := &ivschat.UpdateRoomInput{Identifier: roomARN, LoggingConfigurationIdentifiers: []string{configARN, other}}
	got := presigned(t, "UpdateRoom", in, 0, "")["loggingConfigurationIdentifiers"]
	if !slices.Equal(got, in.LoggingConfigurationIdentifiers) {
		t.Errorf("identifiers are %v", got)
	}
	// All keys are there, where botocore keeps the first one only.
	keys := []string{"b", "a", "c d"}
	if got := presigned(t, "untag_resource", &ivschat.UntagResourceInput{ResourceArn: roomARN, TagKeys: keys}, 0, "")["tagKeys"]; !slices.Equal(got, keys) {
		t.Errorf("tagKeys are %v", got)
	}
}

func TestPresignedURLsExpire(t *testing.T) {
	for expires, want := range map[time.Duration]string{0: "3600", time.Second: "1", 1500 * time.Millisecond: "1", 7 * 24 * time.Hour: "604800"} {
		if got := presigned(t, "ListRooms", nil, expires, "").Get("X-Amz-Expires"); got != want {
			t.Errorf("%v: X-Amz-Expires is %s", expires, got)
		}
	}
	for _, bad := range []time.Duration{-1, 1, time.Second - 1, 7*24*time.Hour + 1} {
		if got, err := newClient(nil).GeneratePresignedURL(t.Context(), "ListRooms", nil, bad, ""); err == nil {
			t.Errorf("%v: %s", bad, got)
		}
	}
}

func TestPresignedURLsAreSignedForAMethod(t *testing.T) {
	own, post := presigned(t, "ListRooms", nil, 0, ""), presigned(t, "ListRooms", nil, 0, http.MethodPost)
	get := presigned(t, "ListRooms", nil, 0, http.MethodGet)
	if own.Get("X-Amz-Date") == post.Get("X-Amz-Date") && own.Get("X-Amz-Signature") != post.Get("X-Amz-Signature") {
		t.Error("the operation's own method is not POST")
	}
	if get.Get("X-Amz-Signature") == post.Get("X-Amz-Signature") {
		t.Error("the method is not signed")
	}
}

func TestWhatCannotBePresigned(t *testing.T) {
	var typedNil *ivschat.GetRoomInput
	tests := []struct {
		name, operation string
		in              any
		want            string
	}{
		{"no such operation", "CreateChannel", nil, "no such operation"},
		{"another operation's input", "GetRoom", &ivschat.DeleteRoomInput{Identifier: roomARN}, "not *ivschat.GetRoomInput"},
		{"input by value", "GetRoom", ivschat.GetRoomInput{Identifier: roomARN}, "not *ivschat.GetRoomInput"},
		{"required member missing", "GetRoom", nil, "identifier"},
		{"nil of the type", "GetRoom", typedNil, "identifier"},
		{"bad member", "ListRooms", &ivschat.ListRoomsInput{MaxResults: new(int32(51))}, "maxResults"},
		{"empty list", "UpdateRoom", &ivschat.UpdateRoomInput{Identifier: roomARN, LoggingConfigurationIdentifiers: []string{}}, "loggingConfigurationIdentifiers"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newClient(nil).GeneratePresignedURL(context.Background(), tt.operation, tt.in, 0, "")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}
