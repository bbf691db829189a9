package messaging

import (
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The types of frames a server sends.
const (
	TypeMessage = "MESSAGE"
	TypeEvent   = "EVENT"
	TypeError   = "ERROR"
)

// The system events.
const (
	EventDeleteMessage  = "aws:DELETE_MESSAGE"
	EventDisconnectUser = "aws:DISCONNECT_USER"
)

// ErrorCode says why a request was refused. The set is closed: the official
// SDKs know no other.
type ErrorCode int

// The error codes.
const (
	ErrorInvalid      ErrorCode = 400 // malformed or invalid request
	ErrorExpired      ErrorCode = 401 // the session has ended: get a new token
	ErrorForbidden    ErrorCode = 403 // the token lacks the capability
	ErrorRoomNotFound ErrorCode = 404 // the room was deleted
	ErrorRejected     ErrorCode = 406 // the message review handler said no
	ErrorTooLarge     ErrorCode = 413 // a field is too large
	ErrorThrottled    ErrorCode = 429 // too many requests
	ErrorInternal     ErrorCode = 500 // the service failed
)

// Texts that clients compare byte for byte (spec: messaging.md §3 ERROR).
const (
	TextTooLong   = "Message exceeds maximum length"
	TextThrottled = "rate limit exceeded"
)

// Error is an ERROR frame: the answer to one request, or with RequestID "" to none.
type Error struct {
	ID        string
	RequestID string
	Code      ErrorCode
	Message   string
}

func (e *Error) Error() string {
	return "messaging error " + strconv.Itoa(int(e.Code)) + ": " + e.Message
}

// Sender is who sent a message.
type Sender struct {
	UserID     string
	Attributes map[string]string
}

// Message is a MESSAGE frame.
type Message struct {
	ID         string
	RequestID  string
	Attributes map[string]string
	Content    string
	SendTime   time.Time
	Sender     Sender
}

// Event is an EVENT frame.
type Event struct {
	ID         string
	RequestID  string
	Name       string
	Attributes map[string]string
	SendTime   time.Time
}

// DeleteMessageEvent returns the event that tells clients to drop a message.
// MessageID is the deprecated spelling, and the only one the JS SDK reads.
func DeleteMessageEvent(messageID, reason string) Event {
	return Event{Name: EventDeleteMessage, Attributes: map[string]string{
		"MessageID": messageID, "MessageId": messageID, "Reason": reason,
	}}
}

// DisconnectUserEvent returns the event that precedes the end of a user's connections.
func DisconnectUserEvent(userID, reason string) Event {
	return Event{Name: EventDisconnectUser, Attributes: map[string]string{"Reason": reason, "UserId": userID}}
}

// timeLayout always has nine digits: clients that want a fraction get one.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// Append appends the frame's JSON to dst, members in the service's order.
// Strings must be valid UTF-8.
func (m *Message) Append(dst []byte) []byte {
	const fixed = len(`{"Type":"MESSAGE","Id":"","RequestId":"","Attributes":,"Content":"","SendTime":"","Sender":{"UserId":"","Attributes":}}`) + len(timeLayout)
	const escapes = 16 // as many quotes and line breaks fit at once
	dst = slices.Grow(dst, fixed+len(m.ID)+len(m.RequestID)+size(m.Attributes)+
		len(m.Content)+escapes+len(m.Sender.UserID)+size(m.Sender.Attributes))
	dst = append(dst, `{"Type":"MESSAGE","Id":`...)
	dst = appendString(dst, m.ID)
	dst = append(dst, `,"RequestId":`...)
	dst = appendString(dst, m.RequestID)
	dst = append(dst, `,"Attributes":`...)
	dst = appendMap(dst, m.Attributes)
	dst = append(dst, `,"Content":`...)
	dst = appendString(dst, m.Content)
	dst = append(dst, `,"SendTime":"`...)
	dst = m.SendTime.UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, `","Sender":{"UserId":`...)
	dst = appendString(dst, m.Sender.UserID)
	dst = append(dst, `,"Attributes":`...)
	// Browser clients read Sender.Attributes without asking: never null.
	if m.Sender.Attributes == nil {
		return append(dst, `{}}}`...)
	}
	dst = appendMap(dst, m.Sender.Attributes)
	return append(dst, '}', '}')
}

// Append appends the frame's JSON to dst, members in the service's order.
// Strings must be valid UTF-8.
func (e *Event) Append(dst []byte) []byte {
	const fixed = len(`{"Type":"EVENT","Id":"","RequestId":"","EventName":"","Attributes":,"SendTime":""}`) + len(timeLayout)
	dst = slices.Grow(dst, fixed+len(e.ID)+len(e.RequestID)+len(e.Name)+size(e.Attributes))
	dst = append(dst, `{"Type":"EVENT","Id":`...)
	dst = appendString(dst, e.ID)
	dst = append(dst, `,"RequestId":`...)
	dst = appendString(dst, e.RequestID)
	dst = append(dst, `,"EventName":`...)
	dst = appendString(dst, e.Name)
	dst = append(dst, `,"Attributes":`...)
	dst = appendMap(dst, e.Attributes)
	dst = append(dst, `,"SendTime":"`...)
	dst = e.SendTime.UTC().AppendFormat(dst, timeLayout)
	return append(dst, '"', '}')
}

// Append appends the frame's JSON to dst. All five members are always there:
// the JS SDK drops an ERROR that lacks one, and its promise never settles.
func (e *Error) Append(dst []byte) []byte {
	dst = append(dst, `{"Type":"ERROR","Id":`...)
	dst = appendString(dst, e.ID)
	dst = append(dst, `,"RequestId":`...)
	dst = appendString(dst, e.RequestID)
	dst = append(dst, `,"ErrorCode":`...)
	dst = strconv.AppendInt(dst, int64(e.Code), 10)
	dst = append(dst, `,"ErrorMessage":`...)
	dst = appendString(dst, e.Message)
	return append(dst, '}')
}

func appendString(dst []byte, s string) []byte {
	// The only error is invalid UTF-8, for which it has appended replacement characters.
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

func appendMap(dst []byte, m map[string]string) []byte {
	if m == nil {
		return append(dst, "null"...)
	}
	var few [8]string // so that the usual map leaves no garbage
	keys := few[:0]
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, key)
		dst = append(dst, ':')
		dst = appendString(dst, m[key])
	}
	return append(dst, '}')
}

// size is about the bytes of m as JSON.
func size(m map[string]string) int {
	n := len("null")
	for key, value := range m {
		n += len(key) + len(value) + len(`"":"",`)
	}
	return n
}
