package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/parleychat/parley/ivschat"
)

func TestMalformedBodies(t *testing.T) {
	s := newServer(t)
	const code = "SerializationException"
	for name, body := range map[string]string{
		"spaces": "  ", "null": "null", "list": "[]", "string": `"x"`, "number": "1", "true": "true", "NUL": "\x00",
		"no end": `{"name":"x"`, "no end of a string": `{"name":"x`, "no value": `{"name":}`, "no colon": `{"name" "x"}`,
		"comma at the end": `{"name":"x",}`, "comma first": `{,"name":"x"}`, "two commas": `{"a":1,,"b":2}`,
		"single quotes": `{'name':'x'}`, "no quotes": `{name:"x"}`, "comment": `{/**/}`, "comment of a line": "{//\n}",
		"text behind": `{} x`, "object behind": `{}{}`, "line behind": "{}\n{}", "NUL behind": "{}\x00", "bracket behind": "{}]",
		"wrong bracket": `{"a":[1}`, "NaN": `{"a":NaN}`, "Infinity": `{"a":-Infinity}`, "leading zero": `{"a":01}`, "plus": `{"a":+1}`,
		"dot": `{"a":.5}`, "hexadecimal": `{"a":0x1}`, "True": `{"a":True}`, "undefined": `{"a":undefined}`,
		"raw newline": "{\"name\":\"a\nb\"}", "raw NUL": "{\"name\":\"\x00\"}", "unknown escape": `{"name":"\x41"}`, "half an escape": `{"name":"\u00"}`,
		"lone surrogate": `{"name":"\ud800"}`, "byte order mark": "\ufeff{}", "UTF-16": "{\x00}\x00",
		"bad UTF-8": "{\"name\":\"\xff\"}", "overlong UTF-8": "{\"name\":\"\xc0\x80\"}", "surrogate in UTF-8": "{\"name\":\"\xed\xa0\x80\"}",
		"bad UTF-8 in a name": "{\"\xff\":1}", "form": "name=x", "XML": "<name>x</name>", "gzip": "\x1f\x8b\x08\x00",
		"deep lists":   `{"x":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + "}",
		"deep objects": strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000), "deep and open": strings.Repeat("[", 200_000),
		"one level too deep": `{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + "}",
	} {
		refusal{name, post("CreateRoom", body), 400, code, ""}.run(t, s)
	}
	for _, tt := range []struct{ name, body, member string }{
		{"member twice", `{"name":"a","name":"b"}`, "name"},
		{"member twice, escaped", `{"name":"a","n\u0061me":"a"}`, "name"},
		{"unknown member twice", `{"x":1,"x":1}`, "x"},
		{"tag twice", `{"tags":{"k":"a","k":"b"}}`, "tags[k]"},
		{"nested member twice", `{"messageReviewHandler":{"uri":"a","uri":"a"}}`, "messageReviewHandler.uri"},
		{"wrong type deep inside", `{"messageReviewHandler":{"fallbackResult":1}}`, "messageReviewHandler.fallbackResult"},
	} {
		refusal{tt.name, post("CreateRoom", tt.body), 400, code, tt.member}.run(t, s)
	}
}

// Every body member of every operation, with values of every other type.
func TestWrongTypes(t *testing.T) {
	s := newServer(t)
	members := map[string]map[string]string{
		"CreateRoom": {"name": "string", "maximumMessageRatePerSecond": "integer", "maximumMessageLength": "integer",
			"messageReviewHandler": "structure", "tags": "map", "loggingConfigurationIdentifiers": "list"},
		"GetRoom": {"identifier": "string"},
		"UpdateRoom": {"identifier": "string", "name": "string", "maximumMessageRatePerSecond": "integer", "maximumMessageLength": "integer",
			"messageReviewHandler": "structure", "loggingConfigurationIdentifiers": "list"},
		"DeleteRoom":                 {"identifier": "string"},
		"ListRooms":                  {"name": "string", "nextToken": "string", "maxResults": "integer", "messageReviewHandlerUri": "string", "loggingConfigurationIdentifier": "string"},
		"CreateLoggingConfiguration": {"name": "string", "destinationConfiguration": "structure", "tags": "map"},
		"GetLoggingConfiguration":    {"identifier": "string"},
		"UpdateLoggingConfiguration": {"identifier": "string", "name": "string", "destinationConfiguration": "structure"},
		"DeleteLoggingConfiguration": {"identifier": "string"},
		"ListLoggingConfigurations":  {"nextToken": "string", "maxResults": "integer"},
		"CreateChatToken":            {"roomIdentifier": "string", "userId": "string", "capabilities": "list", "sessionDurationInMinutes": "integer", "attributes": "map"},
		"SendEvent":                  {"roomIdentifier": "string", "eventName": "string", "attributes": "map"},
		"DeleteMessage":              {"roomIdentifier": "string", "id": "string", "reason": "string"},
		"DisconnectUser":             {"roomIdentifier": "string", "userId": "string", "reason": "string"},
		"tags/" + escapedRoom:        {"tags": "map"},
	}
	wrong := map[string][]string{
		"string":    {"1", "true", "[]", "{}", `["x"]`},
		"integer":   {`"1"`, `""`, "true", "[]", "{}", "1.5", "1.0", "1e1", "2147483648", "-2147483649", "99999999999999999999"},
		"list":      {`"x"`, "1", "true", "{}", `{"0":"x"}`},
		"map":       {`"x"`, "1", "false", "[]", `["k","v"]`},
		"structure": {`"x"`, "1", "false", "[]"},
	}
	inside := map[string]map[string]string{ // values, and the member that they make wrong
		"list": {"[1]": "[0]", "[null]": "[0]", `["x",["y"]]`: "[1]", `["x",{}]`: "[1]"},
		"map":  {`{"k":1}`: "[k]", `{"k":null}`: "[k]", `{"k":["v"]}`: "[k]", `{"a":"","k":{}}`: "[k]"},
	}
	for operation, types := range members {
		for member, typ := range types {
			for _, value := range wrong[typ] {
				refusal{operation + " " + member + " " + value, post(operation, fmt.Sprintf(`{%q:%s}`, member, value)),
					400, "SerializationException", member}.run(t, s)
			}
			for value, at := range inside[typ] {
				refusal{operation + " " + member + " " + value, post(operation, fmt.Sprintf(`{%q:%s}`, member, value)),
					400, "SerializationException", member + at}.run(t, s)
			}
		}
	}
}

func TestInvalidMembers(t *testing.T) {
	s := newServer(t)
	x := func(n int) string { return strings.Repeat("x", n) }
	in := func(member, value string) string {
		return fmt.Sprintf(`{"roomIdentifier":%q,"userId":"u","eventName":"e","id":"abcdABCDefgh","identifier":%q,%s:%s}`, room, room, member, value)
	}
	destination := func(value string) string { return `{"destinationConfiguration":` + value + `}` }
	tag := func(key, value string) string { return fmt.Sprintf(`{"tags":{%q:%q}}`, key, value) }
	for _, tt := range []struct{ operation, body, member string }{
		{"CreateRoom", `{"name":"a b"}`, "name"},
		{"CreateRoom", `{"name":"` + x(129) + `"}`, "name"},
		{"CreateRoom", `{"maximumMessageLength":0}`, "maximumMessageLength"},
		{"CreateRoom", `{"maximumMessageLength":501}`, "maximumMessageLength"},
		{"CreateRoom", `{"maximumMessageRatePerSecond":-1}`, "maximumMessageRatePerSecond"},
		{"CreateRoom", `{"maximumMessageRatePerSecond":101}`, "maximumMessageRatePerSecond"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"http://example.com"}}`, "messageReviewHandler.uri"},
		{"CreateRoom", `{"messageReviewHandler":{"fallbackResult":"allow"}}`, "messageReviewHandler.fallbackResult"},
		{"CreateRoom", `{"loggingConfigurationIdentifiers":[""]}`, "loggingConfigurationIdentifiers[0]"},
		{"CreateRoom", `{"loggingConfigurationIdentifiers":["` + logging + `","` + room + `"]}`, "loggingConfigurationIdentifiers[1]"},
		{"CreateRoom", tag("aws:x", ""), "tags[aws:x]"},
		{"CreateRoom", tag("", ""), "tags[]"},
		{"CreateRoom", tag(x(129), ""), "tags[" + x(129) + "]"},
		{"CreateRoom", tag("k", x(257)), "tags[k]"},
		{"CreateRoom", tag("k", "<script>"), "tags[k]"},
		{"GetRoom", `{}`, "identifier"},
		{"GetRoom", ``, "identifier"},
		{"GetRoom", `{"identifier":null}`, "identifier"},
		{"GetRoom", `{"identifier":"abcdABCDefgh"}`, "identifier"},
		{"GetRoom", `{"identifier":"` + logging + `"}`, "identifier"},
		{"GetRoom", `{"identifier":"` + room + x(128) + `"}`, "identifier"},
		{"UpdateRoom", `{"name":"x"}`, "identifier"},
		{"DeleteRoom", `{"Identifier":"` + room + `"}`, "identifier"},
		{"ListRooms", `{"maxResults":51}`, "maxResults"},
		{"ListRooms", `{"nextToken":"` + x(1025) + `"}`, "nextToken"},
		{"ListRooms", `{"messageReviewHandlerUri":"x"}`, "messageReviewHandlerUri"},
		{"ListRooms", `{"loggingConfigurationIdentifier":""}`, "loggingConfigurationIdentifier"},
		{"CreateLoggingConfiguration", `{}`, "destinationConfiguration"},
		{"CreateLoggingConfiguration", destination(`{}`), "destinationConfiguration"},
		{"CreateLoggingConfiguration", destination(`{"s3":{"bucketName":"abc"},"firehose":{"deliveryStreamName":"x"}}`), "destinationConfiguration"},
		{"CreateLoggingConfiguration", destination(`{"s3":{"bucketName":"A_B"}}`), "destinationConfiguration.s3.bucketName"},
		{"CreateLoggingConfiguration", destination(`{"cloudWatchLogs":{}}`), "destinationConfiguration.cloudWatchLogs.logGroupName"},
		{"CreateLoggingConfiguration", destination(`{"firehose":{"deliveryStreamName":"` + x(65) + `"}}`), "destinationConfiguration.firehose.deliveryStreamName"},
		{"GetLoggingConfiguration", `{"identifier":"` + room + `"}`, "identifier"},
		{"UpdateLoggingConfiguration", `{}`, "identifier"},
		{"DeleteLoggingConfiguration", `{}`, "identifier"},
		{"ListLoggingConfigurations", `{"maxResults":0}`, "maxResults"},
		{"CreateChatToken", in(`"userId2"`, `1,"capabilities":["send_message"]`), "capabilities[0]"},
		{"CreateChatToken", in(`"sessionDurationInMinutes"`, `181`), "sessionDurationInMinutes"},
		{"CreateChatToken", in(`"attributes"`, `{"a":"`+x(1024)+`"}`), "attributes"},
		{"CreateChatToken", `{"roomIdentifier":"` + room + `"}`, "userId"},
		{"SendEvent", `{"roomIdentifier":"` + room + `"}`, "eventName"},
		{"SendEvent", `{"roomIdentifier":"` + room + `","eventName":"` + x(101) + `"}`, "eventName"},
		{"DeleteMessage", `{"roomIdentifier":"` + room + `","id":"abcdABCDefg"}`, "id"},
		{"DeleteMessage", in(`"reason"`, `""`), "reason"},
		{"DisconnectUser", in(`"reason"`, `"`+x(257)+`"`), "reason"},
		{"tags/" + escapedRoom, `{}`, "tags"},
		{"tags/x", `{"tags":{}}`, "resourceArn"},
		{"tags/" + url.PathEscape(escapedRoom), `{"tags":{}}`, "resourceArn"},
	} {
		refusal{tt.operation + " " + tt.member, post(tt.operation, tt.body), 400, "ValidationException", tt.member}.run(t, s)
	}
	untag := func(query string) func(*server) reply {
		return func(s *server) reply { return s.send(s.signed(http.MethodDelete, "/tags/"+escapedRoom+query, "")) }
	}
	for _, tt := range []refusal{
		{"empty tag key", untag("?tagKeys="), 400, "ValidationException", "tagKeys[0]"},
		{"long tag key", untag("?tagKeys=k&tagKeys=" + x(129)), 400, "ValidationException", "tagKeys[1]"},
		{"51 tag keys", untag("?" + strings.Repeat("tagKeys=k&", 51)), 400, "ValidationException", "tagKeys"},
		{"tag key that is no UTF-8", untag("?tagKeys=%ff"), 400, "SerializationException", ""},
		{"ARN that is no UTF-8", func(s *server) reply { return s.send(s.signed(http.MethodGet, "/tags/%ff", "")) }, 400, "SerializationException", "resourceArn"},
		{"no ARN", func(s *server) reply { return s.send(s.signed(http.MethodGet, "/tags/room", "")) }, 400, "ValidationException", "resourceArn"},
	} {
		tt.run(t, s)
	}
}

func TestAllInvalidMembersAreNamedAtOnce(t *testing.T) {
	s := newServer(t)
	got := s.send(s.signed(http.MethodPost, "/CreateRoom", `{"name":"!","maximumMessageLength":501,"tags":{"k":"!"}}`))
	e := s.refused(got, http.StatusBadRequest, "ValidationException", "name")
	var names []string
	for _, f := range e.FieldList {
		names = append(names, f.Name)
		if !strings.Contains(e.Message, "Request member: "+f.Name+" failed to satisfy the constraints: "+f.Message) {
			t.Errorf("the message leaves out %s: %s", f.Name, e.Message)
		}
	}
	if strings.Join(names, " ") != "name maximumMessageLength tags[k]" || e.Reason != "FIELD_VALIDATION_FAILED" {
		t.Errorf("reason %s, fields %v", e.Reason, names)
	}
}

func TestPresignedMembers(t *testing.T) {
	s := newServer(t)
	presigned := func(operation string, members ...string) func(*server) reply {
		return func(s *server) reply {
			query := url.Values{}
			for i := 0; i < len(members); i += 2 {
				query.Add(members[i], members[i+1])
			}
			return s.send(s.presigned(http.MethodPost, "/"+operation, query, "", ivschat.ServiceID))
		}
	}
	const bad, invalid = "SerializationException", "ValidationException"
	for _, tt := range []refusal{
		{"missing", presigned("GetRoom"), 400, invalid, "identifier"},
		{"twice", presigned("GetRoom", "identifier", room, "identifier", room), 400, bad, "identifier"},
		{"integer in words", presigned("ListRooms", "maxResults", "ten"), 400, bad, "maxResults"},
		{"empty integer", presigned("ListRooms", "maxResults", ""), 400, bad, "maxResults"},
		{"fraction", presigned("ListRooms", "maxResults", "1.0"), 400, bad, "maxResults"},
		{"integer twice", presigned("ListRooms", "maxResults", "1", "maxResults", "2"), 400, bad, "maxResults"},
		{"out of range", presigned("ListRooms", "maxResults", "4294967297"), 400, bad, "maxResults"},
		{"beyond the bounds", presigned("ListRooms", "maxResults", "51"), 400, invalid, "maxResults"},
		{"breaking out", presigned("ListRooms", "maxResults", `1,"name":"x"`), 400, bad, "maxResults"},
		{"unknown enum", presigned("CreateChatToken", "roomIdentifier", room, "userId", "u", "capabilities", "SEND_MESSAGE", "capabilities", "x"), 400, invalid, "capabilities[1]"},
		{"list as text", presigned("CreateChatToken", "roomIdentifier", room, "userId", "u", "capabilities", `["SEND_MESSAGE"]`), 400, invalid, "capabilities[0]"},
		{"map as text", presigned("CreateRoom", "tags", "k=v"), 400, bad, "tags"},
		{"empty map text", presigned("CreateRoom", "tags", ""), 400, bad, "tags"},
		{"map as a list", presigned("CreateRoom", "tags", "['k']"), 400, bad, "tags"},
		{"dict without end", presigned("CreateRoom", "tags", "{'k': 'v'"), 400, bad, "tags"},
		{"dict with text behind", presigned("CreateRoom", "tags", "{'k': 'v'} or 1"), 400, bad, "tags"},
		{"dict with a number", presigned("CreateRoom", "tags", "{'k': 1}"), 400, bad, "tags"},
		{"dict with None", presigned("CreateRoom", "tags", "{'k': None}"), 400, bad, "tags"},
		{"dict with a call", presigned("CreateRoom", "tags", "__import__('os')"), 400, bad, "tags"},
		{"dict with an octal escape", presigned("CreateRoom", "tags", `{'k': '\101'}`), 400, bad, "tags"},
		{"dict with half an escape", presigned("CreateRoom", "tags", `{'k': '\x4'}`), 400, bad, "tags"},
		{"dict with a surrogate", presigned("CreateRoom", "tags", `{'k': '\ud800'}`), 400, bad, "tags"},
		{"dict with a raw newline", presigned("CreateRoom", "tags", "{'k': '\n'}"), 400, bad, "tags"},
		{"dict with a key twice", presigned("CreateRoom", "tags", "{'k': 'v', 'k': 'w'}"), 400, bad, "tags[k]"},
		{"deep dict", presigned("CreateRoom", "tags", strings.Repeat("{'k': ", 500)), 400, bad, "tags"},
		{"dict of dicts for a map", presigned("CreateRoom", "tags", "{'k': {'l': 'm'}}"), 400, bad, "tags[k]"},
		{"JSON without end", presigned("CreateRoom", "tags", `{"k":"v"`), 400, bad, "tags"},
		{"JSON with a number", presigned("CreateRoom", "tags", `{"k":1}`), 400, bad, "tags[k]"},
		{"tag that is not allowed", presigned("CreateRoom", "tags", `{'aws:k': ''}`), 400, invalid, "tags[aws:k]"},
		{"text for a structure", presigned("CreateRoom", "messageReviewHandler", "ALLOW"), 400, bad, "messageReviewHandler"},
		{"structure with a dict for a string", presigned("CreateRoom", "messageReviewHandler", "{'uri': {}}"), 400, bad, "messageReviewHandler.uri"},
		{"structure of a wrong shape", presigned("CreateLoggingConfiguration", "destinationConfiguration", "{'s3': 'b'}"), 400, bad, "destinationConfiguration.s3"},
		{"empty structure", presigned("CreateLoggingConfiguration", "destinationConfiguration", "{}"), 400, invalid, "destinationConfiguration"},
		{"bad UTF-8", presigned("CreateRoom", "name", "\xff"), 400, bad, ""},
		{"member in body and query", func(s *server) reply {
			return s.send(s.presigned(http.MethodPost, "/GetRoom", url.Values{"identifier": {room}}, `{"identifier":"`+room+`"}`, ivschat.ServiceID))
		}, 400, bad, "identifier"},
		{"members in the query of a request that is not presigned", post("GetRoom?identifier="+url.QueryEscape(room), `{}`), 400, invalid, "identifier"},
	} {
		tt.run(t, s)
	}
}
