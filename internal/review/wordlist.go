package review

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	ahocorasick "github.com/petar-dambovaliev/aho-corasick"
)

// Bounds of a word list.
const (
	maxWordFile    = 1 << 20
	maxExpressions = 1000
	// A list of this many bytes or less is searched by a table that takes some
	// hundred bytes for each of them, a larger one by a smaller, slower machine.
	fastWords = 32 << 10
)

// wordlist denies messages with a word or expression of a file in them. The file
// is read again when it changes.
type wordlist struct {
	file    string
	fold    *folder
	current atomic.Pointer[words]
	seen    os.FileInfo // refresh's alone
}

func newWordlist(o options, f *folder) (judge, error) {
	w := &wordlist{file: o.one("file"), fold: f}
	if w.file == "" {
		return nil, errors.New("wordlist needs a file: builtin:wordlist?file=words.txt")
	}
	if _, err := w.refresh(); err != nil {
		return nil, err
	}
	return w, nil
}

// denies implements judge.
func (w *wordlist) denies(q *Request) bool { return w.current.Load().match(q.Content) }

// refresh implements watched. A file that cannot be read, or has a mistake in it,
// changes nothing.
func (w *wordlist) refresh() (changed bool, err error) {
	info, err := os.Stat(w.file)
	if err != nil {
		return false, err
	}
	if w.seen != nil && os.SameFile(info, w.seen) && info.ModTime().Equal(w.seen.ModTime()) && info.Size() == w.seen.Size() {
		return false, nil
	}
	w.seen = info
	f, err := os.Open(w.file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	read, err := readWords(f, w.fold)
	if err != nil {
		return false, fmt.Errorf("%s: %w", w.file, err)
	}
	w.current.Store(read)
	return true, nil
}

// watchEvery is how often files are looked at. Notifications of the file system
// would be quicker, and miss what mounts and atomic replacements do.
const watchEvery = time.Second

// watch keeps the built-in handlers' files fresh until the reviewer is closed.
func (r *Reviewer) watch() {
	var all []watched
	for _, b := range r.builtins {
		if w, ok := b.judge.(watched); ok {
			all = append(all, w)
		}
	}
	if len(all) == 0 {
		return
	}
	r.done.Go(func() {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		failing := map[watched]string{}
		for {
			select {
			case <-r.stop:
				return
			case <-ticker.C:
			}
			for _, w := range all {
				changed, err := w.refresh()
				if changed {
					r.options.Logger.Info("word list read again")
				}
				problem := ""
				if err != nil {
					problem = err.Error()
				}
				if problem != "" && failing[w] != problem {
					r.options.Logger.Error("word list not read again; the old one stays", "error", err)
				}
				failing[w] = problem
			}
		}
	})
}

// words is what a file says.
type words struct {
	fold        *folder
	automaton   ahocorasick.AhoCorasick
	patterns    []pattern // by their number in the automaton
	expressions []*regexp.Regexp
	always      []int // expressions that have to be run on every text
}

// pattern is a text that is looked for.
type pattern struct {
	text        string
	words       []edges // as a word, between such edges
	expressions []int   // which to run when it is found
}

// edges says where a word has to end, and not only the text that is looked for.
type edges struct{ left, right bool }

// readWords reads a file: a word or phrase on each line, with * at an end where it
// may go on; /expression/; # comment.
func readWords(from io.Reader, fold *folder) (*words, error) {
	w := &words{fold: fold}
	byText := map[string]int{}
	add := func(text string) *pattern {
		i, ok := byText[text]
		if !ok {
			i = len(w.patterns)
			byText[text] = i
			w.patterns = append(w.patterns, pattern{text: text})
		}
		return &w.patterns[i]
	}
	limited := &io.LimitedReader{R: from, N: maxWordFile + 1}
	lines := bufio.NewScanner(limited)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := w.add(line, add); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if limited.N <= 0 {
		return nil, fmt.Errorf("is over %d bytes", maxWordFile)
	}
	w.build()
	return w, nil
}

func (w *words) add(line string, add func(string) *pattern) error {
	if !utf8.ValidString(line) {
		return errors.New("is not valid UTF-8")
	}
	if len(line) > 1 && strings.HasPrefix(line, "/") && strings.HasSuffix(line, "/") {
		return w.addExpression(line[1:len(line)-1], add)
	}
	word, right := strings.CutSuffix(line, "*")
	word, left := strings.CutPrefix(word, "*")
	text := strings.TrimSpace(string(w.fold.plain(word)))
	if text == "" {
		return errors.New("has nothing that could be looked for")
	}
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	p := add(text)
	p.words = append(p.words, edges{left: !left && wordy(first), right: !right && wordy(last)})
	return nil
}

func (w *words) addExpression(source string, add func(string) *pattern) error {
	if source == "" {
		return errors.New("is an expression that matches everything")
	}
	if len(w.expressions) == maxExpressions {
		return fmt.Errorf("is one expression too many; allowed are %d", maxExpressions)
	}
	compiled, err := regexp.Compile("(?i)" + source)
	if err != nil {
		return errors.New("is not a regular expression that Go takes: " + err.Error())
	}
	if compiled.MatchString("") {
		return errors.New("is an expression that matches everything")
	}
	parsed, err := syntax.Parse(source, syntax.Perl|syntax.FoldCase)
	if err != nil {
		return err
	}
	number := len(w.expressions)
	w.expressions = append(w.expressions, compiled)
	found := needles(parsed.Simplify())
	if found == nil {
		w.always = append(w.always, number)
	}
	for _, text := range found {
		p := add(text)
		p.expressions = append(p.expressions, number)
	}
	return nil
}

func (w *words) build() {
	texts, size := make([]string, len(w.patterns)), 0
	for i, p := range w.patterns {
		texts[i] = p.text
		size += len(p.text)
	}
	builder := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{MatchKind: ahocorasick.StandardMatch, DFA: size <= fastWords})
	w.automaton = builder.Build(texts)
}

// match tells whether a word or an expression is in the text.
func (w *words) match(text string) bool {
	var run []int
	if len(w.patterns) > 0 {
		form := w.fold.plain(text)
		found := w.automaton.IterOverlappingByte(form)
		for m := found.Next(); m != nil; m = found.Next() {
			p := &w.patterns[m.Pattern()]
			for _, e := range p.words {
				if e.fit(form, m.Start(), m.End()) {
					return true
				}
			}
			run = append(run, p.expressions...)
		}
	}
	if len(run) == 0 && len(w.always) == 0 {
		return false
	}
	text = normal(text)
	for _, some := range [][]int{run, w.always} {
		for _, number := range some {
			if w.expressions[number].MatchString(text) {
				return true
			}
		}
	}
	return false
}

func (e edges) fit(form []byte, start, end int) bool {
	before, _ := utf8.DecodeLastRune(form[:start])
	after, _ := utf8.DecodeRune(form[end:])
	return !(e.left && wordy(before)) && !(e.right && wordy(after))
}
