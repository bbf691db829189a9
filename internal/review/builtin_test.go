package review_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/parleychat/parley/internal/review"
)

func wordFile(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// denies asks a handler of one endpoint.
func denies(t testing.TB, r *review.Reviewer, content string) bool {
	t.Helper()
	q := message()
	q.Content = content
	v := decide(t, r, review.Handler{URI: function}, q)
	if v.Failure != nil {
		t.Fatal(v.Failure)
	}
	return v.Deny
}

func TestWordlist(t *testing.T) {
	r := reviewer(t, review.Options{}, "builtin:wordlist?file="+wordFile(t,
		"# a comment", "", "badger", "  two words ", "*snake*", "start*", "*ending", "paypal", "Straße", "плохо", "жаба", "悪い", "0day",
		`/b[au]d+ (guy|girl)s?/`, `/^\d{3}-\d{4}$/`, `/(?:tele|insta)gram\.me/`,
	))
	for content, want := range map[string]bool{
		"hello there": false, "badger": true, "A BADGER!": true, "badgers": false, "ba dger": false, "(badger)": true, "honeybadger": false,
		"two words": true, "two   words": true, "two\twords": true, "twowords": false, "two words2": false,
		"grasssnakes": true, "startle": true, "restart": false, "unending": true, "endings": false,
		// case folding
		"STRASSE": true, "strasse": true, "Straßen": false, "ПЛОХО": true, "неплохо": false,
		// look-alikes, compatibility forms, things nobody sees
		"p\u0430yp\u0430l": true, "ｐａｙｐａｌ": true, "𝓹𝓪𝔂𝓹𝓪𝓵": true, "paypa1": true, "pаураl": true,
		"b\u200badger": true, "bad\u00adger": true, "b\u0336a\u0336d\u0336g\u0336e\u0336r\u0336": true, "bádgér": true, "жабa": true,
		// digits are digits among digits
		"0day": true, "oday": true, "10 days": false,
		// scripts without spaces
		"とても悪いです": true, "良い": false,
		// ordinary text is left alone
		"modern corn": false, "class": false, "100% of 2010": false,
		// expressions
		"baddd guys": true, "BUD GIRL": true, "bed guy": false, "555-1234": true, "call 555-1234": false, "Instagram.me/x": true, "instagram me": false,
	} {
		if got := denies(t, r, content); got != want {
			t.Errorf("%q: denied %v", content, got)
		}
	}
}

func TestReasons(t *testing.T) {
	file := wordFile(t, "badger")
	for text, want := range map[string]string{
		"builtin:wordlist?file=" + file:                                      "The message contains a word that is not allowed",
		"builtin:wordlist?reason=Mind%20your%20language.&file=" + file:       "Mind your language.",
		"builtin:ratelimit-duplicates?reason=Once%20is%20enough&window=1h":   "Once is enough",
		"builtin:links?allow=example.com&reason=No+links":                    "No links",
		"builtin:links?allow=example.com,*.example.org&allow=other.example.": "",
	} {
		if want == "" {
			continue
		}
		r := reviewer(t, review.Options{}, text)
		q := message()
		q.Content = "badger https://evil.example/"
		decide(t, r, review.Handler{URI: function}, q)
		if v := decide(t, r, review.Handler{URI: function}, q); v.Reason != want || !v.Deny {
			t.Errorf("%s: %+v", text, v)
		}
	}
}

// A list finds a word, in whatever case, exactly where a search for it alone would.
func TestWordlistFindsWhatASearchFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.StringMatching(`[ab]{1,4}( [ab]{1,2})?`)
		words := rapid.SliceOfN(word, 1, 30).Draw(rt, "words")
		text := rapid.StringMatching(`[abAB .]{1,60}`).Draw(rt, "text")
		r := reviewer(t, review.Options{}, "builtin:wordlist?file="+wordFile(t, words...))
		want := false
		simple := regexp.MustCompile(` +`).ReplaceAllString(strings.ToLower(text), " ")
		for _, w := range words {
			want = want || regexp.MustCompile(`(^|[^a-z])`+w+`($|[^a-z])`).MatchString(simple)
		}
		if got := denies(t, r, text); got != want {
			rt.Errorf("%q in %q: %v, want %v", words, text, got, want)
		}
	})
}

// The search that spares expressions never spares one that would have matched.
func TestExpressionsAreRunWhenTheyMatch(t *testing.T) {
	part := rapid.SampledFrom([]string{"ab", "ba", "a", "k", "[ab]", "b+", "(ab|ba)", "(?:abk)?", "a{2}", `\d`, ".", "é", "^", "$", "(ab|k)+", "x*", `\bab`, "s"})
	rapid.Check(t, func(rt *rapid.T) {
		source := strings.Join(rapid.SliceOfN(part, 1, 5).Draw(rt, "expression"), "")
		text := rapid.StringMatching(`[abABkKsſ1é́ ]{1,30}`).Draw(rt, "text")
		compiled := regexp.MustCompile("(?i)" + source)
		if compiled.MatchString("") {
			return
		}
		r := reviewer(t, review.Options{}, "builtin:wordlist?file="+wordFile(t, "zzz", "/"+source+"/"))
		if want := compiled.MatchString(review.Normal(text)); denies(t, r, text) != want {
			rt.Errorf("%s in %q: want %v", source, text, want)
		}
	})
}

func TestWordlistsWithMistakes(t *testing.T) {
	for content, want := range map[string]string{
		"good\n/(/":                            "line 2: is not a regular expression",
		"/x*/":                                 "line 1: is an expression that matches everything",
		"//":                                   "line 1: is an expression that matches everything",
		"a\n*":                                 "line 2: has nothing",
		"\u200b":                               "line 1: has nothing",
		"\xff":                                 "line 1: is not valid UTF-8",
		strings.Repeat("word\n", 300_000):      "is over 1048576 bytes",
		strings.Repeat("/ab/\n", 1001):         "line 1001: is one expression too many",
		strings.Repeat("x", 70<<10) + "\nmore": "too long",
	} {
		_, err := review.New(t.Context(), review.Options{Routes: []review.Route{
			{Pattern: "arn:aws:lambda:*", Endpoints: []string{"builtin:wordlist?file=" + wordFile(t, content)}},
		}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v\nwant …%s…", content, err, want)
		}
	}
}

// No clock is waited for but that of the bubble.
func TestWordlistIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := wordFile(t, "badger")
		r := reviewer(t, review.Options{}, "builtin:wordlist?file="+file)
		step := func(content string, want bool) {
			t.Helper()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if denies(t, r, content) != want {
				t.Errorf("%s: denied %v", content, !want)
			}
		}
		step("badger", true)
		write := func(content string) {
			if err := os.WriteFile(file+".new", []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
		}
		write("otter")
		step("badger", false)
		step("otter", true)
		write("/(/") // a mistake changes nothing
		step("otter", true)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		step("otter", true)
		write("")
		step("otter", false)
	})
}

func TestDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reviewer(t, review.Options{}, "builtin:ratelimit-duplicates?window=10s")
		send := func(user, in, content string) bool {
			q := message()
			q.Content, q.Sender.UserID, q.RoomARN = content, user, in
			return decide(t, r, review.Handler{URI: function}, q).Deny
		}
		for _, step := range []struct {
			wait              time.Duration
			user, in, content string
			want              bool
		}{
			{0, "ana", room, "hello", false},
			{0, "ana", room, "hello", true},
			{0, "ana", room, " HELLO  ", true},
			{0, "ana", room, "hello!", false},
			{0, "bob", room, "hello", false},
			{0, "ana", room + "2", "hello", false},
			{9 * time.Second, "ana", room, "hello", true},
			{time.Second, "ana", room, "hello", false}, // the denied ones did not prolong it
			{5 * time.Second, "ana", room, "hello", true},
			{time.Hour, "ana", room, "hello", false},
		} {
			time.Sleep(step.wait)
			if got := send(step.user, step.in, step.content); got != step.want {
				t.Errorf("%+v: denied %v", step, got)
			}
		}
		// More messages than are remembered: the newest are.
		for i := range 200_000 {
			send("flood", room, fmt.Sprint(i))
		}
		if !send("flood", room, "199999") {
			t.Error("the newest message was forgotten")
		}
	})
}

func TestLinks(t *testing.T) {
	r := reviewer(t, review.Options{}, "builtin:links?allow=example.com,*.example.org&allow=bücher.example")
	for content, want := range map[string]bool{
		"no link": false, "end. Start": false, "3.14": false, "12:30": false, "e.g. this": false, "well...": false, "a:b": false,
		"https://example.com/x?y": false, "HTTPS://EXAMPLE.COM": false, "example.com": false, "www.example.com": true, "http://example.com:8080/": false,
		"https://a.example.org": false, "https://a.b.example.org": false, "https://example.org": true, "evilexample.org": true,
		"https://bücher.example/": false, "https://xn--bcher-kva.example/": false,
		"https://evil.com": true, "look: evil.com/x": true, "//evil.com": true, "evil.com": true, "EVIL.COM": true, "http://127.0.0.1/": true,
		"http://localhost": true, "ftp://evil.com": true, "weird://thing": true, "mail me@evil.com": true, "mail me@example.com": false,
		"https://example.com@evil.com/": true, "https://example.com.evil.com": true, "example.com evil.com": true,
		"evil。com": true, "ｅｖｉｌ．ｃｏｍ": true, "ev\u200bil.com": true, "https://ехample.com": true,
	} {
		if got := denies(t, r, content); got != want {
			t.Errorf("%q: denied %v", content, got)
		}
	}
}

func TestEndpointsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"nonsense": "is not lambda+http", "ftp://x/": "is not lambda+http", "http://": "is not lambda+http", "lambda+builtin:links": "is not lambda+http",
		"https://user:secret@h/": "has a user or a password", "https://h/#x": "has a fragment", "lambda+http://h/a/b": "more after the host",
		"lambda+http://h/f?x=1": "has a query", "builtin:nothing": `no built-in handler "nothing"`, "builtin:wordlist": "needs a file",
		"builtin:wordlist?file=/no/such": "no such file", "builtin:links?alow=x": `has no option "alow"`, "builtin:links?allow=https://x": "not a host",
		"builtin:ratelimit-duplicates?window=soon": "not a duration", "builtin:ratelimit-duplicates?window=-1s": "not a duration", "builtin:links?%zz": "is no query",
	} {
		_, err := review.New(t.Context(), review.Options{Routes: []review.Route{{Pattern: "arn:aws:lambda:*", Endpoints: []string{text}}}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant …%s…", text, err, want)
		}
	}
	if _, err := review.New(t.Context(), review.Options{WebhookSecret: "whsec_!"}); err == nil {
		t.Error("a secret that is no base64 was taken")
	}
}

func TestPatterns(t *testing.T) {
	r, err := review.New(t.Context(), review.Options{Routes: []review.Route{
		{Pattern: function, Endpoints: []string{"builtin:links"}},
		{Pattern: "arn:aws:lambda:*:111111111111:function:a*b*c", Endpoints: []string{"builtin:links"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for uri, want := range map[string]bool{
		function: true, function + ":live": false,
		"arn:aws:lambda:eu-west-1:111111111111:function:abc": true, "arn:aws:lambda:eu-west-1:111111111111:function:a-b-b-c": true,
		"arn:aws:lambda:eu-west-1:111111111111:function:ac": false, "arn:aws:lambda:eu-west-1:222222222222:function:abc": false,
		"arn:aws:lambda:eu-west-1:111111111111:function:abcd": false, "": false,
	} {
		if r.Resolves(uri) != want {
			t.Errorf("%s: resolves %v", uri, !want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	e := serve(t, moderator)
	r := reviewer(t, review.Options{HandlerCalls: 1000, RoomReviews: 1000},
		"builtin:wordlist?file="+wordFile(t, "badger", "/ot+er/"), "builtin:links", "builtin:ratelimit-duplicates", e.webhook())
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			q := message()
			q.Content = fmt.Sprint("darn ", i)
			want := fmt.Sprint("**** ", i)
			if i%2 == 1 {
				q.Content += " badger"
			}
			v, err := r.Review(t.Context(), review.Handler{URI: function}, q)
			if err != nil || v.Failure != nil || v.Deny != (i%2 == 1) || !v.Deny && v.Content != want {
				t.Errorf("%d: %+v, %v", i, v, err)
			}
		})
	}
	all.Wait()
}
