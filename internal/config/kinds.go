package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is a type of value: how it is written and what it may be. Errors of parse
// and check complete a sentence whose subject is the value.
type kind[T any] struct {
	name   string
	secret bool
	silent bool // errors do not quote the value: there may be a secret in it by mistake
	parse  func(string) (T, error)
	format func(T) string
	check  func(T) error
}

func (k kind[T]) read(text string) (T, error) {
	value, err := k.parse(text)
	if err == nil {
		err = k.check(value)
	}
	if err != nil && !k.secret && !k.silent {
		err = fmt.Errorf("%s %w", quote(text), err)
	}
	return value, err
}

func (k kind[T]) verify(value T) error {
	err := k.check(value)
	if err != nil && !k.secret && !k.silent {
		err = fmt.Errorf("%s %w", quote(k.format(value)), err)
	}
	return err
}

func text(name string, check func(string) error) kind[string] {
	same := func(s string) string { return s }
	return kind[string]{
		name:   name,
		parse:  func(s string) (string, error) { return s, nil },
		format: same,
		check:  check,
	}
}

func anything(string) error { return nil }

func required(s string) error {
	if s == "" {
		return errors.New("is not allowed; give a value")
	}
	return nil
}

func matching(s, pattern, allowed string) error {
	if !regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString(s) {
		return errors.New("is not " + allowed)
	}
	return nil
}

func account(s string) error { return matching(s, `[0-9]{12}`, "an account id: 12 digits") }

// region is no longer than what a signature's scope may name.
func region(s string) error {
	return matching(s, `[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?`,
		"a region name such as us-west-2: 1 to 32 lower-case letters, digits and hyphens")
}

func accessKeyID(s string) error {
	return matching(s, `|\w{4,128}`, "an access key id: 4 to 128 letters, digits and underscores")
}

func streamName(s string) error {
	return matching(s, `[A-Za-z0-9_-]{1,32}`, "a stream's name: 1 to 32 letters, digits, hyphens and underscores")
}

func address(s string) error {
	wrong := errors.New("is not host:port, such as 127.0.0.1:7878, [::1]:7878 or :7878")
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, " /\t\r\n") {
		return wrong
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return wrong
	}
	return nil
}

// optional lets a value be absent.
func optional(check func(string) error) func(string) error {
	return func(s string) error {
		if s == "" {
			return nil
		}
		return check(s)
	}
}

func webURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return errors.New("is not a URL such as https://chat.example.com: http or https, a host, no query")
	}
	return nil
}

func enum(values ...string) kind[string] {
	return text(strings.Join(values, ", "), func(s string) error {
		if !slices.Contains(values, s) {
			return fmt.Errorf("is not one of %s", strings.Join(values, ", "))
		}
		return nil
	})
}

func boolean() kind[bool] {
	return kind[bool]{
		name: "true, false",
		parse: func(s string) (bool, error) {
			switch strings.ToLower(s) {
			case "true", "on", "yes", "1":
				return true, nil
			case "false", "off", "no", "0":
				return false, nil
			}
			return false, errors.New("is not true or false")
		},
		format: strconv.FormatBool,
		check:  func(bool) error { return nil },
	}
}

func number(least, most int) kind[int] {
	return kind[int]{
		name: "number",
		parse: func(s string) (int, error) {
			n, err := strconv.Atoi(s)
			if errors.Is(err, strconv.ErrRange) {
				return 0, fmt.Errorf("is out of range; allowed are %d to %d", least, most)
			}
			if err != nil {
				return 0, errors.New("is not a whole number")
			}
			return n, nil
		},
		format: strconv.Itoa,
		check: func(n int) error {
			if n < least || n > most {
				return fmt.Errorf("is out of range; allowed are %d to %d", least, most)
			}
			return nil
		},
	}
}

func duration(least, most time.Duration) kind[time.Duration] {
	return kind[time.Duration]{
		name: "duration",
		parse: func(s string) (time.Duration, error) {
			d, err := time.ParseDuration(s)
			if err != nil {
				return 0, errors.New("is not a duration such as 500ms, 30s or 5m")
			}
			return d, nil
		},
		format: formatDuration,
		check: func(d time.Duration) error {
			if d < least || d > most {
				return fmt.Errorf("is out of range; allowed are %s to %s", formatDuration(least), formatDuration(most))
			}
			return nil
		},
	}
}

// formatDuration leaves out the zeros of 3h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func size(least, most Size) kind[Size] {
	return kind[Size]{
		name:   "size",
		parse:  ParseSize,
		format: Size.String,
		check: func(s Size) error {
			if s < least || s > most {
				return fmt.Errorf("is out of range; allowed are %s to %s", least, most)
			}
			return nil
		},
	}
}

func secretKind() kind[Secret] {
	return kind[Secret]{
		name:   "secret",
		secret: true,
		parse:  func(s string) (Secret, error) { return Secret(s), nil },
		format: Secret.String,
		check: func(s Secret) error {
			if matching(string(s), `|[!-~]{16,128}`, "") != nil {
				return errors.New("the value, not shown, is not 16 to 128 printable ASCII characters without spaces")
			}
			return nil
		},
	}
}

func levelOf(c *Config) *slog.Level { return &c.LogLevel }

func level() kind[slog.Level] {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	wrong := errors.New("is not one of debug, info, warn, error")
	format := func(l slog.Level) string { return strings.ToLower(l.String()) }
	return kind[slog.Level]{
		name: "debug, info, warn, error",
		parse: func(s string) (slog.Level, error) {
			for _, l := range levels {
				if format(l) == s {
					return l, nil
				}
			}
			return 0, wrong
		},
		format: format,
		check: func(l slog.Level) error {
			if !slices.Contains(levels, l) {
				return wrong
			}
			return nil
		},
	}
}

func prefixes(c *Config) *[]netip.Prefix { return &c.TrustedProxies }

// network is a CIDR range. Bits beyond the mask are an error: they mean that
// whoever wrote it had another range in mind.
func network() kind[netip.Prefix] {
	wrong := errors.New("is not an address or CIDR range such as 10.0.0.0/8 or 192.0.2.7")
	return kind[netip.Prefix]{
		name: "CIDR",
		parse: func(s string) (netip.Prefix, error) {
			if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
				return netip.PrefixFrom(a, a.BitLen()), nil
			}
			p, err := netip.ParsePrefix(s)
			if err != nil {
				return netip.Prefix{}, wrong
			}
			return p, nil
		},
		format: netip.Prefix.String,
		check: func(p netip.Prefix) error {
			if !p.IsValid() {
				return wrong
			}
			if p != p.Masked() {
				return fmt.Errorf("has bits beyond its mask; its range is %s", p.Masked())
			}
			return nil
		},
	}
}

const listOf = "list of "

// list is any number of values, separated by commas.
func list[T any](k kind[T]) kind[[]T] {
	return kind[[]T]{
		name: listOf + k.name, secret: k.secret, silent: k.silent,
		parse: func(s string) ([]T, error) {
			if s == "" {
				return nil, nil
			}
			var all []T
			for part := range strings.SplitSeq(s, ",") {
				value, err := k.read(strings.TrimSpace(part))
				if err != nil {
					return nil, fmt.Errorf("has an element that is wrong: %w", err)
				}
				all = append(all, value)
			}
			return all, nil
		},
		format: func(all []T) string {
			texts := make([]string, len(all))
			for i, value := range all {
				texts[i] = k.format(value)
			}
			return strings.Join(texts, ",")
		},
		check: func(all []T) error {
			for _, value := range all {
				if err := k.verify(value); err != nil {
					return fmt.Errorf("has an element that is wrong: %w", err)
				}
			}
			return nil
		},
	}
}
