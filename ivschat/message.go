package ivschat

import "github.com/parleychat/parley/internal/arn"

// SendEventInput sends an application event. Spec: control-plane.md §4.2.
type SendEventInput struct {
	// RoomIdentifier is the room's ARN. Required.
	RoomIdentifier string `json:"roomIdentifier"`
	// EventName is 1–100 characters. Names that begin with "aws:" are the
	// service's own. Required.
	EventName string `json:"eventName"`
	// Attributes go with the event: 4 KB of keys and values in all, or what the
	// server is set to take.
	Attributes map[string]string `json:"attributes,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *SendEventInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("roomIdentifier", in.RoomIdentifier, arn.Room)
	c.requiredLength("eventName", in.EventName, 1, 100)
	return c.fields
}

// SendEventOutput names the event.
type SendEventOutput struct {
	ID string `json:"id"`
}

// DeleteMessageInput tells a room's clients to drop a message. Spec: control-plane.md §4.3.
type DeleteMessageInput struct {
	// RoomIdentifier is the room's ARN. Required.
	RoomIdentifier string `json:"roomIdentifier"`
	// ID is the message's, 12 letters and digits. Required.
	ID string `json:"id"`
	// Reason is 1–256 characters.
	Reason *string `json:"reason,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *DeleteMessageInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("roomIdentifier", in.RoomIdentifier, arn.Room)
	c.messageID("id", in.ID)
	c.reason("reason", in.Reason)
	return c.fields
}

// DeleteMessageOutput names the operation, not the message deleted.
type DeleteMessageOutput struct {
	ID string `json:"id"`
}

// DisconnectUserInput ends a user's connections to a room. Spec: control-plane.md §4.4.
type DisconnectUserInput struct {
	// RoomIdentifier is the room's ARN. Required.
	RoomIdentifier string `json:"roomIdentifier"`
	// UserID is 1–128 characters. Required.
	UserID string `json:"userId"`
	// Reason is 1–256 characters.
	Reason *string `json:"reason,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *DisconnectUserInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("roomIdentifier", in.RoomIdentifier, arn.Room)
	c.requiredLength("userId", in.UserID, 1, 128)
	c.reason("reason", in.Reason)
	return c.fields
}

// DisconnectUserOutput has no members.
type DisconnectUserOutput struct{}
