package apitest

import (
	"maps"
	"testing"

	"github.com/parleychat/parley/ivschat"
)

func (s suite) tagsOf(t *testing.T, identifier string) map[string]string {
	t.Helper()
	out, err := s.API.ListTagsForResource(t.Context(), &ivschat.ListTagsForResourceInput{ResourceArn: identifier})
	if err != nil {
		t.Fatalf("ListTagsForResource: %v", err)
	}
	if out.Tags == nil {
		t.Error("ListTagsForResource: no tags, not even an empty map")
	}
	return out.Tags
}

func (s suite) tag(t *testing.T, identifier string, tags map[string]string) {
	t.Helper()
	if _, err := s.API.TagResource(t.Context(), &ivschat.TagResourceInput{ResourceArn: identifier, Tags: tags}); err != nil {
		t.Fatalf("TagResource: %v", err)
	}
}

func (s suite) untag(t *testing.T, identifier string, keys ...string) {
	t.Helper()
	if _, err := s.API.UntagResource(t.Context(), &ivschat.UntagResourceInput{ResourceArn: identifier, TagKeys: keys}); err != nil {
		t.Fatalf("UntagResource: %v", err)
	}
}

// spec: control-plane.md §4.5; rooms and logging configurations alike.
func testTags(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{Name: new(uniqueName()), Tags: map[string]string{"made": "with"}})
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{Tags: map[string]string{"made": "with"}})
	for what, identifier := range map[string]string{"room": room.Arn, "logging configuration": c.Arn} {
		equal(t, what+" made with tags", map[string]string{"made": "with"}, s.tagsOf(t, identifier))
		s.tag(t, identifier, map[string]string{"Key": "1", "key": "2", "a b/é+=:@_.-": "c d/é+=:@_.-", "empty": ""})
		s.tag(t, identifier, map[string]string{"key": "3"})
		s.tag(t, identifier, map[string]string{})
		want := map[string]string{"made": "with", "Key": "1", "key": "3", "a b/é+=:@_.-": "c d/é+=:@_.-", "empty": ""}
		equal(t, what+" tagged", want, s.tagsOf(t, identifier))
	}
	want := s.tagsOf(t, room.Arn)
	got := s.getRoom(t, room.Arn)
	equal(t, "GetRoom's tags", want, got.Tags)
	if !got.UpdateTime.Equal(room.UpdateTime) {
		t.Error("tagging changed the room's updateTime") // unknowns.md U-CP-07
	}
	out, err := s.API.ListRooms(t.Context(), &ivschat.ListRoomsInput{Name: &room.Name})
	if err != nil || len(out.Rooms) != 1 {
		t.Fatalf("ListRooms: %+v, %v", out, err)
	}
	equal(t, "ListRooms' tags", want, out.Rooms[0].Tags)
	equal(t, "GetLoggingConfiguration's tags", want, s.getConfig(t, c.Arn).Tags)
}

func testUntag(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{Tags: map[string]string{"a b/é": "1", "b": "2", "B": "3", "c+d": "4"}})
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{Tags: map[string]string{"a b/é": "1", "b": "2", "B": "3", "c+d": "4"}})
	for what, identifier := range map[string]string{"room": room.Arn, "logging configuration": c.Arn} {
		s.untag(t, identifier, "never there")
		s.untag(t, identifier, "c+d", "b", "a b/é", "b")
		equal(t, what+" after untag", map[string]string{"B": "3"}, s.tagsOf(t, identifier))
		s.untag(t, identifier, "B")
		equal(t, what+" without tags", map[string]string{}, s.tagsOf(t, identifier))
	}
	if got := s.getRoom(t, room.Arn); got.Tags == nil || !got.UpdateTime.Equal(room.UpdateTime) {
		t.Errorf("after untag the room is %+v", got)
	}
}

// 50 tags in all, counted after the merge.
func testTagLimit(t *testing.T, s suite) {
	room := s.room(t, &ivschat.CreateRoomInput{Tags: tagsOf(49)})
	s.tag(t, room.Arn, map[string]string{"one": "more"})
	s.tag(t, room.Arn, map[string]string{"one": "again"}) // not one more
	want := maps.Clone(tagsOf(49))
	want["one"] = "again"
	_, err := s.API.TagResource(t.Context(), &ivschat.TagResourceInput{ResourceArn: room.Arn, Tags: map[string]string{"another": "", "one": "lost"}})
	s.invalid(t, "the 51st tag", err, "tags")
	equal(t, "tags after a refusal", want, s.tagsOf(t, room.Arn))
	_, err = s.API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Tags: tagsOf(51)})
	s.invalid(t, "a room with 51 tags", err, "tags")
	_, err = s.API.TagResource(t.Context(), &ivschat.TagResourceInput{ResourceArn: room.Arn, Tags: map[string]string{"aws:k": "v"}})
	s.invalid(t, "a reserved key", err, "tags[aws:k]")
	s.untag(t, room.Arn, "key-00")
	s.tag(t, room.Arn, map[string]string{"another": ""})
	if n := len(s.tagsOf(t, room.Arn)); n != 50 {
		t.Errorf("the room has %d tags", n)
	}
}
