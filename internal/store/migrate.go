package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"

	"github.com/parleychat/parley/internal/store/migrations"
)

// migrate applies the migrations the database lacks, if it may. A database of a
// later release is refused untouched: this one does not know its rules.
func migrate(ctx context.Context, db *sql.DB, d *dialect, may bool) (err error) {
	files, err := migrations.Of(d.name)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	unlock, err := d.lockSchema(ctx, db)
	if err != nil {
		return fmt.Errorf("lock the schema: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	p, err := goose.NewProvider(d.goose, db, files, goose.WithDisableGlobalRegistry(true))
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
