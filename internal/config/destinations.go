package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Destination says what stands for the chat log destinations of its kind whose
// account and name its patterns match.
type Destination struct {
	Kind    string // s3, cloudwatch-logs or firehose
	Account string // "" is any
	Name    string // of the bucket, log group or delivery stream; "" is any

	Directory string // or:
	Endpoint  string // aws or a URL
	Region    string // "" is the logging configuration's

	AccessKeyIDEnv, SecretAccessKeyEnv string // names of environment variables
	Profile                            string // of AWS's shared files
	PathStyle                          bool
	ACL                                string
}

const rulesOf = "rules of "

// member is one part of a rule. Its check completes a sentence about the value.
type member struct {
	name  string
	at    func(*Destination) *string // nil for path-style
	check func(string) error
}

func members() []member {
	return []member{
		{"kind", func(d *Destination) *string { return &d.Kind }, func(s string) error {
			return matching(s, `s3|cloudwatch-logs|firehose`, "one of s3, cloudwatch-logs, firehose")
		}},
		{"account", func(d *Destination) *string { return &d.Account }, func(s string) error {
			return matching(s, `[0-9*]{1,12}`, "a pattern of account ids")
		}},
		{"name", func(d *Destination) *string { return &d.Name }, func(s string) error {
			return matching(s, `[\w./#*-]{1,512}`, "a pattern of names, such as chat-*")
		}},
		{"directory", func(d *Destination) *string { return &d.Directory }, anything},
		{"endpoint", func(d *Destination) *string { return &d.Endpoint }, lambdaEndpoint},
		{"region", func(d *Destination) *string { return &d.Region }, region},
		{"access-key-id-env", func(d *Destination) *string { return &d.AccessKeyIDEnv }, variable},
		{"secret-access-key-env", func(d *Destination) *string { return &d.SecretAccessKeyEnv }, variable},
		{"profile", func(d *Destination) *string { return &d.Profile }, anything},
		{"path-style", nil, anything},
		{"acl", func(d *Destination) *string { return &d.ACL }, func(s string) error {
			return matching(s, `none|private|public-read|public-read-write|authenticated-read|aws-exec-read|bucket-owner-read|bucket-owner-full-control`,
				"none or a canned ACL such as bucket-owner-full-control")
		}},
	}
}

// variable refuses what is no name, so that a secret written in its place is not
// taken for one, and names that the server would take for settings.
func variable(s string) error {
	if strings.HasPrefix(s, envPrefix) {
		return errors.New("begins with " + envPrefix + ", as only settings do")
	}
	return matching(s, `[A-Z_][A-Z0-9_]{0,63}`, "the name of an environment variable: capitals, digits and underscores")
}

// destinations are KEY=VALUE,KEY=VALUE, separated by white space; in the file they
// are a list of mappings. Their order counts.
func destinations() kind[[]Destination] {
	return kind[[]Destination]{
		name:   rulesOf + "destinations",
		silent: true,
		parse: func(s string) ([]Destination, error) {
			var all []Destination
			for text := range strings.FieldsSeq(s) {
				d, err := parseDestination(text)
				if err != nil {
					return nil, fmt.Errorf("has at place %d a rule that is wrong: %w", len(all)+1, err)
				}
				all = append(all, d)
			}
			return all, nil
		},
		format: func(all []Destination) string {
			texts := make([]string, len(all))
			for i, d := range all {
				texts[i] = d.String()
			}
			return strings.Join(texts, " ")
		},
		check: func(all []Destination) error {
			for i, d := range all {
				if err := d.check(); err != nil {
					return fmt.Errorf("has at place %d a rule that is wrong: %w", i+1, err)
				}
			}
			return nil
		},
	}
}

func parseDestination(text string) (Destination, error) {
	var d Destination
	var seen []string
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok || matching(name, `[a-z_-]{1,24}`, "") != nil { // not shown: it may be a piece of a secret
			return d, errors.New("a part of it is not NAME=VALUE")
		}
		i := slices.IndexFunc(members(), func(m member) bool { return m.name == name })
		switch {
		case i < 0:
			return d, fmt.Errorf("there is no %s; did you mean %s?", quote(name), nearest(name, memberNames()))
		case slices.Contains(seen, name):
			return d, fmt.Errorf("%s is there twice", name)
		case value == "":
			return d, fmt.Errorf("%s has no value", name)
		}
		seen = append(seen, name)
		if m := members()[i]; m.at != nil {
			*m.at(&d) = value
			continue
		}
		on, err := boolean().read(value)
		if err != nil {
			return d, fmt.Errorf("%s %w", name, err)
		}
		d.PathStyle = on
	}
	return d, nil
}

func memberNames() []string {
	var names []string
	for _, m := range members() {
		names = append(names, m.name)
	}
	return names
}

// String returns the rule as environment variables have it.
func (d Destination) String() string {
	var parts []string
	for _, m := range members() {
		switch {
		case m.at == nil && d.PathStyle:
			parts = append(parts, m.name+"="+strconv.FormatBool(true))
		case m.at != nil && *m.at(&d) != "":
			parts = append(parts, m.name+"="+*m.at(&d))
		}
	}
	return strings.Join(parts, ",")
}

func (d Destination) check() error {
	for _, m := range members() {
		if m.at == nil {
			continue
		}
		value := *m.at(&d)
		if strings.ContainsAny(value, ", \t\r\n\v\f\u0085\u00a0") {
			return fmt.Errorf("%s has a comma or a space in it", m.name)
		}
		if value == "" && m.name != "kind" {
			continue
		}
		if err := m.check(value); err != nil && strings.HasSuffix(m.name, "-env") {
			return fmt.Errorf("%s: the value, not shown, %w", m.name, err)
		} else if err != nil {
			return fmt.Errorf("%s: %s %w", m.name, quote(value), err)
		}
	}
	client := d.Endpoint != "" || d.Region != "" || d.AccessKeyIDEnv != "" || d.SecretAccessKeyEnv != "" || d.Profile != "" || d.PathStyle || d.ACL != ""
	switch {
	case d.Directory == "" && d.Endpoint == "":
		return errors.New("it needs endpoint (aws or a URL) or directory")
	case d.Directory != "" && client:
		return errors.New("beside directory it has what only an endpoint has use for")
	case (d.AccessKeyIDEnv == "") != (d.SecretAccessKeyEnv == ""):
		return errors.New("access-key-id-env and secret-access-key-env need each other")
	case d.AccessKeyIDEnv != "" && d.Profile != "":
		return errors.New("it has both profile and access-key-id-env")
	case d.Kind != "s3" && (d.PathStyle || d.ACL != ""):
		return errors.New("path-style and acl are of s3 alone")
	}
	return nil
}

// yamlRules writes a list of mappings as environment variables have it. What is
// a mapping in turn has its name before the names in it: CreateRoom under api is
// api.CreateRoom.
func yamlRules(value *yaml.Node) (string, bool) {
	var rules []string
	for _, element := range value.Content {
		parts, ok := yamlParts("", element)
		if !ok {
			return "", false
		}
		rules = append(rules, strings.Join(parts, ","))
	}
	return strings.Join(rules, " "), true
}

func yamlParts(prefix string, m *yaml.Node) ([]string, bool) {
	if m.Kind != yaml.MappingNode || m.Style&yaml.TaggedStyle != 0 || len(m.Content) == 0 {
		return nil, false
	}
	var parts []string
	for pair := range slices.Chunk(m.Content, 2) {
		name, ok := scalar(pair[0])
		if !ok || name == "" || strings.ContainsAny(name, "=,") {
			return nil, false
		}
		if pair[1].Kind == yaml.MappingNode && prefix == "" {
			inner, ok := yamlParts(name+".", pair[1])
			if !ok {
				return nil, false
			}
			parts = append(parts, inner...)
			continue
		}
		text, ok := scalar(pair[1])
		if !ok || strings.Contains(text, ",") || len(strings.Fields(name+text+"x")) != 1 {
			return nil, false
		}
		parts = append(parts, prefix+name+"="+text)
	}
	return parts, true
}
