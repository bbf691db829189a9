package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/ivschat"
)

// fieldRow is a row of spec/quotas.md §3: do sends n of what is limited.
type fieldRow struct {
	name string
	most int
	do   func(p *place, n int) string
	over string // within the answer to one more than most
}

func letters(n int) string { return strings.Repeat("x", n) }

// attributes are n bytes of keys and values.
func attributes(n int) map[string]string { return map[string]string{"k": letters(n - 1)} }

func asJSON(value any) string {
	text, _ := json.Marshal(value) // strings and maps of them always encode
	return string(text)
}

func roomRows() []fieldRow {
	update := func(change func(in *ivschat.UpdateRoomInput, n int)) func(p *place, n int) string {
		return func(p *place, n int) string {
			in := &ivschat.UpdateRoomInput{Identifier: p.room("a").Arn}
			change(in, n)
			return p.called(p.client.UpdateRoom(p.t.Context(), in))
		}
	}
	return []fieldRow{
		{"room name", 128, update(func(in *ivschat.UpdateRoomInput, n int) { in.Name = new(letters(n)) }), "name"},
		{"maximumMessageRatePerSecond", 100, update(func(in *ivschat.UpdateRoomInput, n int) { in.MaximumMessageRatePerSecond = new(int32(n)) }), "maximumMessageRatePerSecond"},
		{"maximumMessageLength", 500, update(func(in *ivschat.UpdateRoomInput, n int) { in.MaximumMessageLength = new(int32(n)) }), "maximumMessageLength"},
		{"handler uri", 170, update(func(in *ivschat.UpdateRoomInput, n int) {
			const function = "arn:aws:lambda:us-west-2:123456789012:function:"
			in.MessageReviewHandler = &ivschat.MessageReviewHandler{URI: new(function + letters(n-len(function)))}
		}), "messageReviewHandler.uri"},
		{"logging configurations of a room", 3, func(p *place, n int) string {
			in := &ivschat.UpdateRoomInput{Identifier: p.room("a").Arn}
			for i := range n {
				lc, err := p.server.Service().CreateLoggingConfiguration(p.ctx, &ivschat.CreateLoggingConfigurationInput{
					DestinationConfiguration: bucketNamed(fmt.Sprintf("bucket-%d", i))})
				if err != nil {
					p.t.Fatal(err)
				}
				in.LoggingConfigurationIdentifiers = append(in.LoggingConfigurationIdentifiers, lc.Arn)
			}
			return p.called(p.client.UpdateRoom(p.t.Context(), in))
		}, "loggingConfigurationIdentifiers"},
		{"page size", 50, func(p *place, n int) string {
			return p.called(p.client.ListRooms(p.t.Context(), &ivschat.ListRoomsInput{MaxResults: new(int32(n))}))
		}, "maxResults"},
		{"tags of a resource", 50, func(p *place, n int) string {
			return p.called(p.client.CreateRoom(p.t.Context(), &ivschat.CreateRoomInput{Tags: tagsOf(n)}))
		}, "tags"},
		{"tag key", 128, func(p *place, n int) string {
			return p.called(p.client.TagResource(p.t.Context(), &ivschat.TagResourceInput{ResourceArn: p.room("a").Arn, Tags: map[string]string{letters(n): ""}}))
		}, "tags["},
		{"tag value", 256, func(p *place, n int) string {
			return p.called(p.client.TagResource(p.t.Context(), &ivschat.TagResourceInput{ResourceArn: p.room("a").Arn, Tags: map[string]string{"k": letters(n)}}))
		}, "tags[k]"},
		{"tag keys of a call", 50, func(p *place, n int) string {
			in := &ivschat.UntagResourceInput{ResourceArn: p.room("a").Arn}
			for key := range tagsOf(n) {
				in.TagKeys = append(in.TagKeys, key)
			}
			return p.called(p.client.UntagResource(p.t.Context(), in))
		}, "tagKeys"},
	}
}

func tagsOf(n int) map[string]string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprint("k", i)] = ""
	}
	return tags
}

func operationFieldRows() []fieldRow {
	token := func(change func(in *ivschat.CreateChatTokenInput, n int)) func(p *place, n int) string {
		return func(p *place, n int) string {
			in := &ivschat.CreateChatTokenInput{RoomIdentifier: p.room("a").Arn, UserID: "ana"}
			change(in, n)
			return p.called(p.client.CreateChatToken(p.t.Context(), in))
		}
	}
	destination := func(of func(name string) *ivschat.DestinationConfiguration) func(p *place, n int) string {
		return func(p *place, n int) string {
			return p.called(p.client.CreateLoggingConfiguration(p.t.Context(), &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: of(letters(n))}))
		}
	}
	return []fieldRow{
		{"userId of a token", 128, token(func(in *ivschat.CreateChatTokenInput, n int) { in.UserID = letters(n) }), "userId"},
		{"attributes of a token", 1024, token(func(in *ivschat.CreateChatTokenInput, n int) { in.Attributes = attributes(n) }), "attributes"},
		{"sessionDurationInMinutes", 180, token(func(in *ivschat.CreateChatTokenInput, n int) { in.SessionDurationInMinutes = new(int32(n)) }), "sessionDurationInMinutes"},
		{"eventName", 100, func(p *place, n int) string {
			return p.called(p.client.SendEvent(p.t.Context(), &ivschat.SendEventInput{RoomIdentifier: p.room("a").Arn, EventName: letters(n)}))
		}, "eventName"},
		{"attributes of an event", 4096, func(p *place, n int) string {
			return p.called(p.client.SendEvent(p.t.Context(), &ivschat.SendEventInput{RoomIdentifier: p.room("a").Arn, EventName: "app:x", Attributes: attributes(n)}))
		}, "attributes"},
		{"reason of DeleteMessage", 256, func(p *place, n int) string {
			return p.called(p.client.DeleteMessage(p.t.Context(), &ivschat.DeleteMessageInput{RoomIdentifier: p.room("a").Arn, ID: "abcdABCDefgh", Reason: new(letters(n))}))
		}, "reason"},
		{"reason of DisconnectUser", 256, func(p *place, n int) string {
			return p.called(p.client.DisconnectUser(p.t.Context(), &ivschat.DisconnectUserInput{RoomIdentifier: p.room("a").Arn, UserID: "bo", Reason: new(letters(n))}))
		}, "reason"},
		{"message id", 12, func(p *place, n int) string {
			return p.called(p.client.DeleteMessage(p.t.Context(), &ivschat.DeleteMessageInput{RoomIdentifier: p.room("a").Arn, ID: letters(n)}))
		}, "id"},
		{"logging configuration name", 128, func(p *place, n int) string {
			return p.called(p.client.UpdateLoggingConfiguration(p.t.Context(), &ivschat.UpdateLoggingConfigurationInput{Identifier: p.logging().Arn, Name: new(letters(n))}))
		}, "name"},
		{"bucket", 63, destination(bucketNamed), "destinationConfiguration.s3.bucketName"},
		{"log group", 512, destination(func(name string) *ivschat.DestinationConfiguration {
			return &ivschat.DestinationConfiguration{CloudWatchLogs: &ivschat.CloudWatchLogsDestinationConfiguration{LogGroupName: name}}
		}), "destinationConfiguration.cloudWatchLogs.logGroupName"},
		{"delivery stream", 64, destination(func(name string) *ivschat.DestinationConfiguration {
			return &ivschat.DestinationConfiguration{Firehose: &ivschat.FirehoseDestinationConfiguration{DeliveryStreamName: name}}
		}), "destinationConfiguration.firehose.deliveryStreamName"},
	}
}

func frameRows() []fieldRow {
	frame := func(of func(n int) string) func(p *place, n int) string {
		return func(p *place, n int) string { return p.ask(p.room("a"), "ana", of(n)) }
	}
	return []fieldRow{
		{"Content", 500, frame(func(n int) string {
			return `{"Action":"SEND_MESSAGE","Content":"` + strings.Repeat("😀", n) + `"}`
		}), "ERROR 400 Message exceeds maximum length"},
		{"Attributes", 1024, frame(func(n int) string {
			return `{"Action":"SEND_MESSAGE","Content":"x","Attributes":` + asJSON(attributes(n)) + `}`
		}), "ERROR 413 "},
		{"RequestId", 128, frame(func(n int) string {
			return `{"Action":"SEND_MESSAGE","Content":"x","RequestId":"` + letters(n) + `"}`
		}), "ERROR 413 "},
		{"Reason of DELETE_MESSAGE", 256, frame(func(n int) string {
			return `{"Action":"DELETE_MESSAGE","Id":"abcdABCDefgh","Reason":"` + letters(n) + `"}`
		}), "ERROR 413 "},
		{"Reason of DISCONNECT_USER", 256, frame(func(n int) string {
			return `{"Action":"DISCONNECT_USER","UserId":"bo","Reason":"` + letters(n) + `"}`
		}), "ERROR 413 "},
		{"UserId", 128, frame(func(n int) string {
			return `{"Action":"DISCONNECT_USER","UserId":"` + letters(n) + `"}`
		}), "ERROR 413 "},
		{"Id", 12, frame(func(n int) string {
			return `{"Action":"DELETE_MESSAGE","Id":"` + letters(n) + `"}`
		}), "ERROR 400 "},
		{"frame", 16 << 10, frame(func(n int) string {
			const text = `{"Action":"SEND_MESSAGE","Content":"x"}`
			return text + strings.Repeat(" ", n-len(text))
		}), "closed 1009"},
	}
}

// spec: quotas.md §3: the most of each is taken, one more is refused, under every
// profile.
func TestEveryFieldLimit(t *testing.T) {
	for _, row := range append(append(roomRows(), operationFieldRows()...), frameRows()...) {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, stop := quotaServer(t, func(c *config.Config) { c.Quotas = limit.None })
				defer stop()
				p := at("123456789012", "us-west-2")
				if got := row.do(p, row.most); got != "ok" {
					t.Errorf("%d: %s", row.most, got)
				}
				got := row.do(p, row.most+1)
				want := row.over
				if !strings.HasPrefix(want, "ERROR") && !strings.HasPrefix(want, "closed") {
					want = fmt.Sprintf(`"name":"%s`, row.over)
					if !strings.HasPrefix(got, `400 {"__type":"ValidationException"`) || !strings.Contains(got, `"reason":"FIELD_VALIDATION_FAILED"`) {
						t.Errorf("%d: %s", row.most+1, got)
					}
				}
				if !strings.Contains(got, want) {
					t.Errorf("%d: %s, want %s", row.most+1, got, want)
				}
			})
		})
	}
}

// What is not a field: bodies, tokens and their lifetimes.
func TestLimitsOfRequestsAndTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, stop := quotaServer(t, func(c *config.Config) { c.Quotas, c.MaxBody = limit.None, 64<<10 })
		defer stop()
		p := at("123456789012", "us-west-2")
		tags := map[string]string{}
		for i := range 50 { // the most that a body can be of use for
			tags[fmt.Sprintf("%02d", i)+strings.Repeat("é", 126)] = strings.Repeat("é", 256)
		}
		if got := p.called(p.client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Tags: tags})); got != "ok" {
			t.Errorf("fifty long tags: %s", got)
		}
		p.called(p.client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Name: new(letters(64 << 10))}))
		if p.last.status != http.StatusRequestEntityTooLarge {
			t.Errorf("a body over 64 KiB: %d %s", p.last.status, p.last.body)
		}
		out, err := p.client.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{
			RoomIdentifier: p.room("a").Arn, UserID: letters(128), Attributes: attributes(1024),
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Token) >= 4<<10 {
			t.Errorf("a token of %d bytes", len(out.Token))
		}
		if got := time.Until(out.TokenExpirationTime).Round(time.Second); got != time.Minute {
			t.Errorf("the token is valid for %s", got)
		}
		if got := time.Until(out.SessionExpirationTime).Round(time.Second); got != time.Hour {
			t.Errorf("the session lasts %s", got)
		}
		room, err := p.client.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
		if err != nil || room.MaximumMessageRatePerSecond != 10 || room.MaximumMessageLength != 500 {
			t.Errorf("a room's defaults: %+v, %v", room, err)
		}
		for _, length := range []int{1024, 1025} {
			got := p.called(p.client.ListRooms(t.Context(), &ivschat.ListRoomsInput{NextToken: new(letters(length))}))
			if !strings.Contains(got, `"name":"nextToken"`) || strings.Contains(got, "1024") != (length > 1024) {
				t.Errorf("a page token of %d: %s", length, got)
			}
		}
	})
}

// What a message review handler may take and say; beyond it the fallback result
// decides (spec: quotas.md §2, §3).
func TestLimitsOfReviews(t *testing.T) {
	answers := map[string]any{
		"most attributes":          verdict{"ALLOW", "changed", attributes(1024)},
		"one byte more attributes": verdict{"ALLOW", "changed", attributes(1025)},
		"longest content":          verdict{"ALLOW", letters(500), nil},
		"longer content":           verdict{"ALLOW", letters(501), nil},
	}
	r := start(t, func(c *config.Config) {
		handlers(t, func(e event) any { return answers[e.Content] })(c)
		c.Quotas = limit.None
	})
	ana := r.connect(r.reviewed(ivschat.FallbackResultAllow), "ana")
	bo := r.connect(r.reviewed(ivschat.FallbackResultDeny), "bo")
	for content, want := range map[string]string{
		"most attributes": "changed", "one byte more attributes": "", "longest content": letters(500), "longer content": "",
	} {
		denied := want == ""
		r.say(bo, "r", content)
		if got := r.read(bo); got.Content != want || (got.ErrorCode == 406) != denied {
			t.Errorf("%s, fallback DENY: %+v", content, got)
		}
		if denied {
			want = content
		}
		r.say(ana, "r", content)
		if got := r.read(ana); got.Content != want {
			t.Errorf("%s, fallback ALLOW: %+v", content, got)
		}
	}
}

// A handler that does not answer in time is done without.
func TestAReviewThatTakesTooLong(t *testing.T) {
	over := make(chan struct{})
	r := start(t, func(c *config.Config) {
		timeout := c.ReviewTimeout // the default
		if timeout != 200*time.Millisecond {
			t.Errorf("reviews may take %s", timeout)
		}
		handlers(t, func(event) any { <-over; return nil })(c)
		c.ReviewTimeout = timeout
	})
	t.Cleanup(func() { close(over) }) // before the handlers' server waits for its requests
	ana := r.connect(r.reviewed(ivschat.FallbackResultAllow), "ana")
	r.say(ana, "r", "hello")
	if got := r.read(ana); got.Content != "hello" {
		t.Errorf("fallback ALLOW: %+v", got)
	}
	bo := r.connect(r.reviewed(ivschat.FallbackResultDeny), "bo")
	r.say(bo, "r", "hello")
	if got := r.read(bo); got.ErrorCode != 406 {
		t.Errorf("fallback DENY: %+v", got)
	}
}
