package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ServiceURL is the URL of a service that the server depends on. It shows itself
// without the password or token that may be in it; string(u) is all of it.
type ServiceURL string

// String returns the URL without its secrets.
func (u ServiceURL) String() string {
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.Opaque != "" {
		return redacted
	}
	values := parsed.Query()
	for name := range values {
		if strings.Contains(strings.ToLower(name), "password") {
			values.Set(name, redacted)
		}
	}
	if _, has := parsed.User.Password(); has {
		parsed.User = url.UserPassword(parsed.User.Username(), redacted)
	} else if parsed.User != nil && !u.database() {
		parsed.User = url.User(redacted) // NATS takes a lone name for a token
	}
	parsed.RawQuery = values.Encode()
	shown, err := url.PathUnescape(parsed.String())
	if err != nil {
		return redacted
	}
	return shown
}

func (u ServiceURL) database() bool {
	return strings.HasPrefix(string(u), "postgres://") || strings.HasPrefix(string(u), "postgresql://")
}

// Format writes it without its secrets, whatever the verb.
func (u ServiceURL) Format(f fmt.State, _ rune) { io.WriteString(f, u.String()) }

// LogValue returns it without its secrets.
func (u ServiceURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText returns it without its secrets.
func (u ServiceURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// MarshalJSON returns it without its secrets.
func (u ServiceURL) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(u.String())), nil }

// service is a URL with a host and one of the schemes, or nothing.
func service(example string, schemes ...string) kind[ServiceURL] {
	return kind[ServiceURL]{
		name:   "URL",
		silent: true,
		parse:  func(s string) (ServiceURL, error) { return ServiceURL(s), nil },
		format: ServiceURL.String,
		check: func(u ServiceURL) error {
			parsed, err := url.Parse(string(u))
			if u != "" && (err != nil || !slices.Contains(schemes, parsed.Scheme) || parsed.Opaque != "" || parsed.Fragment != "") {
				return errors.New("the value, not shown, is not a URL such as " + example)
			}
			return nil
		},
	}
}

func database() kind[ServiceURL] {
	return service("postgres://parley@db.example.com/parley", "postgres", "postgresql")
}

func broker() kind[ServiceURL] {
	k := service("nats://nats1.example.com:4222", "nats", "tls")
	check := k.check
	k.check = func(u ServiceURL) error {
		if parsed, err := url.Parse(string(u)); err == nil && (u == "" || parsed.Hostname() == "" || parsed.RawQuery != "" || strings.Trim(parsed.Path, "/") != "") {
			return errors.New("the value, not shown, is not a URL such as nats://nats1.example.com:4222")
		}
		return check(u)
	}
	return k
}
