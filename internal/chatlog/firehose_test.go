package chatlog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/chatlog"
)

type putRecords struct {
	Stream  string `json:"DeliveryStreamName"`
	Records []struct{ Data []byte }
}

// spec: logging.md §5.
func TestFirehoseRecords(t *testing.T) {
	service := newService(t, func(call) (int, string) {
		return 200, `{"FailedPutCount":0,"RequestResponses":[{"RecordId":"1"},{"RecordId":"2"}]}`
	})
	records := []chatlog.Record{record(1, "a"), record(2, "b")}
	put(t, open(t, destinations(t, settings(t.TempDir(), service.rule("firehose"))), stream("test-stream")), batch(records...))
	got := decode[putRecords](t, service.made()[0].body)
	want := putRecords{Stream: "test-stream", Records: []struct{ Data []byte }{{[]byte(text(records[0]))}, {[]byte(text(records[1]))}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFirehosePartialFailures(t *testing.T) {
	service := newService(t, func(call) (int, string) {
		return 200, `{"FailedPutCount":2,"RequestResponses":[{"RecordId":"1"},{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."},
			{"RecordId":"3"},{"ErrorCode":"InternalFailure"}]}`
	})
	d := open(t, destinations(t, settings(t.TempDir(), service.rule("firehose"))), stream("s"))
	large := record(9, strings.Repeat("x", 1000<<10))
	o, err := d.Put(t.Context(), batch(record(1, "a"), large, record(2, "b"), record(3, "c"), record(4, "d")))
	if err != nil || !slices.Equal(o.Again, []int{2, 4}) || o.Err == nil || !strings.Contains(o.Err.Error(), "Slow down.") ||
		len(o.Refused) != 1 || o.Refused[0].Index != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}

// An answer that does not tell what failed means that all comes again.
func TestFirehoseAnswersThatTellNothing(t *testing.T) {
	for _, answer := range []string{
		`{"FailedPutCount":1,"RequestResponses":[]}`, `{"FailedPutCount":1}`, `{"FailedPutCount":1,"RequestResponses":[{"RecordId":"1"}]}`,
		`{"FailedPutCount":1,"RequestResponses":[{"ErrorCode":"x"},{"ErrorCode":"x"}]}`, `{`,
	} {
		service := newService(t, func(call) (int, string) { return 200, answer })
		if o, err := open(t, destinations(t, settings(t.TempDir(), service.rule("firehose"))), stream("s")).Put(t.Context(), batch(record(1, "a"))); err == nil {
			t.Errorf("%s: %+v", answer, o)
		}
	}
}

func TestFirehoseFailures(t *testing.T) {
	for _, f := range failures() {
		service := newService(t, func(call) (int, string) { return f.status, fmt.Sprintf(`{"__type":%q,"message":"why"}`, f.code) })
		d := destinations(t, settings(t.TempDir(), service.rule("firehose")))
		if o, err := open(t, d, stream("s")).Put(t.Context(), batch(record(1, "a"))); !f.holds(err) {
			t.Errorf("%s: %+v, %v", f.name, o, err)
		}
		if got := service.operations(); got != "PutRecordBatch" {
			t.Errorf("%s: %s", f.name, got)
		}
		// Delivery needs no permission to ask for the stream, so who lacks it passes.
		err := d.Probe(t.Context(), account, region, stream("s"))
		if f.code == "AccessDeniedException" {
			if err != nil {
				t.Errorf("%s: %v", f.name, err)
			}
		} else if !f.holds(err) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

func TestProbeOfADeliveryStream(t *testing.T) {
	for status, good := range map[string]bool{"ACTIVE": true, "CREATING": false, "": false} {
		service := newService(t, func(call) (int, string) {
			return 200, fmt.Sprintf(`{"DeliveryStreamDescription":{"DeliveryStreamStatus":%q}}`, status)
		})
		d := destinations(t, settings(t.TempDir(), service.rule("firehose")))
		if err := d.Probe(t.Context(), account, region, stream("s")); (err == nil) != good {
			t.Errorf("%q: %v", status, err)
		}
	}
}
