package policy

import (
	"fmt"
	"strings"
)

// Request is a call that somebody wants to make.
type Request struct {
	Action   string // "ivschat:GetRoom"
	Resource string // ARN
	// Values returns the values of a condition key, whose name is in lower case;
	// none if the request lacks it. It is called only for keys that a statement
	// asks for.
	Values func(key string) []string
}

// Effect is what a decision comes to.
type Effect byte

// The effects.
const (
	ImplicitDeny Effect = iota // no statement allows it
	ExplicitDeny               // a statement denies it, whatever others allow
	Allow
)

// String implements fmt.Stringer.
func (e Effect) String() string {
	return [...]string{"implicit deny", "explicit deny", "allow"}[e]
}

// Decision is whether a call may be made, and which statement says so.
type Decision struct {
	Effect    Effect
	Document  int // of the list; these three are for statements that decided
	Statement int // of the document
	Sid       string
}

// Evaluate decides: what a statement denies is denied, else what one allows is
// allowed, else it is denied.
func Evaluate(documents []*Document, r Request) Decision {
	decision := Decision{}
	for i, d := range documents {
		for k := range d.statements {
			s := &d.statements[k]
			if decision.Effect == Allow && !s.deny {
				continue // another that allows changes nothing
			}
			if s.misses(r) != (miss{}) {
				continue
			}
			decision = Decision{Allow, i, k, s.sid}
			if s.deny {
				decision.Effect = ExplicitDeny
				return decision
			}
		}
	}
	return decision
}

// Step is what one statement has to do with a request.
type Step struct {
	Document, Statement int
	Sid                 string
	Deny                bool
	Against             string // why the statement is not about the request; "" if it is
}

// Explain returns what each statement has to do with the request.
func Explain(documents []*Document, r Request) (steps []Step) {
	for i, d := range documents {
		for k := range d.statements {
			s := &d.statements[k]
			steps = append(steps, Step{i, k, s.sid, s.deny, s.misses(r).say(r)})
		}
	}
	return steps
}

// miss is why a statement is not about a request; the zero miss is that it is.
type miss struct {
	what      element
	condition *condition
}

type element byte

const (
	nothing element = iota
	actions
	resources
	aCondition
)

func (m miss) say(r Request) string {
	switch m.what {
	case actions:
		return "its actions do not include " + r.Action
	case resources:
		return "its resources do not include " + r.Resource
	case aCondition:
		return fmt.Sprintf("its condition %s on %s does not hold for %q", m.condition.operator, m.condition.key, r.Values(m.condition.key))
	}
	return ""
}

func (s *statement) misses(r Request) miss {
	if match, _ := anyMatches(s.actions, strings.ToLower(r.Action), r.Values); match == s.notActions {
		return miss{what: actions}
	}
	match, told := anyMatches(s.resources, r.Resource, r.Values)
	// Of NotResource what cannot be told must not allow.
	if match == s.notResources || s.notResources && !told && !s.deny {
		return miss{what: resources}
	}
	for i := range s.conditions {
		if c := &s.conditions[i]; !c.holds(r.Values) {
			return miss{aCondition, c}
		}
	}
	return miss{}
}

// anyMatches tells whether one of the patterns is like the text. One that refers to
// a key without one value is like nothing, and not all could be told.
func anyMatches(patterns []pattern, text string, values func(string) []string) (match, told bool) {
	told = true
	for _, p := range patterns {
		parts, ok := p.expand(values)
		if ok && matches(parts, text) {
			return true, true
		}
		told = told && ok
	}
	return false, told
}
