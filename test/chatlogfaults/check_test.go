package chatlogfaults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"
	"time"
)

// A rig that finds nothing wrong proves nothing unless its eyes are open.
func TestCompareFindsWhatIsWrong(t *testing.T) {
	of := func(ids string) (all []entry) {
		for _, id := range ids {
			all = append(all, entry{id: string(id), text: "text of " + string(id)})
		}
		return all
	}
	for _, test := range []struct {
		got, logged string
		want        result
	}{
		{"abc", "abc", result{}},
		{"ac", "abc", result{}}, // b was delivered to nobody who lived
		{"acd", "abbca", result{doubled: 2, lost: 1}},
		{"ab", "ba", result{reordered: 1}},
		{"abc", "bca", result{reordered: 2}},
		{"a", "", result{lost: 1}},
	} {
		if found := compare(of(test.got), of(test.logged)); found != test.want {
			t.Errorf("got %s, logged %s: %+v, want %+v", test.got, test.logged, found, test.want)
		}
	}
	other := of("ab")
	other[1].text = "something else"
	if found := compare(of("ab"), other); found != (result{altered: 1}) {
		t.Errorf("altered: %+v", found)
	}
}

func TestBrokenRecordsAreFound(t *testing.T) {
	good := func(id string, second int) string {
		at := time.Date(2026, 11, 23, 14, 0, second, 123_456_789, time.UTC)
		return fmt.Sprintf(`{"event_timestamp":"%s","type":"MESSAGE","payload":{"Type":"MESSAGE","Id":"%s","Content":"x","SendTime":"%s"},"version":"1.0"}`,
			at.Truncate(time.Millisecond).Format(time.RFC3339Nano), id, at.Format(time.RFC3339Nano))
	}
	for _, test := range []struct {
		text          string
		whole, broken int
	}{
		{good("a", 1) + "\n" + good("b", 2) + "\n", 2, 0},
		{good("a", 1) + "\n" + good("b", 2), 1, 1},
		{good("a", 1)[:80] + "\n" + good("b", 2) + "\n", 1, 1},
		{good("a", 1) + good("b", 2) + "\n", 0, 1},
		{good("a", 1) + "\n\n", 1, 1},
		{good("", 1) + "\n", 0, 1},
		{"{}\n", 0, 1},
		{`{"event_timestamp":"2026-11-23T14:00:01.124Z"` + good("a", 1)[len(`{"event_timestamp":"2026-11-23T14:00:01.123Z"`):] + "\n", 0, 1},
	} {
		r := newRecords()
		r.lines("room", []byte(test.text))
		if len(r.rooms["room"]) != test.whole || len(r.broken) != test.broken {
			t.Errorf("%q: %d records, broken %q", test.text, len(r.rooms["room"]), r.broken)
		}
	}

	pack := func(text string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(text))
		z.Close()
		return b.Bytes()
	}
	whole := pack(good("a", 1) + "\n" + good("b", 2) + "\n")
	for what, test := range map[string]struct {
		body   []byte
		broken bool
	}{
		"whole": {whole, false},
		"cut":   {whole[:len(whole)-9], true},
		"empty": {nil, true},
	} {
		r := newRecords()
		r.object("room", test.body)
		if (len(r.broken) > 0) != test.broken {
			t.Errorf("%s: broken %q", what, r.broken)
		}
	}
	r := newRecords()
	r.object("room", pack(good("d", 4)+"\n"+good("c", 3)+"\n"))
	r.object("room", whole)
	r.sort()
	got := []entry{{id: "a"}, {id: "b"}, {id: "c"}, {id: "d"}}
	for i := range got {
		got[i].text = r.rooms["room"][0].text
	}
	if found := compare(got, r.rooms["room"]); found.reordered != 1 || found.lost != 0 {
		t.Errorf("an object whose records changed places: %+v", found)
	}
}
