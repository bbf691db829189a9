package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
)

// DatabaseURL is the URL of a database. It shows itself without the password
// that may be in it; string(u) is all of it.
type DatabaseURL string

// String returns the URL without its secrets.
func (u DatabaseURL) String() string {
	parsed, err := u.parse()
	if err != nil {
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
	}
	parsed.RawQuery = values.Encode()
	shown, err := url.PathUnescape(parsed.String())
	if err != nil {
		return redacted
	}
	return shown
}

func (u DatabaseURL) parse() (*url.URL, error) {
	parsed, err := url.Parse(string(u))
	if err == nil && u != "" && (parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" || parsed.Opaque != "" || parsed.Fragment != "") {
		err = errors.New("another kind of URL")
	}
	return parsed, err
}

// Format writes it without its secrets, whatever the verb.
func (u DatabaseURL) Format(f fmt.State, _ rune) { io.WriteString(f, u.String()) }

// LogValue returns it without its secrets.
func (u DatabaseURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText returns it without its secrets.
func (u DatabaseURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// MarshalJSON returns it without its secrets.
func (u DatabaseURL) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(u.String())), nil }

func database() kind[DatabaseURL] {
	return kind[DatabaseURL]{
		name:   "URL",
		silent: true,
		parse:  func(s string) (DatabaseURL, error) { return DatabaseURL(s), nil },
		format: DatabaseURL.String,
		check: func(u DatabaseURL) error {
			if _, err := u.parse(); err != nil {
				return errors.New("the value, not shown, is not a URL such as postgres://parley@db.example.com/parley")
			}
			return nil
		},
	}
}
