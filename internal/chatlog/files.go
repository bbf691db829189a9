package chatlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	incoming = ".incoming"        // under the directory: files that are being written
	staleAge = time.Hour          // what is older there belongs to nobody
	dirMode  = fs.FileMode(0o700) // chat logs are what people said
	fileMode = fs.FileMode(0o600)
)

// tree is a directory of chat logs. Nobody else writes into it.
type tree struct {
	dir   string
	seed  maphash.Seed
	locks [64]sync.Mutex // by file: two configurations may name one bucket or group
	dirs  sync.Mutex     // a directory that is there is known to stay there
	sweep sync.Once
}

func newTree(dir string) *tree { return &tree{dir: dir, seed: maphash.MakeSeed()} }

func (t *tree) lock(name string) *sync.Mutex {
	return &t.locks[maphash.String(t.seed, name)%uint64(len(t.locks))]
}

// objects puts each batch as a gzip file of its own, under the keys of S3.
type objects struct {
	tree   *tree
	bucket string
	limits Limits
}

func (o *objects) Limits() Limits { return o.limits }

func (o *objects) Put(ctx context.Context, b Batch) (Outcome, error) {
	good, refused := sift(b.Records, 0)
	if len(good) == 0 {
		return Outcome{Refused: refused}, nil
	}
	b.Records = pick(b.Records, good)
	body, err := pack(b.Records)
	if err != nil {
		return Outcome{}, err
	}
	for attempt := range maxKeys {
		if err := ctx.Err(); err != nil {
			return Outcome{}, err
		}
		path := filepath.Join(o.tree.dir, segment(o.bucket), filepath.FromSlash(objectKey(b, attempt)))
		if taken, err := o.tree.create(path, body); err != nil {
			return Outcome{}, denied(err)
		} else if !taken {
			return Outcome{Refused: refused}, nil
		}
	}
	return Outcome{}, errKeysTaken
}

var errKeysTaken = errors.New("other objects have every key of this batch")

// create writes a file that is either not there or whole, whatever happens, or
// tells that another one is in its place.
func (t *tree) create(path string, body []byte) (taken bool, err error) {
	staging := filepath.Join(t.dir, incoming)
	if err := errors.Join(t.makeDir(staging), t.makeDir(filepath.Dir(path))); err != nil {
		return false, err
	}
	t.sweep.Do(func() { removeStale(staging) })
	lock := t.lock(path)
	lock.Lock()
	defer lock.Unlock()
	if there, err := os.ReadFile(path); err == nil {
		if !bytes.Equal(there, body) {
			return true, nil
		}
		return false, syncDir(filepath.Dir(path)) // of a rename that was not known to be kept
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	f, err := os.CreateTemp(staging, "object-*")
	if err != nil {
		return false, err
	}
	_, err = f.Write(body)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return false, errors.Join(err, os.Remove(f.Name()))
	}
	return false, syncDir(filepath.Dir(path))
}

// removeStale clears what a killed process left. It helps nobody to hear of a
// failure: a file more is no harm.
func removeStale(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAge {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// appended puts the records of each room at the end of a file of its own.
type appended struct {
	tree   *tree
	parts  []string // of the directory
	file   func(roomID string) string
	limits Limits
}

func (a *appended) Limits() Limits { return a.limits }

func (a *appended) Put(ctx context.Context, b Batch) (Outcome, error) {
	good, refused := sift(b.Records, 0)
	if len(good) == 0 {
		return Outcome{Refused: refused}, nil
	}
	if err := ctx.Err(); err != nil {
		return Outcome{}, err
	}
	path := filepath.Join(a.dir(), filepath.FromSlash(a.file(b.RoomID)))
	if err := a.tree.append(path, lines(pick(b.Records, good))); err != nil {
		return Outcome{}, denied(err)
	}
	return Outcome{Refused: refused}, nil
}

func (a *appended) dir() string {
	dir := a.tree.dir
	for _, part := range a.parts {
		dir = filepath.Join(dir, segment(part))
	}
	return dir
}

// append adds whole lines to a file. Half a line at its end, of a process or a
// machine that died, is cut off first: its record was never reported as taken.
func (t *tree) append(path string, text []byte) error {
	if err := t.makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	lock := t.lock(path)
	lock.Lock()
	defer lock.Unlock()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	end, err := wholeLines(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.WriteAt(text, end)
		if err != nil { // a full disk: readers see no half record
			err = errors.Join(err, f.Truncate(end))
		}
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path)) // the file may be new, or made by a process that died here
}

// wholeLines returns where the last whole line of the file ends.
func wholeLines(f io.ReadSeeker) (int64, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	block := make([]byte, 4096)
	for end > 0 {
		start := max(0, end-int64(len(block)))
		part := block[:end-start]
		if _, err := f.Seek(start, io.SeekStart); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(f, part); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// probe tries to write under a directory.
func (t *tree) probe(dir string) error {
	if err := t.makeDir(dir); err != nil {
		return denied(err)
	}
	f, err := os.CreateTemp(dir, ".check-*")
	if err != nil {
		return denied(err)
	}
	_, err = f.WriteString("chat logs can be written here\n")
	return denied(errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name())))
}

// segment makes a name one part of a path: a log group may have slashes, or be
// two dots. Longer names than file systems take are cut, and told apart by a hash.
func segment(name string) string {
	s := url.PathEscape(name)
	if strings.HasPrefix(s, ".") {
		s = "%2E" + s[1:]
	}
	const most = 200
	if len(s) > most {
		s = fmt.Sprintf("%s~%s", s[:most-9], objectHash(Batch{RoomID: name}, 0))
	}
	return s
}

func (t *tree) makeDir(dir string) error {
	t.dirs.Lock()
	defer t.dirs.Unlock()
	return makeDir(dir)
}

// makeDir makes a directory and those above it so that they outlast a power cut.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// denied adds what an error of the file system means to metrics.
func denied(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", ErrAccessDenied, err)
	}
	return fmt.Errorf("chat log files: %w", err)
}

func (o *objects) probe(context.Context, string) error {
	return o.tree.probe(filepath.Join(o.tree.dir, segment(o.bucket)))
}

func (a *appended) probe(context.Context, string) error { return a.tree.probe(a.dir()) }
