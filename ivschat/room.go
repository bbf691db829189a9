package ivschat

import (
	"time"

	"github.com/parleychat/parley/internal/arn"
)

// FallbackResult decides a message whose review handler gave no valid answer.
type FallbackResult string

// The fallback results. The default is FallbackResultAllow.
const (
	FallbackResultAllow FallbackResult = "ALLOW"
	FallbackResultDeny  FallbackResult = "DENY"
)

// MessageReviewHandler is the function that reviews each message of a room
// before it is sent.
type MessageReviewHandler struct {
	// URI is a Lambda function's ARN, 0–170 characters; "" takes the handler away.
	URI *string `json:"uri,omitzero"`
	// FallbackResult is ALLOW (default) or DENY.
	FallbackResult *FallbackResult `json:"fallbackResult,omitzero"`
}

// Room is a chat room. Spec: control-plane.md §2.
type Room struct {
	Arn                             string                `json:"arn"`
	ID                              string                `json:"id"`
	Name                            string                `json:"name"`
	CreateTime                      time.Time             `json:"createTime"`
	UpdateTime                      time.Time             `json:"updateTime"`
	MaximumMessageRatePerSecond     int32                 `json:"maximumMessageRatePerSecond"`
	MaximumMessageLength            int32                 `json:"maximumMessageLength"`
	MessageReviewHandler            *MessageReviewHandler `json:"messageReviewHandler,omitzero"` // absent for a room that never had one
	Tags                            map[string]string     `json:"tags"`
	LoggingConfigurationIdentifiers []string              `json:"loggingConfigurationIdentifiers"`
}

// RoomSummary is a Room as ListRooms shows it: without its two maxima.
type RoomSummary struct {
	Arn                             string                `json:"arn"`
	ID                              string                `json:"id"`
	Name                            string                `json:"name"`
	MessageReviewHandler            *MessageReviewHandler `json:"messageReviewHandler,omitzero"`
	CreateTime                      time.Time             `json:"createTime"`
	UpdateTime                      time.Time             `json:"updateTime"`
	Tags                            map[string]string     `json:"tags"`
	LoggingConfigurationIdentifiers []string              `json:"loggingConfigurationIdentifiers"`
}

// Summary returns the room as ListRooms shows it.
func (r *Room) Summary() RoomSummary {
	return RoomSummary{
		Arn: r.Arn, ID: r.ID, Name: r.Name, MessageReviewHandler: r.MessageReviewHandler,
		CreateTime: r.CreateTime, UpdateTime: r.UpdateTime, Tags: r.Tags,
		LoggingConfigurationIdentifiers: r.LoggingConfigurationIdentifiers,
	}
}

// CreateRoomInput makes a room. Spec: control-plane.md §2.1.
type CreateRoomInput struct {
	// Name is 0–128 of letters, digits, '-' and '_'; need not be unique.
	Name *string `json:"name,omitzero"`
	// MaximumMessageRatePerSecond is 1–100, default 10.
	MaximumMessageRatePerSecond *int32 `json:"maximumMessageRatePerSecond,omitzero"`
	// MaximumMessageLength is 1–500 Unicode code points, default 500.
	MaximumMessageLength *int32 `json:"maximumMessageLength,omitzero"`
	// MessageReviewHandler reviews each message; none by default.
	MessageReviewHandler *MessageReviewHandler `json:"messageReviewHandler,omitzero"`
	// Tags is at most 50; keys 1–128, values 0–256 characters.
	Tags map[string]string `json:"tags,omitzero"`
	// LoggingConfigurationIdentifiers is at most 3 ARNs of ACTIVE logging configurations.
	LoggingConfigurationIdentifiers []string `json:"loggingConfigurationIdentifiers,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *CreateRoomInput) Validate() []ValidationExceptionField {
	var c check
	c.name("name", in.Name)
	c.bounds("maximumMessageRatePerSecond", in.MaximumMessageRatePerSecond, 1, 100)
	c.bounds("maximumMessageLength", in.MaximumMessageLength, 1, 500)
	c.handler("messageReviewHandler", in.MessageReviewHandler)
	c.tags("tags", in.Tags)
	c.loggingConfigurations("loggingConfigurationIdentifiers", in.LoggingConfigurationIdentifiers)
	return c.fields
}

// GetRoomInput names a room by ARN. Spec: control-plane.md §2.2.
type GetRoomInput struct {
	// Identifier is the room's ARN. Required.
	Identifier string `json:"identifier"`
}

// Validate returns every member that breaks a rule.
func (in *GetRoomInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("identifier", in.Identifier, arn.Room)
	return c.fields
}

// UpdateRoomInput changes a room: nil members keep their value. Spec: control-plane.md §2.3.
type UpdateRoomInput struct {
	// Identifier is the room's ARN. Required.
	Identifier string `json:"identifier"`
	// Name is as in CreateRoomInput; "" clears it.
	Name *string `json:"name,omitzero"`
	// MaximumMessageRatePerSecond is 1–100.
	MaximumMessageRatePerSecond *int32 `json:"maximumMessageRatePerSecond,omitzero"`
	// MaximumMessageLength is 1–500 Unicode code points.
	MaximumMessageLength *int32 `json:"maximumMessageLength,omitzero"`
	// MessageReviewHandler's members replace the room's one by one.
	MessageReviewHandler *MessageReviewHandler `json:"messageReviewHandler,omitzero"`
	// LoggingConfigurationIdentifiers replaces the whole list; empty and not nil detaches all.
	LoggingConfigurationIdentifiers []string `json:"loggingConfigurationIdentifiers,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *UpdateRoomInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("identifier", in.Identifier, arn.Room)
	c.name("name", in.Name)
	c.bounds("maximumMessageRatePerSecond", in.MaximumMessageRatePerSecond, 1, 100)
	c.bounds("maximumMessageLength", in.MaximumMessageLength, 1, 500)
	c.handler("messageReviewHandler", in.MessageReviewHandler)
	c.loggingConfigurations("loggingConfigurationIdentifiers", in.LoggingConfigurationIdentifiers)
	return c.fields
}

// DeleteRoomInput names a room by ARN. Spec: control-plane.md §2.4.
type DeleteRoomInput struct {
	// Identifier is the room's ARN. Required.
	Identifier string `json:"identifier"`
}

// Validate returns every member that breaks a rule.
func (in *DeleteRoomInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("identifier", in.Identifier, arn.Room)
	return c.fields
}

// DeleteRoomOutput has no members.
type DeleteRoomOutput struct{}

// ListRoomsInput asks for a page of rooms; the filters are ANDed. Spec: control-plane.md §2.5.
type ListRoomsInput struct {
	// Name is the exact name of the rooms wanted.
	Name *string `json:"name,omitzero"`
	// NextToken is the page token of the answer before; absent or "" asks for the first page.
	NextToken *string `json:"nextToken,omitzero"`
	// MaxResults is 1–50, default 50.
	MaxResults *int32 `json:"maxResults,omitzero"`
	// MessageReviewHandlerURI is the exact handler URI of the rooms wanted.
	MessageReviewHandlerURI *string `json:"messageReviewHandlerUri,omitzero"`
	// LoggingConfigurationIdentifier is the ARN of a logging configuration the rooms wanted are attached to.
	LoggingConfigurationIdentifier *string `json:"loggingConfigurationIdentifier,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *ListRoomsInput) Validate() []ValidationExceptionField {
	var c check
	c.name("name", in.Name)
	c.nextToken("nextToken", in.NextToken)
	c.bounds("maxResults", in.MaxResults, 1, 50)
	c.lambdaARN("messageReviewHandlerUri", in.MessageReviewHandlerURI)
	if in.LoggingConfigurationIdentifier != nil {
		c.arn("loggingConfigurationIdentifier", *in.LoggingConfigurationIdentifier, arn.LoggingConfiguration)
	}
	return c.fields
}

// ListRoomsOutput is a page of rooms; NextToken is nil on the last.
type ListRoomsOutput struct {
	Rooms     []RoomSummary `json:"rooms"`
	NextToken *string       `json:"nextToken,omitzero"`
}
