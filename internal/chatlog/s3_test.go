package chatlog_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/chatlog"
)

// store is a bucket that knows conditional writes.
func store(t *testing.T) (*service, map[string]string) {
	objects := map[string]string{}
	return newService(t, func(c call) (int, string) {
		method, key, _ := strings.Cut(c.operation, " ")
		switch there, ok := objects[key]; {
		case method == "GET" && ok:
			return 200, there
		case method == "GET":
			return 404, `<Error><Code>NoSuchKey</Code></Error>`
		case ok && c.header.Get("If-None-Match") == "*":
			return 412, `<Error><Code>PreconditionFailed</Code></Error>`
		}
		objects[key] = c.body
		return 200, ""
	}), objects
}

func TestS3Objects(t *testing.T) {
	service, stored := store(t)
	d := destinations(t, settings(t.TempDir(), service.rule("s3")))
	b := batch(record(1, "a"), record(2, "b"))
	put(t, open(t, d, bucket("chat-logs")), b)
	key := "/chat-logs/" + chatlog.ObjectKey(b, 0)
	if got := unpack(t, []byte(stored[key])); len(stored) != 1 || got != text(b.Records...) {
		t.Errorf("%q of %d objects: %q", key, len(stored), got)
	}
	header := service.made()[0].header
	for name, want := range map[string]string{
		"X-Amz-Acl": "bucket-owner-full-control", "Content-Type": "application/gzip", "Content-Encoding": "", "If-None-Match": "*",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if sign := header.Get("Authorization"); !strings.Contains(sign, "Credential=AKIDEXAMPLE/") || !strings.Contains(sign, "/us-west-2/s3/aws4_request") {
		t.Error(sign)
	}
	// The answer was lost, and the batch comes again: still one object.
	put(t, open(t, d, bucket("chat-logs")), b)
	if len(stored) != 1 {
		t.Errorf("%d objects", len(stored))
	}
	// Another batch's object is in the way: both are kept.
	stored[key] = "another batch"
	put(t, open(t, d, bucket("chat-logs")), b)
	if stored[key] != "another batch" || unpack(t, []byte(stored["/chat-logs/"+chatlog.ObjectKey(b, 1)])) != text(b.Records...) {
		t.Errorf("%q", stored)
	}
}

func TestS3Rules(t *testing.T) {
	service, _ := store(t)
	for _, acl := range []string{"none", "private"} {
		r := service.rule("s3")
		r.ACL, r.Region = acl, "eu-west-1"
		put(t, open(t, destinations(t, settings(t.TempDir(), r)), bucket("chat-logs-"+acl)), batch(record(1, "a")))
		header := service.made()[len(service.made())-1].header
		if got := header.Get("X-Amz-Acl"); got != strings.TrimPrefix(acl, "none") {
			t.Errorf("ACL %s: %q", acl, got)
		}
		if !strings.Contains(header.Get("Authorization"), "/eu-west-1/s3/") {
			t.Error(header.Get("Authorization"))
		}
	}
}

// A store that has no conditional writes gets plain ones.
func TestS3WithoutConditions(t *testing.T) {
	service := newService(t, func(c call) (int, string) {
		if c.header.Get("If-None-Match") != "" {
			return 501, `<Error><Code>NotImplemented</Code></Error>`
		}
		return 200, ""
	})
	put(t, open(t, destinations(t, settings(t.TempDir(), service.rule("s3"))), bucket("chat-logs")), batch(record(1, "a")))
	if calls := service.made(); len(calls) != 2 {
		t.Errorf("%d calls", len(calls))
	}
}

// Who may put objects but not read them puts one twice rather than lose it.
func TestS3WithoutReading(t *testing.T) {
	service := newService(t, func(c call) (int, string) {
		switch {
		case strings.HasPrefix(c.operation, "GET"):
			return 403, `<Error><Code>AccessDenied</Code></Error>`
		case strings.Contains(c.operation, chatlog.ObjectKey(batch(record(1, "a")), 0)):
			return 412, `<Error><Code>PreconditionFailed</Code></Error>`
		}
		return 200, ""
	})
	put(t, open(t, destinations(t, settings(t.TempDir(), service.rule("s3"))), bucket("chat-logs")), batch(record(1, "a")))
}

// failures are what every service does at times.
type failure struct {
	name   string
	status int
	xml    string // S3's body
	code   string // of the JSON services
	want   error  // nil is any error that is neither
}

func failures() []failure {
	return []failure{
		{"a server error", 500, "InternalError", "InternalFailure", nil},
		{"unavailable", 503, "ServiceUnavailable", "ServiceUnavailableException", nil},
		{"throttled", 503, "SlowDown", "ThrottlingException", nil},
		{"too many requests", 429, "TooManyRequests", "ThrottlingException", nil},
		{"a cut connection", hangUp, "", "", nil},
		{"invalid", 400, "InvalidRequest", "InvalidParameterException", nil},
		{"denied", 403, "AccessDenied", "AccessDeniedException", chatlog.ErrAccessDenied},
		{"denied with 400", 400, "InvalidAccessKeyId", "UnrecognizedClientException", chatlog.ErrAccessDenied},
		{"not there", 404, "NoSuchBucket", "ResourceNotFoundException", chatlog.ErrNotFound},
		{"no answer of the service", 502, "", "", nil},
	}
}

func (f failure) holds(err error) bool {
	if f.want != nil {
		return errors.Is(err, f.want)
	}
	return err != nil && !errors.Is(err, chatlog.ErrAccessDenied) && !errors.Is(err, chatlog.ErrNotFound)
}

func TestS3Failures(t *testing.T) {
	for _, f := range failures() {
		service := newService(t, func(call) (int, string) { return f.status, "<Error><Code>" + f.xml + "</Code></Error>" })
		d := destinations(t, settings(t.TempDir(), service.rule("s3")))
		if o, err := open(t, d, bucket("chat-logs")).Put(t.Context(), batch(record(1, "a"))); !f.holds(err) {
			t.Errorf("%s: %+v, %v", f.name, o, err)
		}
		if calls := service.made(); len(calls) != 1 {
			t.Errorf("%s: %d calls; the shipper tries again, not the SDK", f.name, len(calls))
		}
		if err := d.Probe(t.Context(), account, region, bucket("chat-logs")); !f.holds(err) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

func TestServicesThatDoNotAnswer(t *testing.T) {
	release := make(chan struct{})
	service := newService(t, func(call) (int, string) { <-release; return 200, "" })
	defer close(release)
	s := settings(t.TempDir(), service.rule("s3"), service.rule("cloudwatch-logs"), service.rule("firehose"))
	s.Timeout = 50 * time.Millisecond
	d := destinations(t, s)
	for _, c := range []chatlog.Destination{open(t, d, bucket("chat-logs")), open(t, d, group("g")), open(t, d, stream("s"))} {
		if o, err := c.Put(t.Context(), batch(record(1, "a"))); err == nil {
			t.Errorf("%+v", o)
		}
	}
}

// The probe needs no more permissions than delivery does.
func TestProbeOfS3(t *testing.T) {
	service, stored := store(t)
	d := destinations(t, settings(t.TempDir(), service.rule("s3")))
	for range 2 {
		if err := d.Probe(t.Context(), account, region, bucket("chat-logs")); err != nil {
			t.Error(err)
		}
	}
	if len(stored) != 1 || stored["/chat-logs/AWSLogs/123456789012/IVSChatLogsTestFile"] == "" {
		t.Errorf("%q", stored)
	}
}
