package ivschat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parleychat/parley/ivschat"
)

func TestCanPaginate(t *testing.T) {
	c := newClient(nil)
	for _, op := range ivschat.Operations() {
		want := op.Name == "ListRooms" || op.Name == "ListLoggingConfigurations"
		if c.CanPaginate(op.Name) != want {
			t.Errorf("CanPaginate(%s) is %t", op.Name, !want)
		}
	}
	for name, want := range map[string]bool{"list_rooms": true, "list_logging_configurations": true, "get_room": false, "listRooms": false, "": false} {
		if c.CanPaginate(name) != want {
			t.Errorf("CanPaginate(%q) is %t", name, !want)
		}
	}
}

func TestIteratorsFetchPagesAsTheyAreNeeded(t *testing.T) {
	page := func(token string, ids ...string) answer {
		var rooms []string
		for _, id := range ids {
			rooms = append(rooms, fmt.Sprintf(`{"id":%q}`, id))
		}
		return answer{status: 200, body: fmt.Sprintf(`{"rooms":[%[1]s],"loggingConfigurations":[%[1]s]%[2]s}`, strings.Join(rooms, ","), token)}
	}
	three := []answer{page(`,"nextToken":"2"`, "a", "b"), page(`,"nextToken":"3"`), page("", "c")}
	denied := answer{status: 403, body: `{"__type":"AccessDeniedException"}`}
	tests := []struct {
		name  string
		list  []answer
		after int // stop after so many, 0: never
		want  string
		sent  int
		fails bool
	}{
		{"all", three, 0, "abc", 3, false},
		{"stop on the first page", three, 1, "a", 1, false},
		{"stop at its end", three, 2, "ab", 1, false},
		{"an error later", []answer{three[0], denied}, 0, "ab", 2, true},
		{"an error at once", []answer{denied}, 0, "", 1, true},
		{"a page token that repeats", []answer{page(`,"nextToken":"2"`, "a")}, 0, "aa", 2, true},
		{"an empty page token", []answer{page(`,"nextToken":""`, "a")}, 0, "a", 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check := func(got string, err error, stub *answers) {
				t.Helper()
				if got != tt.want || len(stub.sent) != tt.sent || tt.fails != (err != nil) {
					t.Errorf("%q, %v after %d requests", got, err, len(stub.sent))
				}
			}
			var got string
			var failed error
			stub := &answers{list: tt.list}
			in := &ivschat.ListRoomsInput{Name: new("n")}
			for r, err := range newClient(stub).Rooms(t.Context(), in) {
				got, failed = got+r.ID, err
				if tt.after > 0 && len(got) == tt.after {
					break
				}
			}
			check(got, failed, stub)
			if in.NextToken != nil {
				t.Error("the input was changed")
			}
			got, failed = "", nil
			stub = &answers{list: tt.list}
			for c, err := range newClient(stub).LoggingConfigurations(t.Context(), nil) {
				got, failed = got+c.ID, err
				if tt.after > 0 && len(got) == tt.after {
					break
				}
			}
			check(got, failed, stub)
		})
	}
}

func TestIteratorsCanBeUsedAgain(t *testing.T) {
	stub := &answers{list: []answer{{status: 200, body: `{"rooms":[{"id":"a"}]}`}}}
	rooms := newClient(stub).Rooms(t.Context(), nil)
	for range 2 {
		n := 0
		for _, err := range rooms {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 1 {
			t.Errorf("%d rooms", n)
		}
	}
}
