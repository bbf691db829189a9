package ivschat_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/tracing"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parleychat/parley/ivschat"
)

const (
	roomARN   = "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	configARN = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/ABcdef34ghIJ"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answers is an HTTP client that gives one answer after the other, the last
// for ever, and keeps what it was sent.
type answers struct {
	list  []answer
	sent  []*http.Request
	clock time.Duration // how far the service's clock is ahead
}

type answer struct {
	status int
	header map[string]string
	body   string
	err    error
}

func (a *answers) Do(req *http.Request) (*http.Response, error) {
	now := a.list[min(len(a.sent), len(a.list)-1)]
	a.sent = append(a.sent, req)
	if now.err != nil {
		return nil, now.err
	}
	h := http.Header{"Date": {time.Now().Add(a.clock).UTC().Format(http.TimeFormat)}}
	for k, v := range now.header {
		h.Set(k, v)
	}
	return &http.Response{StatusCode: now.status, Header: h, Body: io.NopCloser(strings.NewReader(now.body))}, nil
}

func newClient(http aws.HTTPClient, configure ...func(*ivschat.Options)) *ivschat.Client {
	o := ivschat.Options{
		Region:       "us-west-2",
		BaseEndpoint: new("http://127.0.0.1:7878"),
		Credentials:  credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
		HTTPClient:   http,
	}
	for _, c := range configure {
		c(&o)
	}
	return ivschat.New(o)
}

const (
	resource = `"createTime":"2026-01-02T03:04:05.678Z","updateTime":"2026-01-02T03:04:06Z","tags":{"k":"v"}`
	room     = `{"arn":"` + roomARN + `","id":"abcdABCDefgh","name":"lobby",` + resource + `,"maximumMessageRatePerSecond":10,` +
		`"maximumMessageLength":500,"messageReviewHandler":{"uri":"","fallbackResult":"DENY"},"loggingConfigurationIdentifiers":["` + configARN + `"],"later":{"than":"us"}}`
	config = `{"arn":"` + configARN + `","id":"ABcdef34ghIJ","name":"",` + resource + `,"destinationConfiguration":{"s3":null,"firehose":{"deliveryStreamName":"s"}},"state":"ACTIVE"}`
)

// Every operation: the answers recorded in the documentation's form.
func TestAnswers(t *testing.T) {
	created := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	updated := time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)
	tags := map[string]string{"k": "v"}
	wantRoom := &ivschat.Room{
		Arn: roomARN, ID: "abcdABCDefgh", Name: "lobby", CreateTime: created, UpdateTime: updated, Tags: tags,
		MaximumMessageRatePerSecond: 10, MaximumMessageLength: 500, LoggingConfigurationIdentifiers: []string{configARN},
		MessageReviewHandler: &ivschat.MessageReviewHandler{URI: new(""), FallbackResult: new(ivschat.FallbackResultDeny)},
	}
	wantConfig := &ivschat.LoggingConfiguration{
		Arn: configARN, ID: "ABcdef34ghIJ", CreateTime: created, UpdateTime: updated, Tags: tags, State: ivschat.LoggingConfigurationStateActive,
		DestinationConfiguration: ivschat.DestinationConfiguration{Firehose: &ivschat.FirehoseDestinationConfiguration{DeliveryStreamName: "s"}},
	}
	token := `{"token":"t.t","tokenExpirationTime":"2026-01-02T03:04:05.678Z","sessionExpirationTime":"2026-01-02T03:04:06.000Z"}`
	tests := map[string]struct {
		body string
		want any
	}{
		"CreateChatToken":            {token, &ivschat.CreateChatTokenOutput{Token: "t.t", TokenExpirationTime: created, SessionExpirationTime: updated}},
		"CreateLoggingConfiguration": {config, wantConfig},
		"CreateRoom":                 {room, wantRoom},
		"DeleteLoggingConfiguration": {"", &ivschat.DeleteLoggingConfigurationOutput{}},
		"DeleteMessage":              {`{"id":"WhO6MW6iRdS5"}`, &ivschat.DeleteMessageOutput{ID: "WhO6MW6iRdS5"}},
		"DeleteRoom":                 {"", &ivschat.DeleteRoomOutput{}},
		"DisconnectUser":             {"", &ivschat.DisconnectUserOutput{}},
		"GetLoggingConfiguration":    {config, wantConfig},
		"GetRoom":                    {room, wantRoom},
		"ListLoggingConfigurations": {`{"loggingConfigurations":[` + config + `]}`,
			&ivschat.ListLoggingConfigurationsOutput{LoggingConfigurations: []ivschat.LoggingConfiguration{*wantConfig}}},
		"ListRooms": {`{"rooms":[` + room + `],"nextToken":"more"}`,
			&ivschat.ListRoomsOutput{Rooms: []ivschat.RoomSummary{wantRoom.Summary()}, NextToken: new("more")}},
		"ListTagsForResource":        {`{"tags":{"k":"v"}}`, &ivschat.ListTagsForResourceOutput{Tags: tags}},
		"SendEvent":                  {`{"id":"WhO6MW6iRdS5"}`, &ivschat.SendEventOutput{ID: "WhO6MW6iRdS5"}},
		"TagResource":                {"{}", &ivschat.TagResourceOutput{}},
		"UntagResource":              {"", &ivschat.UntagResourceOutput{}},
		"UpdateLoggingConfiguration": {config, wantConfig},
		"UpdateRoom":                 {room, wantRoom},
	}
	for _, op := range ivschat.Operations() {
		t.Run(op.Name, func(t *testing.T) {
			tt, ok := tests[op.Name]
			if !ok {
				t.Fatal("no answer is recorded")
			}
			c := newClient(&answers{list: []answer{{status: op.Status, body: tt.body}}}, func(o *ivschat.Options) { o.SkipValidation = true })
			method := reflect.ValueOf(c).MethodByName(op.Name)
			in := reflect.New(method.Type().In(1).Elem())
			if f := in.Elem().FieldByName("ResourceArn"); f.IsValid() {
				f.SetString(roomARN)
			}
			results := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
			if err := results[1].Interface(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, results[0].Interface()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	for _, body := range []string{"", "[]", `{"arn":1}`, `{"arn":"a"`, `{"createTime":1751000000}`} {
		c := newClient(&answers{list: []answer{{status: 200, body: body}}})
		out, err := c.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: roomARN})
		if err == nil || out != nil {
			t.Errorf("body %q: %+v, %v", body, out, err)
		}
	}
}

func TestExceptions(t *testing.T) {
	id := ivschat.Request{ID: "0f8b1a5e"}
	members := `"message":"m","resourceId":"abcdABCDefgh","resourceType":"ROOM","limit":7`
	tests := []struct {
		name string
		in   answer
		want ivschat.APIError
	}{
		{"not found", answer{status: 404, body: `{"__type":"ResourceNotFoundException",` + members + `}`},
			&ivschat.ResourceNotFoundException{Request: id, Message: "m", ResourceID: "abcdABCDefgh", ResourceType: "ROOM"}},
		{"conflict", answer{status: 409, body: `{"__type":"ConflictException",` + members + `}`},
			&ivschat.ConflictException{Request: id, Message: "m", ResourceID: "abcdABCDefgh", ResourceType: "ROOM"}},
		{"quota", answer{status: 402, body: `{"__type":"ServiceQuotaExceededException",` + members + `}`},
			&ivschat.ServiceQuotaExceededException{Request: id, Message: "m", ResourceID: "abcdABCDefgh", ResourceType: "ROOM", Limit: 7}},
		{"throttled", answer{status: 429, body: `{"__type":"ThrottlingException",` + members + `}`},
			&ivschat.ThrottlingException{Request: id, Message: "m", ResourceID: "abcdABCDefgh", ResourceType: "ROOM", Limit: 7}},
		{"denied", answer{status: 403, body: `{"__type":"AccessDeniedException","Message":"m"}`}, &ivschat.AccessDeniedException{Request: id, Message: "m"}},
		{"pending", answer{status: 403, body: `{"__type":"PendingVerification","message":"m"}`}, &ivschat.PendingVerification{Request: id, Message: "m"}},
		{"internal", answer{status: 500, body: `{"__type":"InternalServerException","message":"m"}`}, &ivschat.InternalServerException{Request: id, Message: "m"}},
		{"invalid", answer{status: 400, body: `{"__type":"ValidationException","message":"m","reason":"FIELD_VALIDATION_FAILED","fieldList":[{"name":"n","message":"why"}]}`},
			&ivschat.ValidationException{Request: id, Message: "m", Reason: ivschat.ValidationExceptionReasonFieldValidationFailed,
				FieldList: []ivschat.ValidationExceptionField{{Name: "n", Message: "why"}}}},
		{"header first", answer{status: 403, header: map[string]string{"X-Amzn-Errortype": "PendingVerification"}, body: `{"__type":"ConflictException","message":"m"}`},
			&ivschat.PendingVerification{Request: id, Message: "m"}},
		{"code before type", answer{status: 409, body: `{"code":"ConflictException","__type":"PendingVerification","message":"m"}`},
			&ivschat.ConflictException{Request: id, Message: "m"}},
		{"namespace and link", answer{status: 409, header: map[string]string{"X-Amzn-Errortype": "com.amazonaws.ivschat#ConflictException:http://internal.amazon.com/x#y/"}},
			&ivschat.ConflictException{Request: id}},
		{"a bad member", answer{status: 404, body: `{"__type":"ResourceNotFoundException","message":"m","resourceId":7}`},
			&ivschat.ResourceNotFoundException{Request: id, Message: "m"}},
		{"not modelled", answer{status: 403, body: `{"__type":"UnrecognizedClientException","message":"m"}`},
			&ivschat.ClientError{Request: id, Code: "UnrecognizedClientException", Status: 403, Message: "m"}},
		{"a proxy's page", answer{status: 502, header: map[string]string{"Content-Type": "text/html"}, body: "<html>"},
			&ivschat.ClientError{Request: id, Code: "UnknownError", Status: 502, Message: "Bad Gateway"}},
		{"a redirect", answer{status: 302}, &ivschat.ClientError{Request: id, Code: "UnknownError", Status: 302, Message: "Found"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.in.header == nil {
				tt.in.header = make(map[string]string)
			}
			tt.in.header["X-Amzn-Requestid"] = "0f8b1a5e"
			c := newClient(&answers{list: []answer{tt.in}}, func(o *ivschat.Options) { o.Retryer = aws.NopRetryer{} })
			_, err := c.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: roomARN})
			got, ok := errors.AsType[ivschat.APIError](err)
			if !ok {
				t.Fatalf("error is %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.HTTPStatusCode() != tt.in.status || got.ServiceRequestID() != "0f8b1a5e" || !strings.Contains(err.Error(), "GetRoom") {
				t.Errorf("status %d, request %q, text %q", got.HTTPStatusCode(), got.ServiceRequestID(), err)
			}
		})
	}
}

func TestInputsAreValidatedBeforeTheyAreSent(t *testing.T) {
	in := &ivschat.CreateChatTokenInput{RoomIdentifier: "lobby", SessionDurationInMinutes: new(int32(181))}
	stub := &answers{list: []answer{{status: 200, body: "{}"}}}
	_, err := newClient(stub).CreateChatToken(t.Context(), in)
	refusal, ok := errors.AsType[*ivschat.ParamValidationError](err)
	if !ok || len(stub.sent) != 0 {
		t.Fatalf("error is %v after %d requests", err, len(stub.sent))
	}
	if diff := cmp.Diff(in.Validate(), refusal.Fields); diff != "" || len(refusal.Fields) != 3 {
		t.Errorf("fields (-Validate +error):\n%s", diff)
	}
	for _, name := range []string{"roomIdentifier", "userId", "sessionDurationInMinutes"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error %q does not name %s", err, name)
		}
	}
	_, err = newClient(stub, func(o *ivschat.Options) { o.SkipValidation = true }).CreateChatToken(t.Context(), in)
	if err != nil || len(stub.sent) != 1 {
		t.Errorf("without validation: %v after %d requests", err, len(stub.sent))
	}
}

func TestNilInputsAreEmpty(t *testing.T) {
	stub := &answers{list: []answer{{status: 200, body: `{"rooms":[]}`}}}
	if _, err := newClient(stub).ListRooms(t.Context(), nil); err != nil {
		t.Error(err)
	}
	_, err := newClient(stub).GetRoom(t.Context(), nil)
	if _, ok := errors.AsType[*ivschat.ParamValidationError](err); !ok {
		t.Errorf("GetRoom of nothing: %v", err)
	}
}

// Every attempt is signed anew.
func TestOptionsThatCannotWorkAreReportedByCalls(t *testing.T) {
	tests := map[string]func(*ivschat.Options){
		"missing credentials": func(o *ivschat.Options) { o.Credentials = nil },
		"missing region":      func(o *ivschat.Options) { o.Region, o.BaseEndpoint = "", nil },
		"no http or https":    func(o *ivschat.Options) { o.BaseEndpoint = new("127.0.0.1:7878") },
		"get credentials": func(o *ivschat.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("none") })
		},
	}
	for want, configure := range tests {
		stub := &answers{list: []answer{{status: 200, body: room}}}
		_, err := newClient(stub, configure).GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: roomARN})
		if err == nil || !strings.Contains(err.Error(), want) || len(stub.sent) != 0 {
			t.Errorf("%s: error is %v after %d requests", want, err, len(stub.sent))
		}
	}
}

// What is logged and traced names the call and none of its members.
func TestHooks(t *testing.T) {
	var logged bytes.Buffer
	spans := &spanNames{}
	stub := &answers{list: []answer{{status: 200, header: map[string]string{"X-Amzn-Requestid": "0f8b1a5e"}, body: `{"token":"SECRET-TOKEN"}`}}}
	c := newClient(stub, func(o *ivschat.Options) {
		o.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.TracerProvider, o.AppID = spans, "my-app"
	})
	if _, err := c.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: roomARN, UserID: "SECRET-USER"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"operation=CreateChatToken", "attempt=1", "status=200", "request_id=0f8b1a5e"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("log %q has no %s", &logged, want)
		}
	}
	if strings.Contains(logged.String(), "SECRET") {
		t.Errorf("log tells secrets: %s", &logged)
	}
	if diff := cmp.Diff([]string{"ivschat.CreateChatToken ended"}, spans.names); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if agent := stub.sent[0].Header.Get("User-Agent"); !strings.HasSuffix(agent, "app/my-app") {
		t.Errorf("User-Agent is %q", agent)
	}
}

type spanNames struct {
	tracing.NopTracerProvider
	names []string
}

func (s *spanNames) Tracer(string, ...tracing.TracerOption) tracing.Tracer { return s }

func (s *spanNames) StartSpan(ctx context.Context, name string, _ ...tracing.SpanOption) (context.Context, tracing.Span) {
	return ctx, span{name: name, of: s}
}

type span struct {
	name string
	of   *spanNames
}

func (s span) Name() string                            { return s.name }
func (s span) Context() tracing.SpanContext            { return tracing.SpanContext{} }
func (s span) AddEvent(string, ...tracing.EventOption) {}
func (s span) SetStatus(tracing.SpanStatus)            {}
func (s span) SetProperty(any, any)                    {}
func (s span) End()                                    { s.of.names = append(s.of.names, s.name+" ended") }
