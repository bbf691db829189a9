// Package id makes the 12-character identifiers of rooms, logging
// configurations, messages, events and errors (spec: control-plane.md §1.2).
package id

import "crypto/rand"

// Length is the number of characters of an id.
const Length = 12

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// New returns an id: 71 random bits.
func New() string {
	var out [Length]byte
	var buf [2 * Length]byte
	for n := 0; n < Length; {
		rand.Read(buf[:]) // never fails: crypto/rand crashes the program instead
		for _, b := range buf {
			// Rejecting the tail keeps every letter equally likely.
			if b >= 4*byte(len(letters)) || n == Length {
				continue
			}
			out[n] = letters[int(b)%len(letters)]
			n++
		}
	}
	return string(out[:])
}

// Valid tells whether s has the form of an id.
func Valid(s string) bool {
	if len(s) != Length {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return true
}
