// Package policy decides what an access key may do: it reads IAM policy documents
// of the JSON grammar and evaluates them as IAM does identity-based policies
// (spec: security.md §1). It knows no operation and no resource: who asks gives the
// action, the ARN and the values of condition keys.
package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxSize is the most characters of a document, white space left out, as for
// IAM's managed policies.
const MaxSize = 6144

// Document is a policy. It does not change.
type Document struct {
	variables  bool // of version 2012-10-17: text may refer to condition keys
	statements []statement
}

type statement struct {
	sid          string
	deny         bool
	actions      []pattern
	notActions   bool // actions are those that it is not about
	resources    []pattern
	notResources bool
	conditions   []condition
}

// The document as it is written.
type (
	written struct {
		Version   string
		ID        string `json:"Id"`
		Statement oneOrMore[writtenStatement]
	}
	writtenStatement struct {
		Sid         string
		Effect      string
		Action      *texts
		NotAction   *texts
		Resource    *texts
		NotResource *texts
		Condition   map[string]map[string]texts
	}
	texts = oneOrMore[scalar]
)

// oneOrMore is a value or a list of values.
type oneOrMore[T any] struct{ list []T }

func (o *oneOrMore[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '[' {
		return json.UnmarshalDecode(d, &o.list)
	}
	var one T
	if err := json.UnmarshalDecode(d, &one); err != nil {
		return err
	}
	o.list = []T{one}
	return nil
}

// scalar is a string; of numbers and booleans the text that they are written as.
type scalar string

func (s *scalar) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch kind := d.PeekKind(); kind {
	case '"':
		return json.UnmarshalDecode(d, (*string)(s))
	case '0', 't', 'f':
		text, err := d.ReadValue()
		*s = scalar(text)
		return err
	default:
		return fmt.Errorf("a %s where a string has to be", kind)
	}
}

// Parse reads a document. Its errors name the place.
func Parse(text []byte) (*Document, error) {
	if n := size(text); n > MaxSize {
		return nil, fmt.Errorf("policy: %d characters without white space; %d are allowed", n, MaxSize)
	}
	var w written
	if err := json.Unmarshal(text, &w, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	d := &Document{}
	switch w.Version {
	case "2012-10-17":
		d.variables = true
	case "2008-10-17", "":
	default:
		return nil, fmt.Errorf("policy: Version: %q is neither 2012-10-17 nor 2008-10-17", w.Version)
	}
	if len(w.Statement.list) == 0 {
		return nil, errors.New("policy: Statement: there is none")
	}
	sids := map[string]bool{}
	for i, ws := range w.Statement.list {
		s, err := ws.compile(d.variables)
		if err == nil && ws.Sid != "" && sids[ws.Sid] {
			err = fmt.Errorf("%s: %q is there twice", "Sid", ws.Sid)
		}
		if err != nil {
			return nil, fmt.Errorf("policy: Statement[%d].%w", i, err)
		}
		sids[ws.Sid] = true
		d.statements = append(d.statements, s)
	}
	return d, nil
}

func size(text []byte) (n int) {
	for _, r := range string(text) {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func (w *writtenStatement) compile(variables bool) (s statement, err error) {
	s.sid = w.Sid
	switch w.Effect {
	case "Allow":
	case "Deny":
		s.deny = true
	default:
		return s, fmt.Errorf("%s: %q is neither Allow nor Deny", "Effect", w.Effect)
	}
	if s.actions, s.notActions, err = either("Action", w.Action, w.NotAction, action); err != nil {
		return s, err
	}
	resource := func(text string) (pattern, error) { return resource(text, variables) }
	if s.resources, s.notResources, err = either("Resource", w.Resource, w.NotResource, resource); err != nil {
		return s, err
	}
	s.conditions, err = conditions(w.Condition, variables)
	return s, err
}

// either reads an element or its Not form, one of which there is.
func either(name string, is, not *texts, read func(string) (pattern, error)) (list []pattern, negated bool, err error) {
	from := is
	switch {
	case is == nil && not == nil:
		return nil, false, fmt.Errorf("%s: there is none, and no Not%[1]s", name)
	case is != nil && not != nil:
		return nil, false, fmt.Errorf("%s: there is %s too", "Not"+name, name)
	case is == nil:
		from, negated, name = not, true, "Not"+name
	}
	if len(from.list) == 0 {
		return nil, negated, fmt.Errorf("%s: the list is empty", name)
	}
	for _, text := range from.list {
		p, err := read(string(text))
		if err != nil {
			return nil, negated, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, p)
	}
	return list, negated, nil
}

var actionForm = regexp.MustCompile(`\A(\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+)\z`)

// action reads a pattern of actions, whose letters' case does not count.
func action(text string) (pattern, error) {
	if !actionForm.MatchString(text) {
		return pattern{}, fmt.Errorf("%q is no action such as ivschat:GetRoom or ivschat:*", text)
	}
	return wild(strings.ToLower(text)), nil
}

// resource reads a pattern of ARNs.
func resource(text string, variables bool) (pattern, error) {
	if !strings.HasPrefix(text, "arn:") && !strings.HasPrefix(text, "*") && !(variables && strings.HasPrefix(text, "${")) {
		return pattern{}, fmt.Errorf("%q is no ARN, and not *", text)
	}
	return read(text, true, variables)
}
