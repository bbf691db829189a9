package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/api"
	"github.com/parleychat/parley/internal/restjson"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/ivschat"
)

const (
	roomJSON = `{"arn":"` + room + `","id":"abcdABCDefgh","name":"r","createTime":"2026-09-15T01:02:03.000Z","updateTime":"2026-09-15T01:02:03.653Z",` +
		`"maximumMessageRatePerSecond":10,"maximumMessageLength":500,"tags":{},"loggingConfigurationIdentifiers":[]}`
	updatedJSON = `{"arn":"` + room + `","id":"abcdABCDefgh","name":"r","createTime":"2026-09-15T01:02:03.000Z","updateTime":"2026-09-15T01:02:03.653Z",` +
		`"maximumMessageRatePerSecond":10,"maximumMessageLength":500,"messageReviewHandler":{"uri":"","fallbackResult":"ALLOW"},"tags":{},"loggingConfigurationIdentifiers":[]}`
	loggingJSON = `{"arn":"` + logging + `","id":"ABcdef34ghIJ","createTime":"2026-09-15T01:02:03.001Z","updateTime":"2026-09-15T01:02:03.002Z","name":"",` +
		`"destinationConfiguration":{"s3":{"bucketName":"b-b"}},"state":"ACTIVE","tags":{"a":"<1>","b":"2"}}`
)

// operationTest is one operation's way there and back.
type operationTest struct {
	method, target, body string
	want                 any // what the service gets
	status               int
	answer               string
}

func operationTests() map[string]operationTest {
	deny := ivschat.FallbackResultDeny
	destination := &ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: "my-bucket"}}
	post := func(name, body string, want any, status int, answer string) operationTest {
		return operationTest{http.MethodPost, "/" + name, body, want, status, answer}
	}
	tags := func(method, query, body string, want any, answer string) operationTest {
		return operationTest{method, "/tags/" + escapedRoom + query, body, want, http.StatusOK, answer}
	}
	return map[string]operationTest{
		"CreateRoom": post("CreateRoom",
			`{"name":"n","maximumMessageRatePerSecond":100,"maximumMessageLength":1,"messageReviewHandler":{"uri":"`+lambda+`","fallbackResult":"DENY"},"tags":{"k":"v"},"loggingConfigurationIdentifiers":["`+logging+`"]}`,
			&ivschat.CreateRoomInput{Name: new("n"), MaximumMessageRatePerSecond: new(int32(100)), MaximumMessageLength: new(int32(1)),
				MessageReviewHandler: &ivschat.MessageReviewHandler{URI: new(lambda), FallbackResult: &deny},
				Tags:                 map[string]string{"k": "v"}, LoggingConfigurationIdentifiers: []string{logging}},
			200, roomJSON),
		"GetRoom": post("GetRoom", `{"identifier":"`+room+`"}`, &ivschat.GetRoomInput{Identifier: room}, 200, roomJSON),
		"UpdateRoom": post("UpdateRoom", `{"identifier":"`+room+`","name":"","loggingConfigurationIdentifiers":[],"messageReviewHandler":{"uri":""}}`,
			&ivschat.UpdateRoomInput{Identifier: room, Name: new(""), LoggingConfigurationIdentifiers: []string{},
				MessageReviewHandler: &ivschat.MessageReviewHandler{URI: new("")}}, 200, updatedJSON),
		"DeleteRoom": post("DeleteRoom", `{"identifier":"`+room+`"}`, &ivschat.DeleteRoomInput{Identifier: room}, 204, ""),
		"ListRooms": post("ListRooms", `{"name":"n","nextToken":"","maxResults":50,"messageReviewHandlerUri":"`+lambda+`","loggingConfigurationIdentifier":"`+logging+`"}`,
			&ivschat.ListRoomsInput{Name: new("n"), NextToken: new(""), MaxResults: new(int32(50)), MessageReviewHandlerURI: new(lambda),
				LoggingConfigurationIdentifier: new(logging)}, 200, `{"rooms":[]}`),
		"CreateLoggingConfiguration": post("CreateLoggingConfiguration", `{"name":"n","destinationConfiguration":{"s3":{"bucketName":"my-bucket"}},"tags":{}}`,
			&ivschat.CreateLoggingConfigurationInput{Name: new("n"), DestinationConfiguration: destination, Tags: map[string]string{}}, 200, loggingJSON),
		"GetLoggingConfiguration": post("GetLoggingConfiguration", `{"identifier":"`+logging+`"}`,
			&ivschat.GetLoggingConfigurationInput{Identifier: logging}, 200, loggingJSON),
		"UpdateLoggingConfiguration": post("UpdateLoggingConfiguration", `{"identifier":"`+logging+`","destinationConfiguration":{"s3":{"bucketName":"my-bucket"},"firehose":null}}`,
			&ivschat.UpdateLoggingConfigurationInput{Identifier: logging, DestinationConfiguration: destination}, 200, loggingJSON),
		"DeleteLoggingConfiguration": post("DeleteLoggingConfiguration", `{"identifier":"`+logging+`"}`,
			&ivschat.DeleteLoggingConfigurationInput{Identifier: logging}, 204, ""),
		"ListLoggingConfigurations": post("ListLoggingConfigurations", `{}`, &ivschat.ListLoggingConfigurationsInput{}, 200,
			`{"loggingConfigurations":[`+loggingJSON+`],"nextToken":"next"}`),
		"CreateChatToken": post("CreateChatToken", `{"roomIdentifier":"`+room+`","userId":"é 😀","capabilities":["SEND_MESSAGE"],"sessionDurationInMinutes":180,"attributes":{"a":""}}`,
			&ivschat.CreateChatTokenInput{RoomIdentifier: room, UserID: "é 😀", Capabilities: []ivschat.Capability{"SEND_MESSAGE"},
				SessionDurationInMinutes: new(int32(180)), Attributes: map[string]string{"a": ""}},
			200, `{"token":"canary-token","tokenExpirationTime":"2026-09-15T01:02:03.010Z","sessionExpirationTime":"2026-09-15T01:02:03.020Z"}`),
		"SendEvent": post("SendEvent", `{"roomIdentifier":"`+room+`","eventName":"e"}`,
			&ivschat.SendEventInput{RoomIdentifier: room, EventName: "e"}, 200, `{"id":"WhO6MW6iRdS5"}`),
		"DeleteMessage": post("DeleteMessage", `{"roomIdentifier":"`+room+`","id":"WhO6MW6iRdS5","reason":"r"}`,
			&ivschat.DeleteMessageInput{RoomIdentifier: room, ID: "WhO6MW6iRdS5", Reason: new("r")}, 200, `{"id":"WhO6MW6iRdS5"}`),
		"DisconnectUser": post("DisconnectUser", `{"roomIdentifier":"`+room+`","userId":"u"}`,
			&ivschat.DisconnectUserInput{RoomIdentifier: room, UserID: "u"}, 200, ""),
		"ListTagsForResource": tags(http.MethodGet, "", "", &ivschat.ListTagsForResourceInput{ResourceArn: room}, `{"tags":{}}`),
		"TagResource": tags(http.MethodPost, "", `{"tags":{"k":"v"}}`,
			&ivschat.TagResourceInput{ResourceArn: room, Tags: map[string]string{"k": "v"}}, `{}`),
		"UntagResource": tags(http.MethodDelete, "?tagKeys=a%20b&tagKeys=c%26d%2F%C3%A9", "",
			&ivschat.UntagResourceInput{ResourceArn: room, TagKeys: []string{"a b", "c&d/é"}}, `{}`),
	}
}

func TestOperations(t *testing.T) {
	tests := operationTests()
	for _, row := range ivschat.Operations() {
		tt, ok := tests[row.Name]
		if !ok {
			t.Errorf("%s has no test", row.Name)
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			s := newServer(t)
			got := s.send(s.signed(tt.method, tt.target, tt.body))
			s.checkHeaders(got)
			if got.status != tt.status || got.body != tt.answer || got.header.Get("X-Amzn-Errortype") != "" {
				t.Errorf("status %d, body\n%s, want %d\n%s", got.status, got.body, tt.status, tt.answer)
			}
			wantType := "application/json"
			if tt.answer == "" {
				wantType = ""
			}
			if got.header.Get("Content-Type") != wantType {
				t.Errorf("content type %q", got.header.Get("Content-Type"))
			}
			calls := s.taken()
			if len(calls) != 1 || calls[0].Operation != row.Name || calls[0].Principal.Account != account || calls[0].Principal.Region != region {
				t.Fatalf("calls %+v", calls)
			}
			if diff := cmp.Diff(tt.want, calls[0].Input); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOperationsWhenPresigned(t *testing.T) {
	for name, tt := range operationTests() {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			path, rawQuery, _ := strings.Cut(tt.target, "?")
			query, err := url.ParseQuery(rawQuery)
			if err != nil {
				t.Fatal(err)
			}
			got := s.send(s.presigned(tt.method, path, query, tt.body, ivschat.ServiceID))
			if calls := s.taken(); got.status != tt.status || len(calls) != 1 || !cmp.Equal(calls[0].Input, tt.want) {
				t.Errorf("status %d, %s, calls %v", got.status, got.body, calls)
			}
		})
	}
}

// What is left out, or written in another way, and means the same.
func TestLiberalRequests(t *testing.T) {
	s := newServer(t)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	none := func(*http.Request) {}
	tests := []struct {
		name, method, target, body string
		change                     func(*http.Request)
		want                       any
	}{
		{"no body", http.MethodPost, "/ListRooms", "", none, &ivschat.ListRoomsInput{}},
		{"no content type", http.MethodPost, "/ListRooms", "{}", func(r *http.Request) { r.Header.Del("Content-Type") }, &ivschat.ListRoomsInput{}},
		{"content type with parameter", http.MethodPost, "/ListRooms", "{}", header("Content-Type", "application/json; charset=utf-8"), &ivschat.ListRoomsInput{}},
		{"any content type", http.MethodPost, "/ListRooms", "{}", header("Content-Type", "*/*"), &ivschat.ListRoomsInput{}},
		{"content type of JSON 1.1", http.MethodPost, "/ListRooms", "{}", header("Content-Type", "application/x-amz-json-1.1"), &ivschat.ListRoomsInput{}},
		{"content type on GET", http.MethodGet, "/tags/" + escapedRoom, "", header("Content-Type", "application/json"), &ivschat.ListTagsForResourceInput{ResourceArn: room}},
		{"ARN not escaped", http.MethodGet, "/tags/" + room, "", none, &ivschat.ListTagsForResourceInput{ResourceArn: room}},
		{"ARN with the slash alone escaped", http.MethodGet, "/tags/" + strings.ReplaceAll(room, "/", "%2f"), "", none, &ivschat.ListTagsForResourceInput{ResourceArn: room}},
		{"ARN of a logging configuration", http.MethodDelete, "/tags/" + logging + "?tagKeys=k", "", none, &ivschat.UntagResourceInput{ResourceArn: logging, TagKeys: []string{"k"}}},
		{"no tag keys", http.MethodDelete, "/tags/" + escapedRoom, "", none, &ivschat.UntagResourceInput{ResourceArn: room, TagKeys: []string{}}},
		{"unknown members", http.MethodPost, "/ListRooms", `{"x":{"y":[null,1.5e3]},"Name":1}`, none, &ivschat.ListRoomsInput{}},
		{"unknown parameters", http.MethodPost, "/ListRooms?name=x&y", `{}`, none, &ivschat.ListRoomsInput{}},
		{"nulls", http.MethodPost, "/ListRooms", `{"name":null,"maxResults":null}`, none, &ivschat.ListRoomsInput{}},
		{"method override is nothing", http.MethodPost, "/ListRooms", `{}`, header("X-HTTP-Method-Override", "DELETE"), &ivschat.ListRoomsInput{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := s.request(tt.method, tt.target, tt.body)
			tt.change(r)
			got := s.send(s.sign(r, tt.body, ivschat.ServiceID))
			calls := s.taken()
			if got.status != http.StatusOK || len(calls) != 1 {
				t.Fatalf("status %d, %s, calls %v", got.status, got.body, calls)
			}
			if diff := cmp.Diff(tt.want, calls[0].Input); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// recording is a call as botocore makes it, signed for 1 January 2000.
type recording struct {
	Operation string
	Input     json.RawMessage
	Token     string
	Request   struct{ Method, URL, Body, Authorization string }
	Presigned string
}

func recordings(t *testing.T) (all []recording) {
	t.Helper()
	text, err := os.ReadFile("../../ivschat/testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// input returns the recording's input as the type that the service got.
func (r recording) input(t *testing.T, like any) any {
	t.Helper()
	in := reflect.New(reflect.TypeOf(like).Elem())
	if err := restjson.Unmarshal(r.Input, in.Interface()); err != nil {
		t.Fatal(err)
	}
	var outside struct {
		ResourceArn string   `json:"resourceArn"`
		TagKeys     []string `json:"tagKeys"`
	}
	if err := restjson.Unmarshal(r.Input, &outside); err != nil {
		t.Fatal(err)
	}
	if f := in.Elem().FieldByName("ResourceArn"); f.IsValid() {
		f.SetString(outside.ResourceArn)
	}
	if f := in.Elem().FieldByName("TagKeys"); f.IsValid() {
		f.Set(reflect.ValueOf(outside.TagKeys))
	}
	return in.Interface()
}

func TestRequestsOfBotocore(t *testing.T) {
	all := recordings(t)
	for _, presigned := range []bool{false, true} {
		for _, r := range all {
			t.Run(r.Operation, func(t *testing.T) {
				s := newServer(t, func(o *api.Options) {
					verifier := sigv4.Verifier{
						Now: func() time.Time { return time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC) },
						Lookup: func(context.Context, string) (sigv4.Key, error) {
							return sigv4.Key{Secret: secret, SessionToken: r.Token}, nil
						},
					}
					o.Verify = verifier.Verify
				})
				got := s.send(r.request(s, presigned))
				calls := s.taken()
				if got.status/100 != 2 || len(calls) != 1 || calls[0].Operation != r.Operation {
					t.Fatalf("presigned %t: status %d, %s, calls %v", presigned, got.status, got.body, calls)
				}
				want := r.input(t, calls[0].Input)
				if untag, ok := want.(*ivschat.UntagResourceInput); ok && presigned && len(untag.TagKeys) > 1 {
					untag.TagKeys = untag.TagKeys[:1] // botocore loses the others when it presigns
				}
				if diff := cmp.Diff(want, calls[0].Input); diff != "" {
					t.Errorf("presigned %t: %s", presigned, diff)
				}
			})
		}
	}
	if len(all) < len(ivschat.Operations()) {
		t.Errorf("only %d calls are recorded", len(all))
	}
}

func (r recording) request(s *server, presigned bool) *http.Request {
	s.Helper()
	address, body := r.Request.URL, r.Request.Body
	if presigned {
		address, body = r.Presigned, ""
	}
	u, err := url.Parse(address)
	if err != nil {
		s.Fatal(err)
	}
	req := s.request(r.Request.Method, strings.TrimPrefix(address, "http://"+u.Host), body)
	req.Host = u.Host
	if r.Request.Method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if presigned {
		return req
	}
	req.Header.Set("Authorization", r.Request.Authorization)
	req.Header.Set("X-Amz-Date", "20000101T000000Z")
	if r.Token != "" {
		req.Header.Set("X-Amz-Security-Token", r.Token)
	}
	return req
}

// Every operation of the table is reached under its method and path, and
// under no other method.
func TestRouteTable(t *testing.T) {
	s := newServer(t)
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodTrace, "NONSENSE"}
	known := make(map[string][]string)
	for _, row := range ivschat.Operations() {
		path := strings.ReplaceAll(row.Path, "{resourceArn}", escapedRoom)
		known[path] = append(known[path], row.Method)
	}
	for path, allowed := range known {
		for _, method := range methods {
			got := s.send(s.request(method, path, ""))
			if slices.Contains(allowed, method) {
				s.refused(got, http.StatusForbidden, "MissingAuthenticationTokenException", "")
			} else {
				s.refused(got, http.StatusNotFound, "UnknownOperationException", "")
			}
		}
		if got := s.send(s.request(http.MethodHead, path, "")); got.status != http.StatusNotFound || got.header.Get("X-Amzn-Errortype") != "UnknownOperationException" {
			t.Errorf("HEAD %s: status %d", path, got.status)
		}
	}
}
