package apitest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/ivschat"
)

// pagesOf walks the pages of a query and returns them; every page but the last
// has a token.
func pagesOf(t *testing.T, api ivschat.API, in ivschat.ListRoomsInput) (pages [][]ivschat.RoomSummary) {
	t.Helper()
	for range 1000 {
		out, err := api.ListRooms(t.Context(), &in)
		if err != nil {
			t.Fatalf("ListRooms: %v", err)
		}
		if out.Rooms == nil {
			t.Error("ListRooms: no rooms, not even an empty list")
		}
		pages = append(pages, out.Rooms)
		if out.NextToken == nil {
			return pages
		}
		if n := len(*out.NextToken); n == 0 || n > 1024 {
			t.Errorf("page token is %d characters long", n)
		}
		in.NextToken = out.NextToken
	}
	t.Fatal("the pages do not end")
	return nil
}

func allRooms(t *testing.T, api ivschat.API, in ivschat.ListRoomsInput) []ivschat.RoomSummary {
	t.Helper()
	return slices.Concat(pagesOf(t, api, in)...)
}

func arnsOf(rooms []ivschat.RoomSummary) []string {
	arns := []string{}
	for _, r := range rooms {
		arns = append(arns, r.Arn)
	}
	return arns
}

// namedRooms makes n rooms of one name.
func (s suite) namedRooms(t *testing.T, name string, n int) (arns []string) {
	t.Helper()
	for range n {
		arns = append(arns, s.room(t, &ivschat.CreateRoomInput{Name: &name}).Arn)
	}
	return arns
}

// sameSet fails unless both have the same elements.
func sameSet(t *testing.T, what string, want, got []string) {
	t.Helper()
	want, got = slices.Clone(want), slices.Clone(got)
	slices.Sort(want)
	slices.Sort(got)
	equal(t, what, want, got)
}

func testListRoomsOrder(t *testing.T, s suite) {
	name := uniqueName()
	arns := s.namedRooms(t, name, 5)
	rooms := allRooms(t, s.API, ivschat.ListRoomsInput{Name: &name})
	sameSet(t, "rooms", arns, arnsOf(rooms))
	latestFirst := func(rooms []ivschat.RoomSummary) bool {
		return slices.IsSortedFunc(rooms, func(a, b ivschat.RoomSummary) int { return b.UpdateTime.Compare(a.UpdateTime) })
	}
	if !latestFirst(rooms) {
		t.Error("rooms are not in descending order of updateTime")
	}
	// The least recent becomes the first by an update, once the clock has moved.
	last := rooms[len(rooms)-1]
	updated := s.updateRoom(t, &ivschat.UpdateRoomInput{Identifier: last.Arn})
	for !updated.UpdateTime.After(rooms[0].UpdateTime) {
		updated = s.updateRoom(t, &ivschat.UpdateRoomInput{Identifier: last.Arn})
	}
	again := allRooms(t, s.API, ivschat.ListRoomsInput{Name: &name})
	if again[0].Arn != last.Arn || !latestFirst(again) {
		t.Errorf("after the update of %s the rooms are %v", last.Arn, arnsOf(again))
	}
	if diff := slices.Compare(arnsOf(again)[1:], arnsOf(rooms)[:4]); diff != 0 {
		t.Errorf("the others changed places: %v, then %v", arnsOf(rooms), arnsOf(again))
	}
}

// spec: control-plane.md §2.5; filters are ANDed (unknowns.md U-CP-03).
func testListRoomsFilters(t *testing.T, s suite) {
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	name := uniqueName()
	upper := strings.ToUpper(name)
	plain := s.room(t, &ivschat.CreateRoomInput{Name: &name})
	uri := handler(plain, uniqueName())
	reviewed := s.room(t, &ivschat.CreateRoomInput{Name: &name, MessageReviewHandler: &ivschat.MessageReviewHandler{URI: uri}})
	logged := s.room(t, &ivschat.CreateRoomInput{Name: &upper, LoggingConfigurationIdentifiers: []string{c.Arn}})
	both := s.room(t, &ivschat.CreateRoomInput{Name: &upper, LoggingConfigurationIdentifiers: []string{c.Arn},
		MessageReviewHandler: &ivschat.MessageReviewHandler{URI: uri}})
	tests := []struct {
		what string
		in   ivschat.ListRoomsInput
		want []string
	}{
		{"name", ivschat.ListRoomsInput{Name: &name}, []string{plain.Arn, reviewed.Arn}},
		{"name in capitals", ivschat.ListRoomsInput{Name: &upper}, []string{logged.Arn, both.Arn}},
		{"part of a name", ivschat.ListRoomsInput{Name: new(name[:len(name)-1])}, []string{}},
		{"handler", ivschat.ListRoomsInput{MessageReviewHandlerURI: uri}, []string{reviewed.Arn, both.Arn}},
		{"logging configuration", ivschat.ListRoomsInput{LoggingConfigurationIdentifier: &c.Arn}, []string{logged.Arn, both.Arn}},
		{"name and handler", ivschat.ListRoomsInput{Name: &name, MessageReviewHandlerURI: uri}, []string{reviewed.Arn}},
		{"all three", ivschat.ListRoomsInput{Name: &upper, MessageReviewHandlerURI: uri, LoggingConfigurationIdentifier: &c.Arn}, []string{both.Arn}},
		{"nothing in common", ivschat.ListRoomsInput{Name: &name, LoggingConfigurationIdentifier: &c.Arn}, []string{}},
	}
	for _, tt := range tests {
		sameSet(t, tt.what, tt.want, arnsOf(allRooms(t, s.API, tt.in)))
	}
	unknown := sibling(t, c.Arn, arn.LoggingConfiguration)
	_, err := s.API.ListRooms(t.Context(), &ivschat.ListRoomsInput{LoggingConfigurationIdentifier: &unknown})
	e := refused[*ivschat.ResourceNotFoundException](t, "ListRooms", err)
	aboutResource(t, "ListRooms", unknown, e.ResourceID, e.ResourceType)
}

func testListRoomsPages(t *testing.T, s suite) {
	name := uniqueName()
	arns := s.namedRooms(t, name, 5)
	for size, want := range map[int32][]int{1: {1, 1, 1, 1, 1}, 2: {2, 2, 1}, 5: {5}, 50: {5}} {
		pages := pagesOf(t, s.API, ivschat.ListRoomsInput{Name: &name, MaxResults: &size, NextToken: new("")})
		var got []int
		for _, p := range pages {
			got = append(got, len(p))
		}
		equal(t, fmt.Sprintf("sizes of pages of %d", size), want, got)
		sameSet(t, fmt.Sprintf("rooms by pages of %d", size), arns, arnsOf(slices.Concat(pages...)))
	}
}

func testListRoomsDefaultPage(t *testing.T, s suite) {
	name := uniqueName()
	s.namedRooms(t, name, 51)
	pages := pagesOf(t, s.API, ivschat.ListRoomsInput{Name: &name})
	if len(pages) != 2 || len(pages[0]) != 50 || len(pages[1]) != 1 {
		t.Errorf("51 rooms come in %d pages, the first of %d", len(pages), len(pages[0]))
	}
}

// A page token is good for the query and the tenant it was made for only.
func testListRoomsTokens(t *testing.T, s suite) {
	name, other := uniqueName(), uniqueName()
	s.namedRooms(t, name, 2)
	s.namedRooms(t, other, 2)
	s.roomOf(t, s.Other, &ivschat.CreateRoomInput{Name: &name})
	one := new(int32(1))
	out, err := s.API.ListRooms(t.Context(), &ivschat.ListRoomsInput{Name: &name, MaxResults: one})
	if err != nil || out.NextToken == nil {
		t.Fatalf("ListRooms: %+v, %v", out, err)
	}
	token := *out.NextToken
	flipped := []byte(token)
	flipped[len(flipped)/2] ^= 1
	tests := []struct {
		what string
		api  ivschat.API
		in   ivschat.ListRoomsInput
	}{
		{"garbage", s.API, ivschat.ListRoomsInput{Name: &name, NextToken: new("garbage")}},
		{"no base64", s.API, ivschat.ListRoomsInput{Name: &name, NextToken: new("é\x00?")}},
		{"the longest", s.API, ivschat.ListRoomsInput{Name: &name, NextToken: new(strings.Repeat("A", 1024))}},
		{"a changed byte", s.API, ivschat.ListRoomsInput{Name: &name, NextToken: new(string(flipped))}},
		{"cut short", s.API, ivschat.ListRoomsInput{Name: &name, NextToken: new(token[:len(token)-1])}},
		{"longer", s.API, ivschat.ListRoomsInput{Name: &name, NextToken: new(token + "A")}},
		{"another filter", s.API, ivschat.ListRoomsInput{Name: &other, NextToken: &token}},
		{"no filter", s.API, ivschat.ListRoomsInput{NextToken: &token}},
		{"another account", s.Other, ivschat.ListRoomsInput{Name: &name, NextToken: &token}},
	}
	for _, tt := range tests {
		_, err := tt.api.ListRooms(t.Context(), &tt.in)
		s.invalid(t, "page token: "+tt.what, err, "nextToken")
	}
	_, err = s.API.ListLoggingConfigurations(t.Context(), &ivschat.ListLoggingConfigurationsInput{NextToken: &token})
	s.invalid(t, "page token of another list", err, "nextToken")
	// The size of pages may change on the way.
	rest, err := s.API.ListRooms(t.Context(), &ivschat.ListRoomsInput{Name: &name, NextToken: &token, MaxResults: new(int32(50))})
	if err != nil || len(rest.Rooms) != 1 || rest.NextToken != nil {
		t.Errorf("the rest after the first page: %+v, %v", rest, err)
	}
}

// Rooms made and deleted on the way neither repeat nor hide the others.
func testListRoomsWhileTheyChange(t *testing.T, s suite) {
	name := uniqueName()
	arns := s.namedRooms(t, name, 4)
	in := &ivschat.ListRoomsInput{Name: &name, MaxResults: new(int32(2))}
	first, err := s.API.ListRooms(t.Context(), in)
	if err != nil || len(first.Rooms) != 2 || first.NextToken == nil {
		t.Fatalf("first page: %+v, %v", first, err)
	}
	s.namedRooms(t, name, 1)
	// The room that the page token points behind goes away.
	if _, err := s.API.DeleteRoom(t.Context(), &ivschat.DeleteRoomInput{Identifier: first.Rooms[1].Arn}); err != nil {
		t.Fatal(err)
	}
	rest := allRooms(t, s.API, ivschat.ListRoomsInput{Name: &name, NextToken: first.NextToken})
	seen := append(arnsOf(first.Rooms), arnsOf(rest)...)
	for _, want := range arns {
		if n := count(seen, want); n != 1 {
			t.Errorf("%s was listed %d times", want, n)
		}
	}
}

func count(list []string, s string) (n int) {
	for _, e := range list {
		if e == s {
			n++
		}
	}
	return n
}
