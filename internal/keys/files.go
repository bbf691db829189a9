package keys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const maxFile = 1 << 16

// modes tells whether permission bits mean something: not on Windows, where
// access lists do that work.
const modes = runtime.GOOS != "windows"

// makeDir makes the data directory for its owner alone. One that is there may be
// readable by others, as mounted volumes are; one that everybody can write to
// would let them replace the keys.
func makeDir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return createDir(dir)
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("data directory: %s is not a directory", dir)
	}
	if modes && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("data directory: everybody can write to %s (mode %#o); run chmod 700 %s, or name a new directory inside it",
			dir, info.Mode().Perm(), dir)
	}
	return nil
}

func createDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return syncDir(filepath.Dir(filepath.Clean(dir)))
}

// readPrivate returns the content of a file that its owner alone can read.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read keys: %s is not a file", path)
	}
	if mode := info.Mode().Perm(); modes && mode&0o077 != 0 {
		return nil, fmt.Errorf("read keys: others can read or change %s (mode %#o); run chmod 600 %s, and replace the keys if others may have read them",
			path, mode, path)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("read keys: %s has over %d bytes", path, maxFile)
	}
	return content, nil
}

// writePrivate makes a file with this content unless there is one, and tells
// which. It is there whole or not at all, whenever the power fails: the content
// is on disk before the name, and a link, unlike a rename, replaces nothing.
func writePrivate(path string, content []byte) (made bool, err error) {
	temp, err := writeTemp(path, content)
	if err != nil {
		return false, fmt.Errorf("write keys: %w", err)
	}
	linked := os.Link(temp, path)
	if err := os.Remove(temp); err != nil {
		return false, fmt.Errorf("write keys: %w", err)
	}
	if linked != nil && !errors.Is(linked, fs.ErrExist) {
		return false, fmt.Errorf("write keys: %w", linked)
	}
	return linked == nil, syncDir(filepath.Dir(path))
}

func writeTemp(path string, content []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	if !modes {
		return nil // Windows has no such call; NTFS journals names
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	err = errors.Join(d.Sync(), d.Close())
	if err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
