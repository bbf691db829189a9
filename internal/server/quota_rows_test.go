package server_test

import (
	"fmt"

	"github.com/parleychat/parley/ivschat"
)

const throttledFrame = "ERROR 429 rate limit exceeded"

func throttledBody(resourceID, resourceType string, most int) string {
	return fmt.Sprintf(`429 {"__type":"ThrottlingException","limit":%d,"message":"Rate exceeded","resourceId":%q,"resourceType":%q}`, most, resourceID, resourceType)
}

// quotaRow is a quota of spec/quotas.md §1 and §2.
type quotaRow struct {
	setting string
	most    int
	// do does what is counted, for the n-th time; all but those within the quota
	// are answered with refused.
	do      func(p *place, n int) string
	refused func(p *place, n int) string
	// free makes room for one more; a rate does so by itself within a second.
	free func(p *place)
}

func always(text string) func(*place, int) string { return func(*place, int) string { return text } }

func quotaRows() []quotaRow {
	var removable string // the ARN of the latest that was made
	moderate := func(operation func(p *place) string, request string) func(*place, int) string {
		return func(p *place, n int) string { // from the control plane and from a session in turn
			if n%2 == 0 {
				return operation(p)
			}
			return p.ask(p.room("a"), "mod", request)
		}
	}
	bothPlanes := func(p *place, n int) string {
		if n%2 == 0 {
			return throttledBody(p.room("a").ID, "ROOM", 3)
		}
		return throttledFrame
	}
	return []quotaRow{
		{setting: "rooms", most: 2,
			do: func(p *place, _ int) string {
				out, err := p.client.CreateRoom(p.t.Context(), &ivschat.CreateRoomInput{})
				if err == nil {
					removable = out.Arn
				}
				return p.called(out, err)
			},
			refused: always(`402 {"__type":"ServiceQuotaExceededException","limit":2,"message":"The maximum number of rooms has been reached.","resourceId":"","resourceType":"ROOM"}`),
			free: func(p *place) {
				if got := p.called(p.client.DeleteRoom(p.t.Context(), &ivschat.DeleteRoomInput{Identifier: removable})); got != "ok" {
					p.t.Error(got)
				}
			}},
		{setting: "logging-configurations", most: 2,
			do: func(p *place, n int) string {
				out, err := p.client.CreateLoggingConfiguration(p.t.Context(), &ivschat.CreateLoggingConfigurationInput{
					DestinationConfiguration: bucketNamed(fmt.Sprintf("bucket-%d", n))})
				if err == nil {
					removable = out.Arn
				}
				return p.called(out, err)
			},
			refused: always(`402 {"__type":"ServiceQuotaExceededException","limit":2,"message":"The maximum number of logging configurations has been reached.","resourceId":"","resourceType":"LOGGING_CONFIGURATION"}`),
			free: func(p *place) {
				if got := p.called(p.client.DeleteLoggingConfiguration(p.t.Context(), &ivschat.DeleteLoggingConfigurationInput{Identifier: removable})); got != "ok" {
					p.t.Error(got)
				}
			}},
		{setting: "connections", most: 2,
			do: func(p *place, n int) string {
				return p.connect(p.room(fmt.Sprint("r", n)), fmt.Sprint("viewer", n))
			},
			refused: always("unexpected HTTP response status: 429 ServiceQuotaExceededException"),
			free:    func(p *place) { p.people["viewer0"].conn.Close() }},
		{setting: "send-message", most: 3, // over all rooms and sessions
			do: func(p *place, n int) string {
				return p.say(fmt.Sprint("r", n%2), fmt.Sprint("ana", n%2))
			},
			refused: always(throttledFrame)},
		{setting: "room-messages", most: 3, // of all sessions of a room
			do:      func(p *place, n int) string { return p.say("a", fmt.Sprint("ana", n%2)) },
			refused: always(throttledFrame)},
		{setting: "connection-requests", most: 3, // of all actions
			do: func(p *place, n int) string {
				if n%2 == 0 {
					return p.say("a", "ana")
				}
				return p.ask(p.room("a"), "ana", `{"Action":"DELETE_MESSAGE","Id":"abcdABCDefgh"}`)
			},
			refused: always(throttledFrame)},
		{setting: "delete-message", most: 3, refused: bothPlanes,
			do: moderate(func(p *place) string {
				return p.called(p.client.DeleteMessage(p.t.Context(), &ivschat.DeleteMessageInput{RoomIdentifier: p.room("a").Arn, ID: "abcdABCDefgh"}))
			}, `{"Action":"DELETE_MESSAGE","Id":"abcdABCDefgh"}`)},
		{setting: "disconnect-user", most: 3, refused: bothPlanes,
			do: moderate(func(p *place) string {
				return p.called(p.client.DisconnectUser(p.t.Context(), &ivschat.DisconnectUserInput{RoomIdentifier: p.room("a").Arn, UserID: "bo"}))
			}, `{"Action":"DISCONNECT_USER","UserId":"bo"}`)},
	}
}

// operationRows has a row for the call rate of each operation.
func operationRows() []quotaRow {
	const most = 3
	calls := map[string]func(p *place) string{
		"CreateChatToken": func(p *place) string {
			return p.called(p.client.CreateChatToken(p.t.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: p.room("a").Arn, UserID: "ana"}))
		},
		"DeleteMessage": func(p *place) string {
			return p.called(p.client.DeleteMessage(p.t.Context(), &ivschat.DeleteMessageInput{RoomIdentifier: p.room("a").Arn, ID: "abcdABCDefgh"}))
		},
		"DisconnectUser": func(p *place) string {
			return p.called(p.client.DisconnectUser(p.t.Context(), &ivschat.DisconnectUserInput{RoomIdentifier: p.room("a").Arn, UserID: "bo"}))
		},
		"SendEvent": func(p *place) string {
			return p.called(p.client.SendEvent(p.t.Context(), &ivschat.SendEventInput{RoomIdentifier: p.room("a").Arn, EventName: "app:x"}))
		},
		"CreateRoom": func(p *place) string {
			return p.called(p.client.CreateRoom(p.t.Context(), &ivschat.CreateRoomInput{}))
		},
		"GetRoom": func(p *place) string {
			return p.called(p.client.GetRoom(p.t.Context(), &ivschat.GetRoomInput{Identifier: p.room("a").Arn}))
		},
		"UpdateRoom": func(p *place) string {
			return p.called(p.client.UpdateRoom(p.t.Context(), &ivschat.UpdateRoomInput{Identifier: p.room("a").Arn}))
		},
		"DeleteRoom": func(p *place) string {
			room, err := p.server.Service().CreateRoom(p.ctx, &ivschat.CreateRoomInput{})
			if err != nil {
				p.t.Fatal(err)
			}
			return p.called(p.client.DeleteRoom(p.t.Context(), &ivschat.DeleteRoomInput{Identifier: room.Arn}))
		},
		"ListRooms": func(p *place) string {
			return p.called(p.client.ListRooms(p.t.Context(), &ivschat.ListRoomsInput{}))
		},
		"CreateLoggingConfiguration": func(p *place) string {
			return p.called(p.client.CreateLoggingConfiguration(p.t.Context(), &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: bucketNamed("a-bucket")}))
		},
		"GetLoggingConfiguration": func(p *place) string {
			return p.called(p.client.GetLoggingConfiguration(p.t.Context(), &ivschat.GetLoggingConfigurationInput{Identifier: p.logging().Arn}))
		},
		"UpdateLoggingConfiguration": func(p *place) string {
			return p.called(p.client.UpdateLoggingConfiguration(p.t.Context(), &ivschat.UpdateLoggingConfigurationInput{Identifier: p.logging().Arn, Name: new("name")}))
		},
		"DeleteLoggingConfiguration": func(p *place) string {
			p.config = nil
			return p.called(p.client.DeleteLoggingConfiguration(p.t.Context(), &ivschat.DeleteLoggingConfigurationInput{Identifier: p.logging().Arn}))
		},
		"ListLoggingConfigurations": func(p *place) string {
			return p.called(p.client.ListLoggingConfigurations(p.t.Context(), &ivschat.ListLoggingConfigurationsInput{}))
		},
		"ListTagsForResource": func(p *place) string {
			return p.called(p.client.ListTagsForResource(p.t.Context(), &ivschat.ListTagsForResourceInput{ResourceArn: p.room("a").Arn}))
		},
		"TagResource": func(p *place) string {
			return p.called(p.client.TagResource(p.t.Context(), &ivschat.TagResourceInput{ResourceArn: p.room("a").Arn, Tags: map[string]string{"k": "v"}}))
		},
		"UntagResource": func(p *place) string {
			return p.called(p.client.UntagResource(p.t.Context(), &ivschat.UntagResourceInput{ResourceArn: p.room("a").Arn, TagKeys: []string{"k"}}))
		},
	}
	var rows []quotaRow
	for _, operation := range ivschat.Operations() {
		kind := "ROOM"
		switch operation.Name {
		case "CreateLoggingConfiguration", "GetLoggingConfiguration", "UpdateLoggingConfiguration", "DeleteLoggingConfiguration", "ListLoggingConfigurations":
			kind = "LOGGING_CONFIGURATION"
		}
		rows = append(rows, quotaRow{
			setting: "api." + operation.Name, most: most,
			do:      func(p *place, _ int) string { return calls[operation.Name](p) },
			refused: always(throttledBody("", kind, most)),
		})
	}
	return rows
}
