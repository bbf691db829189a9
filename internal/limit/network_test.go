package limit_test

import (
	"testing"

	"github.com/parleychat/parley/internal/limit"
)

func TestClientsAreCountedByAddressOrBySixtyFourBits(t *testing.T) {
	for ip, want := range map[string]string{
		"203.0.113.9":         "203.0.113.9",
		"::ffff:203.0.113.9":  "203.0.113.9",
		"2001:db8:1:2:3::4":   "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::": "2001:db8:1:2::/64",
		"2001:db8:1:3::1":     "2001:db8:1:3::/64",
		"fe80::1%eth0":        "fe80::/64",
		"pipe":                "pipe",
	} {
		if got := limit.Network(ip); got != want {
			t.Errorf("%s is counted as %s, want %s", ip, got, want)
		}
	}
}
