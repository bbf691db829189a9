package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/parleychat/parley/internal/token"
	"github.com/parleychat/parley/ivschat"
)

func ring(t testing.TB, keys ...token.Key) *token.Ring {
	t.Helper()
	r, err := token.NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func seal(t testing.TB, r *token.Ring, c token.Claims) string {
	t.Helper()
	text, err := r.Seal(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func example() token.Claims {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return token.Claims{
		ID: [16]byte{1, 2, 3}, Account: "123456789012", Region: "us-west-2", RoomID: "abcdABCDefgh", UserID: "ana",
		Capabilities: token.CapabilitiesOf([]ivschat.Capability{ivschat.CapabilitySendMessage}),
		Attributes:   map[string]string{"displayName": "Ana", "": ""},
		IssuedAt:     at, TokenExpiry: at.Add(time.Minute), SessionExpiry: at.Add(time.Hour),
	}
}

// largest are the claims that take the most room: a user id of four-byte
// characters, and as many attributes as 1,024 bytes can name.
func largest() token.Claims {
	c := example()
	c.Region = strings.Repeat("r", 63)
	c.UserID = strings.Repeat("😀", 128)
	c.Capabilities = token.CapabilitiesOf([]ivschat.Capability{
		ivschat.CapabilitySendMessage, ivschat.CapabilityDeleteMessage, ivschat.CapabilityDisconnectUser,
	})
	c.Attributes = map[string]string{"": ""}
	left := ivschat.MaxTokenAttributes
	for i := range 128 {
		c.Attributes[string(rune(i))] = ""
		left--
	}
	for i := 0; left >= 2; i++ {
		c.Attributes[string([]byte{byte(i / 128), byte(i % 128)})] = ""
		left -= 2
	}
	return c
}

func claims() *rapid.Generator[token.Claims] {
	return rapid.Custom(func(t *rapid.T) token.Claims {
		at := func(name string) time.Time {
			return time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, name)).UTC()
		}
		text := func(name string, runes, size int) string {
			return rapid.StringN(-1, runes, size).Draw(t, name)
		}
		c := token.Claims{
			Account: text("account", -1, 64), Region: text("region", -1, 64), RoomID: text("room", -1, 64),
			UserID:       text("user", 128, -1),
			Capabilities: token.CapabilitiesOf(rapid.SliceOf(rapid.SampledFrom(capabilities)).Draw(t, "capabilities")),
			IssuedAt:     at("issued"), TokenExpiry: at("token expiry"), SessionExpiry: at("session expiry"),
			Attributes: map[string]string{},
		}
		copy(c.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		left := ivschat.MaxTokenAttributes
		for range rapid.IntRange(0, 40).Draw(t, "attributes") {
			name, value := text("name", -1, 20), text("value", -1, 60)
			if left -= len(name) + len(value); left < 0 {
				break
			}
			c.Attributes[name] = value
		}
		return c
	})
}

var capabilities = []ivschat.Capability{
	ivschat.CapabilitySendMessage, ivschat.CapabilityDeleteMessage, ivschat.CapabilityDisconnectUser,
}

func TestRoundTrip(t *testing.T) {
	r := ring(t, token.NewKey())
	rapid.Check(t, func(t *rapid.T) {
		want := claims().Draw(t, "claims")
		text, err := r.Seal(want)
		if err != nil {
			t.Fatal(err)
		}
		legal(t, text)
		got, err := r.Open(text)
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(want, got, cmpopts.EquateEmpty()) {
			t.Fatal("the claims are not what was sealed")
		}
		again, err := r.Seal(got)
		if err != nil || again == text {
			t.Fatalf("sealed again: %v, same text: %v", err, again == text)
		}
	})
}

// legal checks that clients can offer the text as a subprotocol.
func legal(t interface{ Fatalf(string, ...any) }, text string) {
	const others = "!#$%&'*+-.^_`|~"
	for _, c := range text {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(others, c)) {
			t.Fatalf("%q is no character of an RFC 7230 token", c)
		}
	}
	if !strings.HasPrefix(text, "parley.v1.") || len(text) > token.MaxLength {
		t.Fatalf("%d characters: %.20s…", len(text), text)
	}
}

func TestTheLargestClaimsFitAHeader(t *testing.T) {
	key := token.NewKey()
	key.ID = strings.Repeat("k", 16)
	r := ring(t, key)
	want := largest()
	size := 0
	for name, value := range want.Attributes {
		size += len(name) + len(value)
	}
	if size != ivschat.MaxTokenAttributes || len(want.Attributes) < 570 || utf8.RuneCountInString(want.UserID) != 128 {
		t.Fatalf("not the worst case: %d bytes in %d attributes", size, len(want.Attributes))
	}
	text := seal(t, r, want)
	legal(t, text)
	t.Logf("%d characters", len(text))
	got, err := r.Open(text)
	if err != nil || !cmp.Equal(want, got) {
		t.Errorf("the largest claims do not come back: %v", err)
	}
	few := want
	few.Attributes = map[string]string{"k": strings.Repeat("v", 1023)}
	if text := seal(t, r, few); len(text) > 2400 {
		t.Errorf("one large attribute makes %d characters", len(text))
	}
}

func TestSealRefusesWhatNoRequestMayHave(t *testing.T) {
	r := ring(t, token.NewKey())
	const canary = "canary"
	for name, change := range map[string]func(*token.Claims){
		"no time":            func(c *token.Claims) { c.TokenExpiry = time.Time{} },
		"far future":         func(c *token.Claims) { c.SessionExpiry = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"unknown capability": func(c *token.Claims) { c.Capabilities = 1 << 3 },
		"long account":       func(c *token.Claims) { c.Account = strings.Repeat("1", 65) },
		"long user id":       func(c *token.Claims) { c.UserID = canary + strings.Repeat("a", 512) },
		"user id not UTF-8":  func(c *token.Claims) { c.UserID = canary + "\xff" },
		"attributes":         func(c *token.Claims) { c.Attributes = map[string]string{canary: strings.Repeat("a", 1019)} },
		"name not UTF-8":     func(c *token.Claims) { c.Attributes = map[string]string{canary + "\xff": ""} },
		"value not UTF-8":    func(c *token.Claims) { c.Attributes = map[string]string{"": canary + "\xff"} },
	} {
		c := example()
		change(&c)
		text, err := r.Seal(c)
		if err == nil || text != "" {
			t.Errorf("%s: sealed", name)
		}
		if strings.Contains(fmt.Sprint(err), canary) {
			t.Errorf("%s: the error tells the value: %v", name, err)
		}
	}
}

func TestEveryChangeIsRefused(t *testing.T) {
	r := ring(t, token.NewKey(), token.NewKey())
	text := seal(t, r, example())
	refused := func(what, changed string) {
		if c, err := r.Open(changed); !oneOf(err, token.ErrMalformed, token.ErrUnknownKey, token.ErrForged) || c.UserID != "" || c.Attributes != nil || !c.TokenExpiry.IsZero() {
			t.Fatalf("%s: %v, %v", what, err, c)
		}
	}
	for i := range text {
		for b := range 256 {
			if byte(b) != text[i] {
				refused(fmt.Sprintf("byte %d to %d", i, b), text[:i]+string([]byte{byte(b)})+text[i+1:])
			}
		}
		refused(fmt.Sprintf("cut at %d", i), text[:i])
		refused(fmt.Sprintf("without byte %d", i), text[:i]+text[i+1:])
		for _, more := range []string{"A", "\n", "\r", "=", ".", " "} {
			refused(fmt.Sprintf("%q before byte %d", more, i), text[:i]+more+text[i:])
		}
	}
	for _, more := range []string{"A", "AAAA", "=", "==", "\n", ".", " ", "\x00"} {
		refused(fmt.Sprintf("%q at the end", more), text+more)
	}
}

func oneOf(err error, any ...error) bool {
	return slices.ContainsFunc(any, func(one error) bool { return errors.Is(err, one) })
}

func TestRefusalsSayWhich(t *testing.T) {
	one, two := token.NewKey(), token.NewKey()
	r := ring(t, one)
	text := seal(t, r, example())
	impostor := token.NewKey()
	impostor.ID = one.ID
	header, body := text[:strings.LastIndex(text, ".")+1], text[strings.LastIndex(text, ".")+1:]
	tests := []struct {
		name, text string
		want       error
	}{
		{"empty", "", token.ErrMalformed},
		{"prefix", "parley.v1.", token.ErrMalformed},
		{"other version", strings.Replace(text, "v1", "v2", 1), token.ErrMalformed},
		{"no key id", "parley.v1.." + body, token.ErrMalformed},
		{"long key id", "parley.v1." + strings.Repeat("k", 17) + "." + body, token.ErrMalformed},
		{"no body", header, token.ErrMalformed},
		{"short body", header + body[:52], token.ErrMalformed},
		{"shortest body", header + base64.RawURLEncoding.EncodeToString(make([]byte, 40)), token.ErrForged},
		{"standard base64", header + "+/" + body[2:], token.ErrMalformed},
		{"padding", text + "=", token.ErrMalformed},
		{"huge", header + strings.Repeat("A", 1<<20), token.ErrMalformed},
		{"over the limit", header + strings.Repeat("A", 4097-len(header)), token.ErrMalformed},
		{"another ring", seal(t, ring(t, two), example()), token.ErrUnknownKey},
		{"same id, other secret", seal(t, ring(t, impostor), example()), token.ErrForged},
		{"zeros", header + strings.Repeat("A", 200), token.ErrForged},
	}
	for _, test := range tests {
		if _, err := r.Open(test.text); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

// The key id stands outside the encryption, but belongs to what is authenticated.
func TestTheHeaderIsAuthenticated(t *testing.T) {
	one, two := token.NewKey(), token.NewKey()
	two.Secret = one.Secret
	r := ring(t, one, two)
	text := seal(t, r, example())
	if _, err := r.Open(strings.Replace(text, one.ID, two.ID, 1)); !errors.Is(err, token.ErrForged) {
		t.Errorf("a token under another key id: %v", err)
	}
}

func TestKeysRotate(t *testing.T) {
	old, current := token.NewKey(), token.NewKey()
	before, during, after := ring(t, old), ring(t, current, old), ring(t, current)
	text := seal(t, before, example())
	if _, err := during.Open(text); err != nil {
		t.Errorf("a token of the old key while both open: %v", err)
	}
	if _, err := after.Open(text); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("a token of the old key once it is gone: %v", err)
	}
	if _, err := after.Open(seal(t, during, example())); err != nil {
		t.Errorf("the first key does not seal: %v", err)
	}
}

func TestRingsThatCannotBe(t *testing.T) {
	good := token.NewKey()
	for name, keys := range map[string][]token.Key{
		"no key": {}, "no id": {{Secret: good.Secret}}, "no secret": {{ID: "a"}}, "same id": {good, good},
		"illegal id": {{ID: "a.b", Secret: good.Secret}}, "long id": {{ID: strings.Repeat("a", 17), Secret: good.Secret}},
	} {
		if r, err := token.NewRing(keys...); err == nil || r != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestValidUntilTheFirstExpiry(t *testing.T) {
	c := example()
	for _, test := range []struct {
		name           string
		token, session time.Duration
		after          time.Duration
		want           error
	}{
		{"fresh", time.Minute, time.Hour, 0, nil},
		{"last instant", time.Minute, time.Hour, time.Minute - 1, nil},
		{"token over", time.Minute, time.Hour, time.Minute, token.ErrExpired},
		{"session over first", time.Hour, time.Minute, time.Minute, token.ErrExpired},
		{"long over", time.Minute, time.Hour, 1000 * time.Hour, token.ErrExpired},
	} {
		c.TokenExpiry, c.SessionExpiry = c.IssuedAt.Add(test.token), c.IssuedAt.Add(test.session)
		if err := c.Valid(c.IssuedAt.Add(test.after)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if !errors.Is(token.Claims{}.Valid(time.Now()), token.ErrExpired) {
		t.Error("claims of nothing are valid")
	}
}

func TestCapabilities(t *testing.T) {
	for n := range 1 << len(capabilities) {
		var list []ivschat.Capability
		for i, c := range capabilities {
			if n&(1<<i) != 0 {
				list = append(list, c, c)
			}
		}
		set := token.CapabilitiesOf(list)
		if diff := cmp.Diff(slices.Compact(list), set.List(), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		for _, c := range capabilities {
			if set.Has(c) != slices.Contains(list, c) {
				t.Errorf("%v has %s: %v", list, c, set.Has(c))
			}
		}
	}
	unknown := ivschat.Capability("FLY")
	if set := token.CapabilitiesOf([]ivschat.Capability{unknown, ""}); set != 0 || set.Has(unknown) {
		t.Errorf("an unknown capability gives %v", set)
	}
}

func TestNothingPrivateIsPrinted(t *testing.T) {
	key := token.Key{ID: "public", Secret: [32]byte([]byte("secret-secret-secret-secret-secr"))}
	c := example()
	c.UserID, c.Attributes = "canary", map[string]string{"canary": "canary"}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+"\n", key)
		fmt.Fprintf(&shown, verb+"\n", c)
		fmt.Fprintf(&shown, verb+"\n", []any{&key, &c, []token.Key{key}, map[string]token.Claims{"": c}})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(h).Info("x", "key", key, "claims", c, "pointer", &c)
	}
	for _, v := range []any{key, &key, c, &c, []any{key, c}} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(encoded)
	}
	for _, private := range []string{"canary", "secret-", "115,101,99,114", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%x", "secret-"), "115 101 99 114"} {
		if bytes.Contains(shown.Bytes(), []byte(private)) {
			t.Errorf("%q shows:\n%s", private, shown.String())
		}
	}
	if !strings.Contains(shown.String(), "Key(public)") || !strings.Contains(shown.String(), "abcdABCDefgh") {
		t.Errorf("what is public is missing:\n%s", shown.String())
	}
}

func TestNewKeysDiffer(t *testing.T) {
	ids, secrets := map[string]bool{}, map[[32]byte]bool{}
	for range 100 {
		k := token.NewKey()
		ids[k.ID], secrets[k.Secret] = true, true
	}
	if len(ids) != 100 || len(secrets) != 100 {
		t.Errorf("%d ids and %d secrets of 100 keys", len(ids), len(secrets))
	}
}

func TestOpenKeepsNothingOfTheRing(t *testing.T) {
	r := ring(t, token.NewKey())
	text := seal(t, r, example())
	first, err := r.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(first.Attributes, func(string, string) bool { return true })
	second, err := r.Open(text)
	if err != nil || !cmp.Equal(second, example()) {
		t.Errorf("opened a second time: %v, %v", second.Attributes, err)
	}
}
