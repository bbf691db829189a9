// Package migrations holds the schema of the store as numbered SQL files, each
// applied once, in order, in a transaction of its own. A file that was released
// never changes: the next change is the next file.
//
// The text is meant for more than one engine. Types are TEXT, BIGINT and BLOB;
// where an engine has no BLOB a domain of that name stands in. Text compares
// and sorts by bytes.
package migrations

import "embed"

// Files are the migrations.
//
//go:embed *.sql
var Files embed.FS
