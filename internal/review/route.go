package review

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Route says which endpoints, in turn, review for the functions whose ARN the
// pattern matches. A * in the pattern stands for anything.
type Route struct {
	Pattern   string
	Endpoints []string

	configured bool // made of Options.LambdaEndpoint
}

type route struct {
	pattern    string
	endpoints  []endpoint
	configured bool
}

type kind uint8

const (
	kindBuiltin kind = iota + 1
	kindLambda       // the Invoke API at a URL, or at AWS without one
	kindWebhook
)

// lambdaAWS is the endpoint of AWS's Lambda in the function's region.
const lambdaAWS = "lambda+aws"

// endpoint is one thing that reviews.
type endpoint struct {
	text     string
	kind     kind
	url      *url.URL // nil for built-ins and for AWS
	name     string   // of the built-in
	function string   // kindLambda: the name to invoke; "" is the ARN
	values   url.Values
}

// parseEndpoint reads lambda+http(s)://HOST[/FUNCTION], http(s)://… or
// builtin:NAME[?OPTIONS].
func parseEndpoint(text string) (endpoint, error) {
	if text == lambdaAWS {
		return endpoint{text: text, kind: kindLambda}, nil
	}
	if rest, ok := strings.CutPrefix(text, "builtin:"); ok {
		name, query, _ := strings.Cut(rest, "?")
		values, err := url.ParseQuery(query)
		if err != nil {
			return endpoint{}, errors.New("what follows the question mark is no query such as file=words.txt")
		}
		return endpoint{text: text, kind: kindBuiltin, name: name, values: values}, nil
	}
	e := endpoint{text: text, kind: kindWebhook}
	rest, isLambda := strings.CutPrefix(text, "lambda+")
	if isLambda {
		e.kind = kindLambda
	}
	u, err := url.Parse(rest)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return endpoint{}, errors.New("is not lambda+http://HOST:PORT, http://…, https://… or builtin:NAME")
	}
	switch {
	case u.User != nil:
		return endpoint{}, errors.New("has a user or a password in it, which settings would show")
	case u.Fragment != "":
		return endpoint{}, errors.New("has a fragment (#…), which is never sent")
	case isLambda && u.RawQuery != "":
		return endpoint{}, errors.New("has a query, which the Invoke API has no place for")
	}
	if isLambda {
		e.function = strings.Trim(u.Path, "/")
		if strings.Contains(e.function, "/") {
			return endpoint{}, errors.New("has more after the host than the name of a function")
		}
		u.Path, u.RawPath = "", ""
	}
	e.url = u
	return e, nil
}

// resolve returns the route of an ARN, a zero one if there is none.
func (r *Reviewer) resolve(uri string) route {
	for _, to := range r.routes {
		if matches(to.pattern, uri) {
			return to
		}
	}
	return route{}
}

// matches tells whether the pattern, in which * is any text, is the whole of s.
func matches(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return true
}

// functionARN is what a call needs of a function's ARN.
func functionARN(uri string) (region, account string, err error) {
	parts := strings.SplitN(uri, ":", 6)
	if len(parts) != 6 || parts[2] != "lambda" {
		return "", "", fmt.Errorf("%q is not the ARN of a Lambda function", uri)
	}
	return parts[3], parts[4], nil
}
