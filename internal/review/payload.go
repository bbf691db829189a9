package review

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/parleychat/parley/ivschat"
)

// maxAnswer bounds what is read of an answer. A good one has at most 500 code
// points of content and 1 KiB of attributes.
const maxAnswer = 64 << 10

// payload is what handlers are sent (spec: review-handler.md §2).
type payload struct {
	Content    string
	MessageId  string
	RoomArn    string
	Attributes map[string]string
	Sender     payloadSender
}

type payloadSender struct {
	Attributes map[string]string
	UserId     string
	Ip         string
}

// encode writes {} for attributes that are not there: handlers written for IVS
// Chat look into them without asking.
func (q *Request) encode() ([]byte, error) {
	return json.Marshal(payload{
		Content: q.Content, MessageId: q.MessageID, RoomArn: q.RoomARN, Attributes: q.Attributes,
		Sender: payloadSender{Attributes: q.Sender.Attributes, UserId: q.Sender.UserID, Ip: q.Sender.IP},
	})
}

// answer is what handlers return (spec: review-handler.md §3). Other members
// are ignored.
type answer struct {
	ReviewResult string
	Content      *string
	Attributes   map[string]*string
}

// parse reads the answer to a request. A verdict has nothing in it that a
// message could not have had. What a DENY says of the content does not matter:
// a handler that denies is not turned into one that failed, which might allow.
func parse(body []byte, q *Request) (Verdict, *Error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return Verdict{}, invalid("the answer is not a JSON object with the members of an answer")
	}
	attributes, err := a.attributes()
	if err != nil {
		return Verdict{}, err
	}
	switch a.ReviewResult {
	case "DENY":
		return Verdict{Deny: true, Reason: attributes["Reason"]}, nil
	case "ALLOW":
	case "":
		return Verdict{}, invalid("ReviewResult is missing")
	default:
		return Verdict{}, invalid("ReviewResult is neither ALLOW nor DENY")
	}
	if a.Content == nil {
		return Verdict{}, invalid("Content is missing")
	}
	if n := utf8.RuneCountInString(*a.Content); n < 1 || n > q.MaxContent {
		return Verdict{}, invalid("Content has %d characters; allowed are 1 to %d", n, q.MaxContent)
	}
	if attributes == nil {
		attributes = q.Attributes
	}
	return Verdict{Content: *a.Content, Attributes: attributes}, nil
}

// attributes returns nil for absent ones, which keep the message's, and an empty
// map for empty ones, which replace them (spec: unknowns.md U-RH-03).
func (a *answer) attributes() (map[string]string, *Error) {
	if a.Attributes == nil {
		return nil, nil
	}
	values := make(map[string]string, len(a.Attributes))
	for name, value := range a.Attributes {
		if value == nil {
			return nil, invalid("an attribute is null")
		}
		values[name] = *value
	}
	if n := ivschat.AttributeBytes(values); n > ivschat.MaxTokenAttributes {
		return nil, invalid("Attributes have %d bytes in all; allowed are %d", n, ivschat.MaxTokenAttributes)
	}
	return values, nil
}

// shorten keeps what an endpoint wrote to a line of a log.
func shorten(s string) string {
	const most = 200
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "?")
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s…", strings.ToValidUTF8(s[:most], ""))
}
