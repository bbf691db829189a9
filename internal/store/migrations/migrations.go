// Package migrations holds the schema of the store as numbered SQL files, each
// applied once, in order, in a transaction of its own. A file that was released
// never changes: the next change is the next file.
//
// Each engine has a folder, and a change is a file of one number and name in
// both: a schema version means the same everywhere. Text compares and sorts by
// bytes, which PostgreSQL has to be told of columns that are keys or sorted by.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// Of returns the migrations of an engine: "sqlite" or "postgres".
func Of(engine string) (fs.FS, error) { return fs.Sub(files, engine) }
