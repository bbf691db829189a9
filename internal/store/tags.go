package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/parleychat/parley/internal/arn"
)

// Tags returns the tags of a room or a logging configuration, or ErrNotFound.
// kind is arn.Room or arn.LoggingConfiguration.
func (s *Store) Tags(ctx context.Context, t Tenant, kind, id string) (map[string]string, error) {
	tags, err := readTags(ctx, s.reader, t, kind, id)
	return tags, wrap(err, "read tags of "+kind, id)
}

// UpdateTags has change edit the tags in place and saves them, both in one
// transaction. An error of change undoes and is returned as it is. The
// resource's update time stays (spec: control-plane.md §4.5). change must not
// call the store and may run more than once. UpdateTags returns ErrNotFound as Tags does.
func (s *Store) UpdateTags(ctx context.Context, t Tenant, kind, id string, change func(tags map[string]string) error) error {
	var refused error
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		table, err := tableOf(kind)
		if err != nil {
			return err
		}
		if err := tx.hold(ctx, table, t, id); err != nil {
			return err
		}
		tags, err := readTags(ctx, tx, t, kind, id)
		if err != nil {
			return err
		}
		if refused = change(tags); refused != nil {
			return refused
		}
		text, err := asJSON(tags)
		if err != nil {
			return err
		}
		return found(tx.ExecContext(ctx, `
			UPDATE `+table+` SET tags = $1 WHERE account = $2 AND region = $3 AND id = $4`,
			text, t.Account, t.Region, id))
	})
	if refused != nil && errors.Is(err, refused) {
		return refused
	}
	return wrap(err, "update tags of "+kind, id)
}

func readTags(ctx context.Context, db queryer, t Tenant, kind, id string) (tags map[string]string, err error) {
	table, err := tableOf(kind)
	if err != nil {
		return nil, err
	}
	text, err := single(ctx, db, scalar[string], `
		SELECT tags FROM `+table+` WHERE account = $1 AND region = $2 AND id = $3`,
		t.Account, t.Region, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return tags, fromJSON(text, &tags)
}

func tableOf(kind string) (string, error) {
	switch kind {
	case arn.Room:
		return "rooms", nil
	case arn.LoggingConfiguration:
		return "logging_configurations", nil
	}
	return "", fmt.Errorf("no resource type %q", kind)
}
