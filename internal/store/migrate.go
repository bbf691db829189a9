package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"

	"github.com/parleychat/parley/internal/store/migrations"
)

// migrate applies the migrations the database lacks, if it may. A database of a
// later release is refused untouched: this one does not know its rules.
func migrate(ctx context.Context, db *sql.DB, may bool) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.Files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if has > knows {
		return fmt.Errorf("the database is at schema version %d and this release knows %d: start a release at least as new as the one that wrote it", has, knows)
	}
	if !may {
		if has < knows {
			return fmt.Errorf("the database is at schema version %d, of an earlier release than this one: start the server of this release once", has)
		}
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
