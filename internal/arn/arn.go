// Package arn parses and builds the ARNs of IVS Chat's resources
// (spec: control-plane.md §1.2). It decides nothing about what exists.
package arn

import "strings"

// The resource types.
const (
	Room                 = "room"
	LoggingConfiguration = "logging-configuration"
)

// MaxLength is the longest ARN the API takes, in characters.
const MaxLength = 128

// ARN names one resource. The partition is always "aws".
type ARN struct {
	Region  string
	Account string
	Type    string
	ID      string
}

// String returns the ARN's text.
func (a ARN) String() string {
	return "arn:aws:ivschat:" + a.Region + ":" + a.Account + ":" + a.Type + "/" + a.ID
}

// Parse reads the ARN of a room or a logging configuration; ok is false for
// anything else.
func Parse(s string) (a ARN, ok bool) {
	if len(s) > MaxLength {
		return ARN{}, false
	}
	rest, ok := strings.CutPrefix(s, "arn:aws:ivschat:")
	if !ok {
		return ARN{}, false
	}
	parts := strings.Split(rest, ":")
	if len(parts) != 3 {
		return ARN{}, false
	}
	a.Region, a.Account = parts[0], parts[1]
	a.Type, a.ID, ok = strings.Cut(parts[2], "/")
	ok = ok && all(a.Region, lower, digit, dash) && all(a.Account, digit) &&
		(a.Type == Room || a.Type == LoggingConfiguration) &&
		all(a.ID, lower, upper, digit, dash)
	if !ok {
		return ARN{}, false
	}
	return a, true
}

func lower(c byte) bool { return 'a' <= c && c <= 'z' }
func upper(c byte) bool { return 'A' <= c && c <= 'Z' }
func digit(c byte) bool { return '0' <= c && c <= '9' }
func dash(c byte) bool  { return c == '-' }

func all(s string, classes ...func(byte) bool) bool {
	if s == "" {
		return false
	}
next:
	for i := range len(s) {
		for _, in := range classes {
			if in(s[i]) {
				continue next
			}
		}
		return false
	}
	return true
}
