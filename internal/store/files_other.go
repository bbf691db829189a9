//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package store

import "os"

// lock does nothing where the system has no flock.
func lock(string) (*os.File, error) { return nil, nil }

// syncFolder does nothing where folders are not synced.
func syncFolder(string) error { return nil }
