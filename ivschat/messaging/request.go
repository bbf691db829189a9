package messaging

import (
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"

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

// memberNames has the members' names in the order of their bits.
func memberNames() [7]string {
	return [...]string{"Action", "RequestId", "Content", "Attributes", "Id", "UserId", "Reason"}
}

func (m member) String() string { return memberNames()[bits.TrailingZeros(uint(m))] }

// memberOf returns the bit of a name, 0 for one that is not known. Names match
// in any case, since older clients send them so (spec: messaging.md §2).
func memberOf(name quoted) member {
	names := memberNames()
	for i := range names {
		if string(name.raw) == names[i] {
			return 1 << i
		}
	}
	text := name.String()
	for i := range names {
		if strings.EqualFold(text, names[i]) {
			return 1 << i
		}
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
	s := scanner{text: text}
	if s.next() != '{' {
		if s.next() != '[' && !s.scalar() {
			return r, errJSON()
		}
		return r, invalid("frame must be a JSON object")
	}
	s.at++
	fault, ok := r.members(&s)
	if !ok {
		return r, errJSON()
	}
	if !s.end() {
		return r, invalid("frame has data after its JSON object")
	}
	if len(r.RequestID) > MaxRequestID {
		r.RequestID = "" // too long to echo
		return r, tooLarge(fmt.Sprintf("RequestId must be at most %d bytes", MaxRequestID))
	}
	if fault != "" {
		return r, invalid(fault)
	}
	return r, r.checkAction()
}

// members reads the members up to the object's end; fault is the first that is
// wrong with them. Reading goes on after it, for the RequestId.
func (r *Request) members(s *scanner) (fault string, ok bool) {
	var seen member
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return "", false
		}
		name, ok := s.name()
		if !ok {
			return "", false
		}
		bit := memberOf(name)
		wrong, ok := r.read(s, bit)
		if !ok {
			return "", false
		}
		if seen&bit != 0 {
			wrong = "member " + bit.String() + " is there twice"
		}
		seen |= bit
		if fault == "" {
			fault = wrong
		}
	}
	return fault, true
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
func (r *Request) read(s *scanner, bit member) (fault string, ok bool) {
	switch {
	case bit == 0:
		return skip(s)
	case s.next() == 'n': // null is absent
		return "", s.scalar()
	case bit == hasAttributes:
		r.has |= bit
		r.Attributes, fault, ok = readMap(s)
		return fault, ok
	}
	r.has |= bit
	if s.next() != '"' {
		if fault, ok = skip(s); fault == "" {
			fault = bit.String() + " must be a string"
		}
		return fault, ok
	}
	text, ok := s.string()
	if !ok {
		return "", false
	}
	if bit == hasAction {
		r.Action = actionOf(text)
	} else {
		*r.field(bit) = text.String()
	}
	return "", true
}

// actionOf allocates nothing for the actions there are.
func actionOf(text quoted) Action {
	for _, a := range [...]Action{ActionSendMessage, ActionDeleteMessage, ActionDisconnectUser} {
		if string(text.raw) == string(a) {
			return a
		}
	}
	return Action(text.String())
}

func (r *Request) field(bit member) *string {
	switch bit {
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

func readMap(s *scanner) (m map[string]string, fault string, ok bool) {
	if !s.take('{') {
		if fault, ok = skip(s); fault == "" {
			fault = "Attributes must be an object of strings"
		}
		return nil, fault, ok
	}
	m = map[string]string{}
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return nil, "", false
		}
		name, ok := s.name()
		if !ok {
			return nil, "", false
		}
		if s.next() != '"' {
			if _, ok := s.skip(2); !ok {
				return nil, "", false
			}
			fault = "Attributes must be an object of strings"
			continue
		}
		value, ok := s.string()
		if !ok {
			return nil, "", false
		}
		key := name.String()
		if _, twice := m[key]; twice {
			fault = "Attributes has a key twice"
		}
		m[key] = value.String()
	}
	return m, fault, true
}

// skip reads past one member's value; one nested too deeply is a fault.
func skip(s *scanner) (fault string, ok bool) {
	deepest, ok := s.skip(1)
	if deepest > maxDepth {
		fault = fmt.Sprintf("frame is nested deeper than %d", maxDepth)
	}
	return fault, ok
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
