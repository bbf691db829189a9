package messaging

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Frame is what a server sends: a [*Message], an [*Event] or an [*Error].
type Frame interface {
	// Append appends the frame's JSON to dst.
	Append(dst []byte) []byte
	ids() (id, requestID string)
}

func (m *Message) ids() (id, requestID string) { return m.ID, m.RequestID }
func (e *Event) ids() (id, requestID string)   { return e.ID, e.RequestID }
func (e *Error) ids() (id, requestID string)   { return e.ID, e.RequestID }

// ErrUnknownType says that a frame is of a type this package does not know.
var ErrUnknownType = errors.New("unknown type of frame")

// received has the members of every type. Type may come last, so all are read.
type received struct {
	Type         string
	ID           string `json:"Id"`
	RequestID    string `json:"RequestId"`
	Attributes   map[string]string
	Content      string
	SendTime     string
	EventName    string
	ErrorCode    *int
	ErrorMessage string
	Sender       struct {
		UserID     string `json:"UserId"`
		Attributes map[string]string
	}
}

// ParseFrame reads a frame from the server, of this project or of AWS: members
// in any order, null for absent, times with any number of digits, and unknown
// members are accepted. It keeps nothing of text. The error is [ErrUnknownType]
// or says what is wrong without quoting the frame.
func ParseFrame(text []byte) (Frame, error) {
	var r received
	err := json.Unmarshal(text, &r,
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // as lenient as the browser's parser
	if err != nil {
		return nil, undecodable(err)
	}
	switch r.Type {
	case TypeMessage, TypeEvent:
		return r.entry()
	case TypeError:
		if r.ErrorCode == nil {
			return nil, errors.New("frame has no ErrorCode")
		}
		return &Error{ID: r.ID, RequestID: r.RequestID, Code: ErrorCode(*r.ErrorCode), Message: r.ErrorMessage}, nil
	case "":
		return nil, errors.New("frame has no Type")
	}
	return nil, ErrUnknownType
}

func (r *received) entry() (Frame, error) {
	if r.ID == "" {
		return nil, errors.New("frame has no Id")
	}
	sent, err := parseTime(r.SendTime)
	switch {
	case err != nil:
		return nil, errors.New("frame has a SendTime that is no time")
	case r.Type == TypeMessage:
		return &Message{
			ID: r.ID, RequestID: r.RequestID, Attributes: r.Attributes, Content: r.Content, SendTime: sent,
			Sender: Sender{UserID: r.Sender.UserID, Attributes: r.Sender.Attributes},
		}, nil
	case r.EventName == "":
		return nil, errors.New("frame has no EventName")
	}
	return &Event{ID: r.ID, RequestID: r.RequestID, Name: r.EventName, Attributes: r.Attributes, SendTime: sent}, nil
}

func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t.UTC(), err
}

// undecodable says where decoding failed: a decoder's own words may quote content.
func undecodable(err error) error {
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("frame has a member of the wrong type at byte %d", e.ByteOffset)
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("frame is not valid JSON at byte %d", e.ByteOffset)
	}
	return errors.New("frame is not valid JSON")
}
