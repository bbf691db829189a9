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

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/keys"
)

func load(t *testing.T, dir string) keys.Keys {
	t.Helper()
	k, _, err := keys.Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTheFirstRunMakesKeysAndLaterOnesKeepThem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "parley-data")
	made, first, err := keys.Load(dir, "")
	if err != nil || !first {
		t.Fatalf("first %v, %v", first, err)
	}
	if a := made.AccessKey; !regexp.MustCompile(`^PARLEY[A-Z0-9]{14}$`).MatchString(a.ID) ||
		!regexp.MustCompile(`^[A-Za-z0-9]{40}$`).MatchString(string(a.Secret)) || a.Account != "000000000000" || a.IsDev() {
		t.Errorf("access key %q, secret %q, account %q", a.ID, string(a.Secret), a.Account)
	}
	if made.Master == (keys.Master{}) {
		t.Error("there is no master key")
	}
	again, first, err := keys.Load(dir, "")
	if err != nil || first {
		t.Fatalf("second run: first %v, %v", first, err)
	}
	if !cmp.Equal(made, again) {
		t.Error("the second run has other keys")
	}
	if other := load(t, t.TempDir()); other.AccessKey == made.AccessKey || other.Master == made.Master {
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
	want := map[string]fs.FileMode{"parley-data": 0o700, keys.AccessKeyFile: 0o600, keys.MasterKeyFile: 0o600}
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
	for _, name := range []string{keys.AccessKeyFile, keys.MasterKeyFile} {
		for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o620, 0o602, 0o610} {
			dir := t.TempDir()
			load(t, dir)
			path := filepath.Join(dir, name)
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			_, _, err := keys.Load(dir, "")
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
		_, _, err := keys.Load(dir, "")
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
	const master = "b25lb25lb25lb25lb25lb25lb25lb25lb25lb25lb24="
	for _, good := range [][2]string{{keys.AccessKeyFile, access("AKID", secret, "123456789012")}, {keys.MasterKeyFile, master}, {keys.MasterKeyFile, master + "\n"}} {
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
		{"empty", keys.MasterKeyFile, ""},
		{"cut off", keys.MasterKeyFile, master[:40]},
		{"long", keys.MasterKeyFile, master[:40] + master},
		{"zero", keys.MasterKeyFile, strings.Repeat("A", 43) + "="},
		{"not base64", keys.MasterKeyFile, secret},
		{"two lines", keys.MasterKeyFile, master + "\n\n"},
	}
	for _, test := range tests {
		dir := t.TempDir()
		path := filepath.Join(dir, test.file)
		write(t, path, test.content)
		k, first, err := keys.Load(dir, "")
		if err == nil || first != (test.file == keys.MasterKeyFile) || !cmp.Equal(k, keys.Keys{}) || !strings.Contains(err.Error(), path) {
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
		if _, _, err := keys.Load(dir, ""); err == nil || !strings.Contains(err.Error(), dir) {
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
				got[i], firsts[i], errs[i] = keys.Load(dir, "")
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
	if diff := cmp.Diff([]string{keys.AccessKeyFile, keys.MasterKeyFile}, names); diff != "" {
		t.Errorf("the data directory (-want +got):\n%s", diff)
	}
}

// A process that is killed at any moment leaves a directory that the next one can
// start from, with whatever keys were complete.
func TestKilledFirstRunsLeaveNoHalfKeys(t *testing.T) {
	if dir := os.Getenv("KEYS_TEST_DIR"); dir != "" {
		for i := 0; ; i++ {
			if _, _, err := keys.Load(filepath.Join(dir, fmt.Sprint(i)), ""); err != nil {
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
	if got := k.Override(full); got.AccessKey != full || got.Master != k.Master {
		t.Errorf("all: %v", got)
	}
	if !cmp.Equal(load(t, dir), k) {
		t.Error("the keys on disk changed")
	}
	if after, err := os.ReadFile(filepath.Join(dir, keys.AccessKeyFile)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file changed: %v", err)
	}
}

func TestDevKeysAreFixedButForTheMasterKey(t *testing.T) {
	one, two := keys.Dev(), keys.Dev()
	if one.AccessKey != (keys.AccessKey{ID: "PARLEYDEVKEY", Secret: "parley-dev-secret", Account: "000000000000"}) {
		t.Errorf("dev key %q %q", one.AccessKey.ID, string(one.AccessKey.Secret))
	}
	if one.Master == two.Master {
		t.Error("two servers share a master key")
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

func TestWhatIsSealedOpensForItsPurposeOnly(t *testing.T) {
	dir := t.TempDir()
	m := load(t, dir).Master
	sealed := m.Seal("secret of AKID", []byte("plain"))
	if bytes.Contains(sealed, []byte("plain")) || bytes.Equal(sealed, m.Seal("secret of AKID", []byte("plain"))) {
		t.Errorf("sealed: %q", sealed)
	}
	if plain, err := load(t, dir).Master.Open("secret of AKID", sealed); err != nil || string(plain) != "plain" {
		t.Errorf("opened: %q, %v", plain, err)
	}
	cut := bytes.Clone(sealed)
	cut[len(cut)-1] ^= 1
	for what, open := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return m.Open("secret of AKIE", sealed) },
		"another key":     func() ([]byte, error) { return keys.NewMaster().Open("secret of AKID", sealed) },
		"changed":         func() ([]byte, error) { return m.Open("secret of AKID", cut) },
		"cut off":         func() ([]byte, error) { return m.Open("secret of AKID", sealed[:20]) },
		"nothing":         func() ([]byte, error) { return m.Open("secret of AKID", nil) },
	} {
		if plain, err := open(); err == nil || !strings.Contains(err.Error(), "PARLEY_MASTER_KEY") {
			t.Errorf("%s: %q, %v", what, plain, err)
		}
	}
}

func TestAMasterKeyThatIsGivenIsNotKept(t *testing.T) {
	const given = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	dir := t.TempDir()
	k, _, err := keys.Load(dir, given)
	if err != nil || string(k.Master[:]) != "0123456789abcdef0123456789abcdef" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, keys.MasterKeyFile)); !os.IsNotExist(err) {
		t.Errorf("a file was made: %v", err)
	}
	if _, _, err := keys.Load(dir, "0123456789abcdef"); err == nil || strings.Contains(err.Error(), "0123456789abcdef") {
		t.Errorf("a short one: %v", err)
	}
}

func TestKeysAreNeverShown(t *testing.T) {
	k := load(t, t.TempDir())
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+"\n", k)
		fmt.Fprintf(&shown, verb+"\n", []any{&k, k.AccessKey, &k.AccessKey, k.Master, &k.Master})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(h).Info("x", "keys", k, "pointer", &k, "access", k.AccessKey)
	}
	for _, v := range []any{k, &k, k.AccessKey, k.Master, []any{k, k.Master}} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(encoded)
	}
	commas := func(b []byte) string { return strings.ReplaceAll(strings.Trim(fmt.Sprint(b), "[]"), " ", ",") }
	for _, secret := range []string{
		commas(k.Master[:8]),
		string(k.AccessKey.Secret), fmt.Sprintf("%x", string(k.AccessKey.Secret)), fmt.Sprintf("%x", k.Master[:8]),
		strings.Trim(fmt.Sprint(k.Master[:8]), "[]"),
	} {
		if bytes.Contains(shown.Bytes(), []byte(secret)) {
			t.Errorf("%q shows:\n%s", secret, shown.String())
		}
	}
	if !strings.Contains(shown.String(), k.AccessKey.ID) {
		t.Errorf("the id is missing:\n%s", shown.String())
	}
}
