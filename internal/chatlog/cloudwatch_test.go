package chatlog_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/chatlog"
)

type event struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

type putEvents struct {
	Group  string  `json:"logGroupName"`
	Stream string  `json:"logStreamName"`
	Events []event `json:"logEvents"`
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// spec: logging.md §4.
func TestLogEvents(t *testing.T) {
	made := false
	service := newService(t, func(c call) (int, string) {
		if c.operation == "CreateLogStream" {
			made = true
		}
		if !made {
			return 400, `{"__type":"ResourceNotFoundException","message":"The specified log stream does not exist."}`
		}
		return 200, "{}"
	})
	d := open(t, destinations(t, settings(t.TempDir(), service.rule("cloudwatch-logs"))), group("/aws/ivschat/test"))
	late := record(3, "late")
	late.Time = began().Add(500 * time.Microsecond)
	put(t, d, batch(record(1, "a"), record(2, "b"), late))
	put(t, d, batch(record(4, "c")))
	if got, want := service.operations(), "PutLogEvents CreateLogStream PutLogEvents PutLogEvents"; got != want {
		t.Fatal(got)
	}
	at := began().UnixMilli()
	want := putEvents{"/aws/ivschat/test", "aws/IVSChatLogs/1.0/room_abc123DEF456", []event{
		{at, string(late.JSON)}, {at + 1000, string(record(1, "a").JSON)}, {at + 2000, string(record(2, "b").JSON)},
	}}
	if diff := cmp.Diff(want, decode[putEvents](t, service.made()[2].body)); diff != "" {
		t.Error(diff)
	}
}

// Another node made the stream in between.
func TestALogStreamThatIsThereAfterAll(t *testing.T) {
	puts := 0
	service := newService(t, func(c call) (int, string) {
		if c.operation == "CreateLogStream" {
			return 400, `{"__type":"ResourceAlreadyExistsException"}`
		}
		if puts++; puts == 1 {
			return 400, `{"__type":"ResourceNotFoundException"}`
		}
		return 200, "{}"
	})
	put(t, open(t, destinations(t, settings(t.TempDir(), service.rule("cloudwatch-logs"))), group("g")), batch(record(1, "a")))
}

func TestLogEventsThatAreRejected(t *testing.T) {
	for _, test := range []struct {
		info           string
		refused, again []int
	}{
		{`{}`, nil, nil},
		{`{"tooOldLogEventEndIndex":2}`, []int{1, 3}, nil},
		{`{"expiredLogEventEndIndex":1}`, []int{3}, nil},
		{`{"tooOldLogEventEndIndex":1,"expiredLogEventEndIndex":2}`, []int{1, 3}, nil},
		{`{"tooNewLogEventStartIndex":3}`, nil, []int{0}},
		{`{"tooNewLogEventStartIndex":1,"tooOldLogEventEndIndex":1}`, []int{3}, []int{0, 1, 2}},
		{`{"tooNewLogEventStartIndex":0}`, nil, []int{0, 1, 2, 3}},
		{`{"tooOldLogEventEndIndex":99,"tooNewLogEventStartIndex":99}`, []int{0, 1, 2, 3}, nil},
		{`{"tooNewLogEventStartIndex":-5,"tooOldLogEventEndIndex":-5}`, nil, []int{0, 1, 2, 3}},
	} {
		service := newService(t, func(call) (int, string) { return 200, `{"rejectedLogEventsInfo":` + test.info + `}` })
		// By time: 3, 1, 2, 0.
		records := []chatlog.Record{record(9, "a"), record(4, "b"), record(5, "c"), record(1, "d")}
		o, err := open(t, destinations(t, settings(t.TempDir(), service.rule("cloudwatch-logs"))), group("g")).Put(t.Context(), batch(records...))
		var refused []int
		for _, r := range o.Refused {
			refused = append(refused, r.Index)
		}
		slices.Sort(refused)
		if err != nil || !slices.Equal(refused, test.refused) || !slices.Equal(o.Again, test.again) || (o.Err != nil) != (len(o.Again) > 0) {
			t.Errorf("%s: refused %v, again %v, %v, %v", test.info, refused, o.Again, o.Err, err)
		}
	}
}

func TestALogEventThatIsTooLarge(t *testing.T) {
	service := newService(t, func(call) (int, string) { return 200, "{}" })
	d := open(t, destinations(t, settings(t.TempDir(), service.rule("cloudwatch-logs"))), group("g"))
	large := record(2, strings.Repeat("x", 1<<20))
	o, err := d.Put(t.Context(), batch(record(1, "a"), large, record(3, "b")))
	if err != nil || len(o.Refused) != 1 || o.Refused[0].Index != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	if events := decode[putEvents](t, service.made()[0].body).Events; len(events) != 2 {
		t.Errorf("%d events", len(events))
	}
}

func TestLogGroupFailures(t *testing.T) {
	for _, f := range failures() {
		service := newService(t, func(call) (int, string) { return f.status, fmt.Sprintf(`{"__type":%q,"message":"why"}`, f.code) })
		d := destinations(t, settings(t.TempDir(), service.rule("cloudwatch-logs")))
		if o, err := open(t, d, group("g")).Put(t.Context(), batch(record(1, "a"))); !f.holds(err) {
			t.Errorf("%s: %+v, %v", f.name, o, err)
		}
		want := "PutLogEvents"
		if f.code == "ResourceNotFoundException" {
			want += " CreateLogStream" // and nothing after it: the group is missing
		}
		if got := service.operations(); got != want {
			t.Errorf("%s: %s", f.name, got)
		}
		if err := d.Probe(t.Context(), account, region, group("g")); !f.holds(err) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

func TestProbeOfALogGroup(t *testing.T) {
	for _, answer := range []string{"{}", `{"__type":"ResourceAlreadyExistsException"}`} {
		service := newService(t, func(call) (int, string) { return map[bool]int{true: 200, false: 400}[answer == "{}"], answer })
		d := destinations(t, settings(t.TempDir(), service.rule("cloudwatch-logs")))
		if err := d.Probe(t.Context(), account, region, group("g")); err != nil || service.operations() != "CreateLogStream" {
			t.Errorf("%v, %s", err, service.operations())
		}
	}
}
