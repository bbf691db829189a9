package chatlogfaults

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parleychat/parley/ivschat"
)

// endpoint is S3, CloudWatch Logs and Firehose as far as chat logs need them. It
// keeps what it acknowledges, fails as a test tells it to, and minds the rules that
// the real ones have for batches.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex // guards what follows
	down    bool
	fault   func(kind string) fault // nil: none
	objects map[string][]byte       // by bucket and key
	streams map[string][]string     // log events by stream, in the order of their coming
	missing map[string]bool         // streams that are not there
	old     int                     // log events that were called too old
	records []string                // of the delivery stream
	calls   int
	failed  int
}

// The kinds of destinations, as rules name them.
const (
	kindS3       = "s3"
	kindLogs     = "cloudwatch-logs"
	kindFirehose = "firehose"
)

// fault is what goes wrong with one call.
type fault struct {
	status    int    // is the answer, and nothing is done
	code      string // goes with it
	cutBefore bool   // the connection, and nothing is done
	cutAfter  bool   // the connection, and it is done
	slow      time.Duration
	partly    func(n int) []bool // which of n records are taken
	forget    bool               // the log stream is gone
}

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{objects: map[string][]byte{}, streams: map[string][]string{}, missing: map[string]bool{}}
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(e.serve))
	e.Config.ConnState = func(c net.Conn, _ http.ConnState) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.down {
			c.Close()
		}
	}
	e.Start()
	t.Cleanup(e.Close)
	return e
}

// flags have a server use the endpoint for everything.
func (e *endpoint) flags() []string {
	var rules []string
	for _, kind := range []string{kindS3, kindLogs, kindFirehose} {
		rule := "kind=" + kind + ",endpoint=" + e.URL + ",access-key-id-env=FAULTS_KEY,secret-access-key-env=FAULTS_SECRET"
		if kind == kindS3 {
			rule += ",path-style=true"
		}
		rules = append(rules, rule)
	}
	return []string{"--chatlog-destinations", strings.Join(rules, " ")}
}

func everywhere() []ivschat.DestinationConfiguration {
	return []ivschat.DestinationConfiguration{toBucket(), toLogGroup(), toStream()}
}

func (e *endpoint) set(down bool, faults func(kind string) fault) {
	e.mu.Lock()
	e.down, e.fault = down, faults
	e.mu.Unlock()
	if down {
		e.CloseClientConnections()
	}
}

// tried counts calls.
func (e *endpoint) tried() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	kind, operation := kindS3, r.Method
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		var service string
		service, operation, _ = strings.Cut(target, ".")
		kind = kindLogs
		if strings.HasPrefix(service, "Firehose_") {
			kind = kindFirehose
		}
	}
	f := e.next(kind)
	if f.slow > 0 {
		select {
		case <-time.After(f.slow):
		case <-r.Context().Done():
		}
	}
	if f.cutBefore {
		panic(http.ErrAbortHandler)
	}
	status, answer := f.status, problem(kind, f.code)
	if status == 0 {
		status, answer = e.take(kind, operation, r, body, f)
	}
	if f.cutAfter {
		panic(http.ErrAbortHandler)
	}
	if kind != kindS3 {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	}
	w.WriteHeader(status)
	w.Write(answer)
}

func (e *endpoint) next(kind string) (f fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	if e.fault != nil {
		f = e.fault(kind)
	}
	if f.status > 0 || f.cutBefore || f.cutAfter || f.partly != nil || f.forget {
		e.failed++
	}
	return f
}

func problem(kind, code string) []byte {
	if kind == kindS3 {
		return fmt.Appendf(nil, "<Error><Code>%s</Code><Message>as the test wants it</Message></Error>", code)
	}
	return fmt.Appendf(nil, `{"__type":%q,"message":"as the test wants it"}`, code)
}

func (e *endpoint) take(kind, operation string, r *http.Request, body []byte, f fault) (int, []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch kind + " " + operation {
	case kindS3 + " PUT":
		if _, there := e.objects[r.URL.Path]; there && r.Header.Get("If-None-Match") == "*" {
			return 412, problem(kind, "PreconditionFailed")
		}
		e.objects[r.URL.Path] = body
		return 200, nil
	case kindS3 + " GET":
		if there, ok := e.objects[r.URL.Path]; ok {
			return 200, there
		}
		return 404, problem(kind, "NoSuchKey")
	case kindLogs + " CreateLogStream":
		return e.createStream(body)
	case kindLogs + " PutLogEvents":
		return e.putEvents(body, f)
	case kindFirehose + " DescribeDeliveryStream":
		return 200, []byte(`{"DeliveryStreamDescription":{"DeliveryStreamStatus":"ACTIVE"}}`)
	case kindFirehose + " PutRecordBatch":
		return e.putRecords(body, f)
	}
	return 400, problem(kind, "UnknownOperationException")
}

func (e *endpoint) createStream(body []byte) (int, []byte) {
	var in struct {
		Stream string `json:"logStreamName"`
	}
	if json.Unmarshal(body, &in) != nil || in.Stream == "" {
		return 400, problem(kindLogs, "InvalidParameterException")
	}
	if _, there := e.streams[in.Stream]; there && !e.missing[in.Stream] {
		return 400, problem(kindLogs, "ResourceAlreadyExistsException")
	}
	if e.missing[in.Stream] { // what it held is not forgotten here
		delete(e.missing, in.Stream)
		return 200, []byte("{}")
	}
	e.streams[in.Stream] = nil
	return 200, []byte("{}")
}

type logEvent struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

func (e *endpoint) putEvents(body []byte, f fault) (int, []byte) {
	var in struct {
		Stream string     `json:"logStreamName"`
		Events []logEvent `json:"logEvents"`
	}
	if json.Unmarshal(body, &in) != nil || len(in.Events) == 0 || len(in.Events) > 10_000 ||
		!slices.IsSortedFunc(in.Events, func(a, b logEvent) int { return int(a.Timestamp - b.Timestamp) }) {
		return 400, problem(kindLogs, "InvalidParameterException")
	}
	if f.forget {
		e.missing[in.Stream] = true
	}
	if _, there := e.streams[in.Stream]; !there || e.missing[in.Stream] {
		return 400, problem(kindLogs, "ResourceNotFoundException")
	}
	from, to := 0, len(in.Events)
	if f.partly != nil { // the service rejects but at the ends
		taken := f.partly(len(in.Events))
		from = slices.Index(taken, true)
		if from < 0 {
			from = len(taken)
		}
		for to = from; to < len(taken) && taken[to]; {
			to++
		}
	}
	for _, event := range in.Events[from:to] {
		e.streams[in.Stream] = append(e.streams[in.Stream], event.Message)
	}
	rejected := map[string]int{}
	if from > 0 {
		rejected["tooOldLogEventEndIndex"] = from
		e.old += from
	}
	if to < len(in.Events) {
		rejected["tooNewLogEventStartIndex"] = to
	}
	answer := map[string]any{"nextSequenceToken": "1"}
	if len(rejected) > 0 {
		answer["rejectedLogEventsInfo"] = rejected
	}
	return 200, asJSON(answer)
}

func (e *endpoint) putRecords(body []byte, f fault) (int, []byte) {
	var in struct {
		Records []struct{ Data []byte }
	}
	size := 0
	if json.Unmarshal(body, &in) == nil {
		for _, one := range in.Records {
			size += len(one.Data)
		}
	}
	if len(in.Records) == 0 || len(in.Records) > 500 || size > 4<<20 {
		return 400, problem(kindFirehose, "InvalidArgumentException")
	}
	taken := slices.Repeat([]bool{true}, len(in.Records))
	if f.partly != nil {
		taken = f.partly(len(taken))
	}
	failed, answers := 0, make([]map[string]string, len(taken))
	for i, ok := range taken {
		if !ok {
			failed++
			answers[i] = map[string]string{"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
			continue
		}
		e.records = append(e.records, string(in.Records[i].Data))
		answers[i] = map[string]string{"RecordId": fmt.Sprint(len(e.records))}
	}
	return 200, asJSON(map[string]any{"FailedPutCount": failed, "RequestResponses": answers})
}

func asJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // of maps and texts: cannot be
	}
	return text
}

// holds reads what the endpoint has.
func (e *endpoint) holds() map[string]*records {
	e.mu.Lock()
	defer e.mu.Unlock()
	bucket, group, stream := newRecords(), newRecords(), newRecords()
	for key, body := range e.objects {
		if strings.HasSuffix(key, ".log.gz") {
			bucket.object(room(key), body)
		}
	}
	for name, events := range e.streams {
		for _, event := range events {
			group.add(room(name), []byte(event))
		}
	}
	for _, one := range e.records {
		stream.lines(anywhere, []byte(one))
	}
	// A stream that fails some records of a call has them after the others.
	bucket.sort()
	return map[string]*records{aBucket: bucket, aLogGroup: group, aStream: stream}
}

// has tells whether everything that viewers got has come.
func (e *endpoint) has(r *rig) bool {
	for _, logged := range e.holds() {
		if r.lacks(logged) > 0 {
			return false
		}
	}
	return true
}
