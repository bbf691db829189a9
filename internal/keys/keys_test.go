package keys_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/token"
)

func load(t *testing.T, dir string) keys.Keys {
	t.Helper()
	k, _, err := keys.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTheFirstRunMakesKeysAndLaterOnesKeepThem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "parley-data")
	made, first, err := keys.Load(dir)
	if err != nil || !first {
		t.Fatalf("first %v, %v", first, err)
	}
	if a := made.AccessKey; !regexp.MustCompile(`^PARLEY[A-Z0-9]{14}$`).MatchString(a.ID) ||
		!regexp.MustCompile(`^[A-Za-z0-9]{40}$`).MatchString(string(a.Secret)) || a.Account != "000000000000" || a.IsDev() {
		t.Errorf("access key %q, secret %q, account %q", a.ID, string(a.Secret), a.Account)
	}
	if len(made.Tokens) != 1 || time.Since(made.Tokens[0].Created).Abs() > time.Minute || made.Page == made.Tokens[0].Secret {
		t.Errorf("token keys: %v", made.Tokens)
	}
	again, first, err := keys.Load(dir)
	if err != nil || first {
		t.Fatalf("second run: first %v, %v", first, err)
	}
	if !cmp.Equal(made, again) {
		t.Error("the second run has other keys")
	}
	if other := load(t, t.TempDir()); other.AccessKey == made.AccessKey || other.Page == made.Page || other.Tokens[0] == made.Tokens[0] {
		t.Error("another directory has the same keys")
	}
}

func TestNobodyElseCanReadTheKeys(t *testing.T) {
	windows(t)
	dir := filepath.Join(t.TempDir(), "parley-data")
	load(t, dir)
	modes := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		modes[filepath.Base(path)] = info.Mode().Perm()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{"parley-data": 0o700, keys.AccessKeyFile: 0o600, keys.TokenKeysFile: 0o600}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("the data directory (-want +got):\n%s", diff)
	}
}

func windows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
}

func TestFilesThatOthersCanReadAreRefused(t *testing.T) {
	windows(t)
	for _, name := range []string{keys.AccessKeyFile, keys.TokenKeysFile} {
		for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o620, 0o602, 0o610} {
			dir := t.TempDir()
			load(t, dir)
			path := filepath.Join(dir, name)
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			_, _, err := keys.Load(dir)
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("others can read or change %s (mode %#o); run chmod 600 %s", path, mode, path)) {
				t.Errorf("%s with mode %o: %v", name, mode, err)
			}
			if err := os.Chmod(path, 0o400); err != nil {
				t.Fatal(err)
			}
			load(t, dir)
		}
	}
}

func TestDirectoriesThatEverybodyCanWriteToAreRefused(t *testing.T) {
	windows(t)
	for mode, ok := range map[fs.FileMode]bool{0o700: true, 0o750: true, 0o755: true, 0o770: true, 0o777 | fs.ModeSticky: true, 0o777: false, 0o702: false} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := keys.Load(dir)
		if (err == nil) != ok {
			t.Errorf("mode %v: %v", mode, err)
		}
		if err != nil && !strings.Contains(err.Error(), "run chmod 700 "+dir) {
			t.Errorf("no help in %v", err)
		}
	}
}

func TestGarbledFilesAreRefusedAndLeftAlone(t *testing.T) {
	const secret = "canarycanarycanarycanarycanarycanarycana"
	access := func(id, secret, account string) string {
		return fmt.Sprintf(`{"accessKeyId":%q,"secretAccessKey":%q,"accountId":%q}`, id, secret, account)
	}
	// 32 bytes of base64 each
	one, two := strings.Repeat("b25l", 10)+"b25=", strings.Repeat("dHdv", 10)+"dHc="
	tokens := func(page string, entries ...string) string {
		return fmt.Sprintf(`{"chatTokenKeys":[%s],"pageTokenKey":%q}`, strings.Join(entries, ","), page)
	}
	entry := func(id, secret string) string {
		return fmt.Sprintf(`{"id":%q,"secret":%q,"created":"2026-01-02T03:04:05Z"}`, id, secret)
	}
	for _, good := range [][2]string{{keys.AccessKeyFile, access("AKID", secret, "123456789012")}, {keys.TokenKeysFile, tokens(one, entry("a", two))}} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, good[0]), good[1])
		load(t, dir)
	}
	tests := []struct{ name, file, content string }{
		{"empty", keys.AccessKeyFile, ""},
		{"cut off", keys.AccessKeyFile, access("AKID", secret, "123456789012")[:80]},
		{"two values", keys.AccessKeyFile, access("AKID", secret, "123456789012") + "{}"},
		{"not JSON", keys.AccessKeyFile, secret},
		{"null", keys.AccessKeyFile, "null"},
		{"a number for the secret", keys.AccessKeyFile, `{"accessKeyId":"AKID","secretAccessKey":0,"accountId":"123456789012"}`},
		{"no secret", keys.AccessKeyFile, access("AKID", "", "123456789012")},
		{"space in the secret", keys.AccessKeyFile, access("AKID", secret+" x", "123456789012")},
		{"slash in the id", keys.AccessKeyFile, access("AKID/x", secret, "123456789012")},
		{"short account", keys.AccessKeyFile, access("AKID", secret, "1234")},
		{"unknown member", keys.AccessKeyFile, `{"canary":"` + secret + `"}`},
		{"member twice", keys.AccessKeyFile, strings.Replace(access("AKID", secret, "123456789012"), "{", `{"accountId":"canary",`, 1)},
		{"huge", keys.AccessKeyFile, strings.Repeat(" ", 1<<17)},
		{"empty", keys.TokenKeysFile, ""},
		{"no chat token key", keys.TokenKeysFile, tokens(one)},
		{"no page token key", keys.TokenKeysFile, tokens("", entry("a", two))},
		{"short secret", keys.TokenKeysFile, tokens(one, entry("a", two[:40]))},
		{"long secret", keys.TokenKeysFile, tokens(one, entry("a", two[:40]+two))},
		{"zero secret", keys.TokenKeysFile, tokens(one, entry("a", strings.Repeat("A", 43)+"="))},
		{"secret not base64", keys.TokenKeysFile, tokens(one, entry("a", secret))},
		{"same id twice", keys.TokenKeysFile, tokens(one, entry("a", two), entry("a", two))},
		{"illegal id", keys.TokenKeysFile, tokens(one, entry("a.b", two))},
		{"page key is a chat key", keys.TokenKeysFile, tokens(two, entry("a", two))},
	}
	for _, test := range tests {
		dir := t.TempDir()
		path := filepath.Join(dir, test.file)
		write(t, path, test.content)
		k, first, err := keys.Load(dir)
		if err == nil || first != (test.file == keys.TokenKeysFile) || !cmp.Equal(k, keys.Keys{}) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s, %s: %v, first %v, %v", test.file, test.name, k, first, err)
		}
		if strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s, %s: the error quotes the file: %v", test.file, test.name, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != test.content {
			t.Errorf("%s, %s: the file was changed: %v", test.file, test.name, err)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPlacesThatCannotHoldKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	occupied := t.TempDir()
	if err := os.Mkdir(filepath.Join(occupied, keys.AccessKeyFile), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"a file": file, "under a file": filepath.Join(file, "data"), "a directory for a file": occupied} {
		if _, _, err := keys.Load(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two servers that start at once on a fresh machine must not each print a key of
// which one is thrown away.
func TestConcurrentFirstRunsAgree(t *testing.T) {
	for range 20 {
		dir := filepath.Join(t.TempDir(), "parley-data")
		const runs = 16
		var wait sync.WaitGroup
		start := make(chan struct{})
		got, firsts, errs := make([]keys.Keys, runs), make([]bool, runs), make([]error, runs)
		for i := range runs {
			wait.Go(func() {
				<-start
				got[i], firsts[i], errs[i] = keys.Load(dir)
			})
		}
		close(start)
		wait.Wait()
		first := 0
		for i := range runs {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			if firsts[i] {
				first++
			}
			if !cmp.Equal(got[0], got[i]) {
				t.Fatal("two runs have different keys")
			}
		}
		if first != 1 {
			t.Fatalf("%d runs were the first", first)
		}
		onlyKeys(t, dir)
	}
}

func onlyKeys(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{keys.AccessKeyFile, keys.TokenKeysFile}, names); diff != "" {
		t.Errorf("the data directory (-want +got):\n%s", diff)
	}
}

// A process that is killed at any moment leaves a directory that the next one can
// start from, with whatever keys were complete.
func TestKilledFirstRunsLeaveNoHalfKeys(t *testing.T) {
	if dir := os.Getenv("KEYS_TEST_DIR"); dir != "" {
		for i := 0; ; i++ {
			if _, _, err := keys.Load(filepath.Join(dir, fmt.Sprint(i))); err != nil {
				fmt.Println(err)
				os.Exit(3)
			}
			fmt.Println(i) // whoever reads this may kill us from now on
		}
	}
	root := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 10 {
		dir := filepath.Join(root, fmt.Sprint(round))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		child := exec.Command(self, "-test.run=^TestKilledFirstRunsLeaveNoHalfKeys$")
		child.Env = append(os.Environ(), "KEYS_TEST_DIR="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// Read until a few directories are done: the kill falls somewhere in the next.
		var seen []byte
		for bytes.Count(seen, []byte("\n")) < 3+round {
			buf := make([]byte, 64)
			n, err := out.Read(buf)
			if seen = append(seen, buf[:n]...); err != nil {
				t.Fatalf("the child ended: %s", seen)
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		child.Wait() // its error is that it was killed
		dirs, err := os.ReadDir(dir)
		if err != nil || len(dirs) < 3+round {
			t.Fatalf("%d directories, %v", len(dirs), err)
		}
		for _, d := range dirs {
			load(t, filepath.Join(dir, d.Name()))
		}
	}
}

func TestOverrideKeepsWhatIsNotGiven(t *testing.T) {
	dir := t.TempDir()
	k := load(t, dir)
	before, err := os.ReadFile(filepath.Join(dir, keys.AccessKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if got := k.Override(keys.AccessKey{}); !cmp.Equal(got, k) {
		t.Error("nothing overrides something")
	}
	if got := k.Override(keys.AccessKey{Account: "123456789012"}).AccessKey; got.Account != "123456789012" || got.ID != k.AccessKey.ID || got.Secret != k.AccessKey.Secret {
		t.Errorf("account: %v", got)
	}
	full := keys.AccessKey{ID: "AKIDEXAMPLE", Secret: "0123456789abcdef", Account: "123456789012"}
	if got := k.Override(full); got.AccessKey != full || got.Page != k.Page || !cmp.Equal(got.Tokens, k.Tokens) {
		t.Errorf("all: %v", got)
	}
	if !cmp.Equal(load(t, dir), k) {
		t.Error("the keys on disk changed")
	}
	if after, err := os.ReadFile(filepath.Join(dir, keys.AccessKeyFile)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file changed: %v", err)
	}
}

func TestDevKeysAreFixedButForTheTokens(t *testing.T) {
	one, two := keys.Dev(), keys.Dev()
	if one.AccessKey != (keys.AccessKey{ID: "PARLEYDEVKEY", Secret: "parley-dev-secret", Account: "000000000000"}) {
		t.Errorf("dev key %q %q", one.AccessKey.ID, string(one.AccessKey.Secret))
	}
	if one.Page == two.Page || one.Tokens[0].Secret == two.Tokens[0].Secret {
		t.Error("two servers share token keys")
	}
	own := load(t, t.TempDir())
	for name, test := range map[string]struct {
		key  keys.AccessKey
		want bool
	}{
		"dev":               {one.AccessKey, true},
		"dev id":            {own.Override(keys.AccessKey{ID: keys.DevAccessKeyID}).AccessKey, true},
		"dev secret":        {own.Override(keys.AccessKey{Secret: keys.DevSecret}).AccessKey, true},
		"own":               {own.AccessKey, false},
		"dev, other secret": {keys.AccessKey{ID: "PARLEYDEVKEY2", Secret: "parley-dev-secret2"}, false},
	} {
		if test.key.IsDev() != test.want {
			t.Errorf("%s: dev %v", name, !test.want)
		}
	}
}

func TestRingAndPagerOpenWhatTheLastRunSealed(t *testing.T) {
	dir := t.TempDir()
	at := time.Now().UTC().Truncate(time.Millisecond)
	ring, err := load(t, dir).Ring()
	if err != nil {
		t.Fatal(err)
	}
	text, err := ring.Seal(token.Claims{UserID: "ana", IssuedAt: at, TokenExpiry: at, SessionExpiry: at})
	if err != nil {
		t.Fatal(err)
	}
	page := load(t, dir).Pager().Seal(token.Cursor{UpdateTime: at, ID: "abcdABCDefgh"}, "b")
	again := load(t, dir)
	ring, err = again.Ring()
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ring.Open(text); err != nil || c.UserID != "ana" {
		t.Errorf("chat token: %v", err)
	}
	if c, err := again.Pager().Open(page, "b"); err != nil || !c.UpdateTime.Equal(at) {
		t.Errorf("page token: %v", err)
	}
}

func TestKeysAreNeverShown(t *testing.T) {
	k := load(t, t.TempDir())
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+"\n", k)
		fmt.Fprintf(&shown, verb+"\n", []any{&k, k.AccessKey, &k.AccessKey, k.Tokens, &k.Tokens[0]})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(h).Info("x", "keys", k, "pointer", &k, "access", k.AccessKey)
	}
	for _, v := range []any{k, &k, k.AccessKey, k.Tokens, []any{k, k.Tokens[0]}} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(encoded)
	}
	commas := func(b []byte) string { return strings.ReplaceAll(strings.Trim(fmt.Sprint(b), "[]"), " ", ",") }
	for _, secret := range []string{
		commas(k.Page[:8]), commas(k.Tokens[0].Secret[:8]),
		string(k.AccessKey.Secret), fmt.Sprintf("%x", string(k.AccessKey.Secret)), fmt.Sprintf("%x", k.Page[:8]), fmt.Sprintf("%x", k.Tokens[0].Secret[:8]),
		strings.Trim(fmt.Sprint(k.Page[:8]), "[]"), strings.Trim(fmt.Sprint(k.Tokens[0].Secret[:8]), "[]"),
	} {
		if bytes.Contains(shown.Bytes(), []byte(secret)) {
			t.Errorf("%q shows:\n%s", secret, shown.String())
		}
	}
	if !strings.Contains(shown.String(), k.AccessKey.ID) {
		t.Errorf("the id is missing:\n%s", shown.String())
	}
}
