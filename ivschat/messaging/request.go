package messaging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/ivschat"
)

// Action is what a session asks for.
type Action string

// The actions, each allowed by the capability of the same name.
const (
	ActionSendMessage    Action = "SEND_MESSAGE"
	ActionDeleteMessage  Action = "DELETE_MESSAGE"
	ActionDisconnectUser Action = "DISCONNECT_USER"
)

// Limits on the fields of a request (spec: quotas.md §3).
const (
	MaxContent   = 500 // code points; a room may want fewer
	MaxRequestID = 128 // bytes
	MaxUserID    = 128 // code points
	MaxReason    = 256 // code points
	maxDepth     = 8
)

// Request is a frame that a session sends: the members its Action uses, and
// zero values for the others.
type Request struct {
	Action     Action
	RequestID  string
	Content    string            // SEND_MESSAGE
	Attributes map[string]string // SEND_MESSAGE; nil when absent
	ID         string            // DELETE_MESSAGE
	UserID     string            // DISCONNECT_USER
	Reason     string            // DELETE_MESSAGE, DISCONNECT_USER
	has        member            // which members were there and not null
}

type member uint

const (
	hasAction member = 1 << iota
	hasRequestID
	hasContent
	hasAttributes
	hasID
	hasUserID
	hasReason
)

// memberOf returns the bit of a name. Names match in any case, since older
// clients send them so (spec: messaging.md §2).
func memberOf(name string) member {
	switch {
	case strings.EqualFold(name, "Action"):
		return hasAction
	case strings.EqualFold(name, "RequestId"):
		return hasRequestID
	case strings.EqualFold(name, "Content"):
		return hasContent
	case strings.EqualFold(name, "Attributes"):
		return hasAttributes
	case strings.EqualFold(name, "Id"):
		return hasID
	case strings.EqualFold(name, "UserId"):
		return hasUserID
	case strings.EqualFold(name, "Reason"):
		return hasReason
	}
	return 0
}

// ParseRequest reads one frame and keeps nothing of text. It answers for form,
// types and the Action; Check answers for the fields. An error is an *Error
// with code 400 or 413 and an empty ID; the request it comes with has what
// could be read, so that the answer can carry its RequestID.
func ParseRequest(text []byte) (Request, error) {
	var r Request
	if !utf8.Valid(text) {
		return r, invalid("frame is not valid UTF-8")
	}
	// Names are compared here, in any case; half a surrogate pair, which
	// JavaScript makes of an emoji cut in two, becomes U+FFFD as it does in Go.
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	open, err := dec.ReadToken()
	if err != nil {
		return r, errJSON()
	}
	if open.Kind() != '{' {
		return r, invalid("frame must be a JSON object")
	}
	var wrong error // the first member that is wrong; reading goes on for the RequestId
	var seen member
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return r, errJSON()
		}
		bit := memberOf(name.String())
		twice := bit != 0 && seen&bit != 0
		seen |= bit
		fault, err := r.read(dec, bit)
		if err != nil {
			return r, errJSON()
		}
		if twice {
			fault = "member " + r.name(bit) + " is there twice"
		}
		if fault != "" && wrong == nil {
			wrong = invalid(fault)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return r, errJSON()
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return r, invalid("frame has data after its JSON object")
	}
	if len(r.RequestID) > MaxRequestID {
		r.RequestID = "" // too long to echo
		return r, tooLarge(fmt.Sprintf("RequestId must be at most %d bytes", MaxRequestID))
	}
	if wrong == nil {
		wrong = r.checkAction()
	}
	return r, wrong
}

func (r *Request) checkAction() error {
	switch r.Action {
	case ActionSendMessage, ActionDeleteMessage, ActionDisconnectUser:
		return nil
	case "":
		return invalid("Action is required")
	default:
		return invalid("Action must be one of SEND_MESSAGE, DELETE_MESSAGE, DISCONNECT_USER")
	}
}

// read reads one member's value; fault is what is wrong with a value that is
// good JSON.
func (r *Request) read(dec *jsontext.Decoder, bit member) (fault string, err error) {
	switch {
	case bit == 0:
		return skip(dec)
	case dec.PeekKind() == 'n': // null is absent
		_, err := dec.ReadToken()
		return "", err
	case bit == hasAttributes:
		r.has |= bit
		r.Attributes, fault, err = readMap(dec)
		return fault, err
	}
	r.has |= bit
	if kind := dec.PeekKind(); kind != '"' {
		if fault, err := skip(dec); fault != "" || err != nil {
			return fault, err
		}
		return r.name(bit) + " must be a string", nil
	}
	token, err := dec.ReadToken()
	if err != nil {
		return "", err
	}
	*r.field(bit) = token.String()
	return "", nil
}

func (r *Request) field(bit member) *string {
	switch bit {
	case hasAction:
		return (*string)(&r.Action)
	case hasRequestID:
		return &r.RequestID
	case hasContent:
		return &r.Content
	case hasID:
		return &r.ID
	case hasUserID:
		return &r.UserID
	default:
		return &r.Reason
	}
}

func (*Request) name(bit member) string {
	switch bit {
	case hasAction:
		return "Action"
	case hasRequestID:
		return "RequestId"
	case hasContent:
		return "Content"
	case hasID:
		return "Id"
	case hasUserID:
		return "UserId"
	case hasAttributes:
		return "Attributes"
	default:
		return "Reason"
	}
}

func readMap(dec *jsontext.Decoder) (m map[string]string, fault string, err error) {
	if dec.PeekKind() != '{' {
		if fault, err = skip(dec); fault == "" {
			fault = "Attributes must be an object of strings"
		}
		return nil, fault, err
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, "", err
	}
	m = map[string]string{}
	for dec.PeekKind() != '}' {
		key, err := dec.ReadToken()
		if err != nil {
			return nil, "", err
		}
		name := key.String()
		if dec.PeekKind() != '"' {
			if _, err := skip(dec); err != nil {
				return nil, "", err
			}
			fault = "Attributes must be an object of strings"
			continue
		}
		value, err := dec.ReadToken()
		if err != nil {
			return nil, "", err
		}
		if _, twice := m[name]; twice {
			fault = "Attributes has a key twice"
		}
		m[name] = value.String()
	}
	_, err = dec.ReadToken()
	return m, fault, err
}

// skip reads past one value; a value nested too deeply is a fault.
func skip(dec *jsontext.Decoder) (fault string, err error) {
	outer := dec.StackDepth()
	for {
		if _, err := dec.ReadToken(); err != nil {
			return "", err
		}
		depth := dec.StackDepth()
		if depth > maxDepth {
			fault = fmt.Sprintf("frame is nested deeper than %d", maxDepth)
		}
		if depth <= outer {
			return fault, nil
		}
	}
}

// Check returns the *Error for the first field that breaks a rule which needs
// no room to decide (spec: messaging.md §2).
func (r *Request) Check() error {
	switch r.Action {
	case ActionSendMessage:
		switch {
		case r.Content == "":
			return invalid("Content is required")
		case utf8.RuneCountInString(r.Content) > MaxContent:
			return invalid(TextTooLong)
		case ivschat.AttributeBytes(r.Attributes) > ivschat.MaxTokenAttributes:
			return tooLarge(fmt.Sprintf("Attributes must be at most %d bytes in all", ivschat.MaxTokenAttributes))
		}
		return nil
	case ActionDeleteMessage:
		if !id.Valid(r.ID) {
			return invalid("Id must be 12 letters and digits")
		}
	case ActionDisconnectUser:
		switch n := utf8.RuneCountInString(r.UserID); {
		case n == 0:
			return invalid("UserId is required")
		case n > MaxUserID:
			return tooLarge(fmt.Sprintf("UserId must be at most %d characters", MaxUserID))
		}
	}
	if r.has&hasReason != 0 && r.Reason == "" {
		return invalid(fmt.Sprintf("Reason must be 1 to %d characters", MaxReason))
	}
	if utf8.RuneCountInString(r.Reason) > MaxReason {
		return tooLarge(fmt.Sprintf("Reason must be at most %d characters", MaxReason))
	}
	return nil
}

func invalid(message string) *Error  { return &Error{Code: ErrorInvalid, Message: message} }
func tooLarge(message string) *Error { return &Error{Code: ErrorTooLarge, Message: message} }

// errJSON quotes nothing of what the client sent.
func errJSON() *Error { return invalid("frame is not valid JSON") }
