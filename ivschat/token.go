package ivschat

import (
	"time"

	"github.com/parleychat/parley/internal/arn"
)

// Capability is what a chat token lets its user do besides receiving.
type Capability string

// The capabilities.
const (
	CapabilitySendMessage    Capability = "SEND_MESSAGE"
	CapabilityDeleteMessage  Capability = "DELETE_MESSAGE"
	CapabilityDisconnectUser Capability = "DISCONNECT_USER"
)

// CreateChatTokenInput issues a chat token. Spec: control-plane.md §4.1.
type CreateChatTokenInput struct {
	// RoomIdentifier is the room's ARN. Required.
	RoomIdentifier string `json:"roomIdentifier"`
	// UserID is 1–128 characters of any text. Required.
	UserID string `json:"userId"`
	// Capabilities is what the user may do; receiving is always allowed.
	Capabilities []Capability `json:"capabilities,omitzero"`
	// SessionDurationInMinutes is 1–180, default 60.
	SessionDurationInMinutes *int32 `json:"sessionDurationInMinutes,omitzero"`
	// Attributes go with every message of the user: 1 KB of keys and values in all.
	Attributes map[string]string `json:"attributes,omitzero"`
}

// MaxTokenAttributes is the most bytes, keys and values in UTF-8, that a chat
// token's or a message's attributes may have.
const MaxTokenAttributes = 1024

// maxCapabilities is the longest list of capabilities, of which there are three.
const maxCapabilities = 50

// Validate returns every member that breaks a rule.
func (in *CreateChatTokenInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("roomIdentifier", in.RoomIdentifier, arn.Room)
	c.requiredLength("userId", in.UserID, 1, 128)
	c.capabilities("capabilities", in.Capabilities)
	c.bounds("sessionDurationInMinutes", in.SessionDurationInMinutes, 1, 180)
	c.attributes("attributes", in.Attributes, MaxTokenAttributes)
	return c.fields
}

// CreateChatTokenOutput is a chat token for one connection.
type CreateChatTokenOutput struct {
	Token                 string    `json:"token"`
	TokenExpirationTime   time.Time `json:"tokenExpirationTime"`   // until when a connection can be opened
	SessionExpirationTime time.Time `json:"sessionExpirationTime"` // until when that connection may last
}
