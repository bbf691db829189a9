package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Route says which endpoints, in turn, stand for the ARNs that a pattern matches.
// What an endpoint may be is not known here.
type Route struct {
	Pattern   string
	Endpoints []string
}

const mapOf = "map of "

// routes are PATTERN=ENDPOINT|ENDPOINT, separated by white space; in the file
// they are a mapping whose order counts.
func routes() kind[[]Route] {
	return kind[[]Route]{
		name: mapOf + "ARN patterns to endpoints",
		parse: func(s string) ([]Route, error) {
			var all []Route
			for text := range strings.FieldsSeq(s) {
				pattern, endpoints, ok := strings.Cut(text, "=")
				if !ok {
					return nil, fmt.Errorf("has %s, which is not PATTERN=ENDPOINT", quote(text))
				}
				all = append(all, Route{pattern, strings.Split(endpoints, "|")})
			}
			return all, nil
		},
		format: func(all []Route) string {
			texts := make([]string, len(all))
			for i, r := range all {
				texts[i] = r.Pattern + "=" + strings.Join(r.Endpoints, "|")
			}
			return strings.Join(texts, " ")
		},
		check: func(all []Route) error {
			for i, r := range all {
				if err := r.check(); err != nil {
					return err
				}
				if slices.ContainsFunc(all[:i], func(other Route) bool { return other.Pattern == r.Pattern }) {
					return fmt.Errorf("has the pattern %s twice", quote(r.Pattern))
				}
			}
			return nil
		},
	}
}

func (r Route) check() error {
	if !strings.HasPrefix(r.Pattern, "arn:aws:lambda:") || strings.ContainsAny(r.Pattern, "= \t\r\n") {
		return fmt.Errorf("has the pattern %s, which is not of Lambda ARNs, such as arn:aws:lambda:*:*:function:review-*", quote(r.Pattern))
	}
	for _, endpoint := range r.Endpoints {
		if endpoint == "" || strings.ContainsAny(endpoint, "| \t\r\n") {
			return fmt.Errorf("has for %s the endpoint %s; write an endpoint without spaces or |", quote(r.Pattern), quote(endpoint))
		}
	}
	return nil
}

func lambdaEndpoint(s string) error {
	if s == "aws" {
		return nil
	}
	if webURL(s) != nil {
		return errors.New("is not aws or a URL such as http://127.0.0.1:4566")
	}
	return nil
}

// yamlMap writes a mapping as environment variables have it.
func yamlMap(value *yaml.Node) (string, bool) {
	var parts []string
	for pair := range slices.Chunk(value.Content, 2) {
		pattern, ok := scalar(pair[0])
		if !ok || strings.ContainsAny(pattern, "= \t\r\n") {
			return "", false
		}
		elements := []*yaml.Node{pair[1]}
		if pair[1].Kind == yaml.SequenceNode && pair[1].Style&yaml.TaggedStyle == 0 {
			elements = pair[1].Content
		}
		var endpoints []string
		for _, element := range elements {
			endpoint, ok := scalar(element)
			if !ok || endpoint == "" || strings.ContainsAny(endpoint, "| \t\r\n") {
				return "", false
			}
			endpoints = append(endpoints, endpoint)
		}
		parts = append(parts, pattern+"="+strings.Join(endpoints, "|"))
	}
	return strings.Join(parts, " "), true
}
