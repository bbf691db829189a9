package sigv4

import (
	"testing"
	"time"
)

func TestClockEdges(t *testing.T) {
	v := verifier(Key{Secret: testSecret}, testTime)
	for _, tt := range []struct {
		name    string
		off     time.Duration // of the client's clock
		skew    time.Duration
		message string
	}{
		{"same", 0, 0, ""},
		{"5 min slow", -5 * time.Minute, 0, ""},
		{"5 min 1 s slow", -5*time.Minute - time.Second, 0, "Signature expired: 20260915T115459Z is now earlier than 20260915T115500Z (20260915T120000Z - 5 min.)"},
		{"5 min fast", 5 * time.Minute, 0, ""},
		{"5 min 1 s fast", 5*time.Minute + time.Second, 0, "Signature not yet current: 20260915T120501Z is still later than 20260915T120500Z (20260915T120000Z + 5 min.)"},
		{"years slow", -5 * 365 * 24 * time.Hour, 0, "Signature expired: 20210916T120000Z is now earlier than 20260915T115500Z (20260915T120000Z - 5 min.)"},
		{"wider skew", -15 * time.Minute, 15 * time.Minute, ""},
		{"past the wider skew", -901 * time.Second, 15 * time.Minute, "Signature expired: 20260915T114459Z is now earlier than 20260915T114500Z (20260915T120000Z - 15 min.)"},
		{"past a skew in seconds", 91 * time.Second, 90 * time.Second, "Signature not yet current: 20260915T120131Z is still later than 20260915T120130Z (20260915T120000Z + 90 sec.)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(t, "POST", "/ListRooms", nil)
			signHeader(t, r, nil, "", testTime.Add(tt.off))
			received, body := mustReceive(t, onWire(t, r))
			v := v
			if tt.skew != 0 {
				v = verifier(Key{Secret: testSecret}, testTime)
				v.Skew = tt.skew
			}
			_, err := v.Verify(received, body, "ivschat")
			if tt.message == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantError(t, err, codeInvalid, tt.message)
		})
	}
}

func TestPresignedExpiryEdges(t *testing.T) {
	for _, tt := range []struct {
		name    string
		expires string
		now     time.Duration // since signing
		message string
	}{
		{"at once", "60", 0, ""},
		{"last second", "60", 60 * time.Second, ""},
		{"within the last second", "60", 60*time.Second + 999*time.Millisecond, ""},
		{"a second late", "60", 61 * time.Second, "Signature expired: 20260915T120000Z is now earlier than 20260915T120001Z (20260915T120101Z - 1 min.)"},
		{"of one second", "1", time.Second, ""},
		{"of one second, late", "1", 2 * time.Second, "Signature expired: 20260915T120000Z is now earlier than 20260915T120001Z (20260915T120002Z - 1 sec.)"},
		{"of a week", "604800", 7 * 24 * time.Hour, ""},
		{"of a week, late", "604800", 7*24*time.Hour + time.Second, "Signature expired: 20260915T120000Z is now earlier than 20260915T120001Z (20260922T120001Z - 10080 min.)"},
		{"client's clock 5 min fast", "60", -5 * time.Minute, ""},
		{"client's clock faster still", "60", -5*time.Minute - time.Second, "Signature not yet current: 20260915T120000Z is still later than 20260915T115959Z (20260915T115459Z + 5 min.)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := presign(t, newRequest(t, "POST", "/ListRooms?maxResults=5", nil), nil, "", testTime, tt.expires)
			received, body := mustReceive(t, onWire(t, r))
			_, err := verifier(Key{Secret: testSecret}, testTime.Add(tt.now)).Verify(received, body, "ivschat")
			if tt.message == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantError(t, err, codeInvalid, tt.message)
		})
	}
}

func TestScopeDayIsTheRequestsOwnAcrossMidnight(t *testing.T) {
	before := time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC)
	r := newRequest(t, "POST", "/ListRooms", nil)
	signHeader(t, r, nil, "", before)
	received, body := mustReceive(t, onWire(t, r))
	if _, err := verifier(Key{Secret: testSecret}, before.Add(3*time.Minute)).Verify(received, body, "ivschat"); err != nil {
		t.Error(err)
	}
}

// A verifier without Now goes by the real clock.
func TestRealClock(t *testing.T) {
	v := verifier(Key{Secret: testSecret}, testTime)
	v.Now = nil
	r := newRequest(t, "POST", "/ListRooms", nil)
	signHeader(t, r, nil, "", time.Now())
	received, body := mustReceive(t, onWire(t, r))
	if _, err := v.Verify(received, body, "ivschat"); err != nil {
		t.Error(err)
	}
}
