package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/ivschat"
)

// CreateLoggingConfiguration adds the logging configuration, unless the tenant
// has limit of them (ErrQuota); a limit of 0 or less is none. Its ARN follows
// from the tenant and its id. Times keep their milliseconds.
func (s *Store) CreateLoggingConfiguration(ctx context.Context, t Tenant, lc *ivschat.LoggingConfiguration, limit int) error {
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		if err := count(ctx, tx, t, arn.LoggingConfiguration, limit); err != nil {
			return err
		}
		columns, err := loggingConfigurationColumns(t, lc)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO logging_configurations (account, region, id, name, create_time, update_time, destination, state, tags)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, columns...)
		return err
	})
	return wrap(err, "create logging configuration", lc.ID)
}

// LoggingConfiguration returns a logging configuration, or ErrNotFound.
func (s *Store) LoggingConfiguration(ctx context.Context, t Tenant, id string) (*ivschat.LoggingConfiguration, error) {
	lc, err := loggingConfigurationByID(ctx, s.reader, t, id)
	return lc, wrap(err, "read logging configuration", id)
}

// UpdateLoggingConfiguration has change edit the logging configuration and
// saves the result, both in one transaction, and returns what was saved. An
// error of change undoes and is returned as it is. Id, ARN and tenant do not
// change. change must not call the store and may run more than once.
func (s *Store) UpdateLoggingConfiguration(ctx context.Context, t Tenant, id string, change func(*ivschat.LoggingConfiguration) error) (*ivschat.LoggingConfiguration, error) {
	var lc *ivschat.LoggingConfiguration
	var refused error
	err := s.do(ctx, func(ctx context.Context, tx *transaction) (err error) {
		if err := tx.hold(ctx, "logging_configurations", t, id); err != nil {
			return err
		}
		if lc, err = loggingConfigurationByID(ctx, tx, t, id); err != nil {
			return err
		}
		if refused = change(lc); refused != nil {
			return refused
		}
		lc.ID = id
		columns, err := loggingConfigurationColumns(t, lc)
		if err != nil {
			return err
		}
		if err := found(tx.ExecContext(ctx, `
			UPDATE logging_configurations SET name = $4, create_time = $5, update_time = $6, destination = $7, state = $8, tags = $9
			WHERE account = $1 AND region = $2 AND id = $3`, columns...)); err != nil {
			return err
		}
		lc, err = loggingConfigurationByID(ctx, tx, t, id)
		return err
	})
	if refused != nil && errors.Is(err, refused) {
		return nil, refused
	}
	if err != nil {
		return nil, wrap(err, "update logging configuration", id)
	}
	return lc, nil
}

// DeleteLoggingConfiguration removes the logging configuration. It returns
// ErrNotFound, or ErrInUse while a room refers to it
// (spec: control-plane.md §3.1).
func (s *Store) DeleteLoggingConfiguration(ctx context.Context, t Tenant, id string) error {
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		if err := discount(ctx, tx, t, arn.LoggingConfiguration); err != nil {
			return err
		}
		if err := tx.hold(ctx, "logging_configurations", t, id); err != nil {
			return err
		}
		used, err := single(ctx, tx, scalar[bool], `
			SELECT EXISTS (SELECT 1 FROM room_logging_configurations
				WHERE account = $1 AND region = $2 AND logging_configuration_id = $3)`,
			t.Account, t.Region, id)
		if err != nil {
			return err
		}
		if used {
			return ErrInUse
		}
		return found(tx.ExecContext(ctx, `
			DELETE FROM logging_configurations WHERE account = $1 AND region = $2 AND id = $3`,
			t.Account, t.Region, id))
	})
	return wrap(err, "delete logging configuration", id)
}

// LoggingConfigurations returns at most n logging configurations, last updated
// first, then by id.
func (s *Store) LoggingConfigurations(ctx context.Context, t Tenant, after Cursor, n int) ([]ivschat.LoggingConfiguration, error) {
	var q query
	q.add("account = ? AND region = ?", t.Account, t.Region)
	q.page(after, n)
	list, err := queryLoggingConfigurations(ctx, s.reader, t, q)
	if err != nil {
		return nil, fmt.Errorf("list logging configurations: %w", err)
	}
	return list, nil
}

func loggingConfigurationByID(ctx context.Context, db queryer, t Tenant, id string) (*ivschat.LoggingConfiguration, error) {
	var q query
	q.add("account = ? AND region = ? AND id = ?", t.Account, t.Region, id)
	list, err := queryLoggingConfigurations(ctx, db, t, q)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrNotFound
	}
	return &list[0], nil
}

func queryLoggingConfigurations(ctx context.Context, db queryer, t Tenant, where query) ([]ivschat.LoggingConfiguration, error) {
	return collect(ctx, db, func(rows *sql.Rows) (lc ivschat.LoggingConfiguration, err error) {
		var create, update int64
		var destination, tags string
		if err := rows.Scan(&lc.ID, &lc.Name, &create, &update, &destination, &lc.State, &tags); err != nil {
			return lc, err
		}
		lc.Arn = t.arn(arn.LoggingConfiguration, lc.ID)
		lc.CreateTime, lc.UpdateTime = fromMillis(create), fromMillis(update)
		return lc, errors.Join(fromJSON(destination, &lc.DestinationConfiguration), fromJSON(tags, &lc.Tags))
	}, `
		SELECT id, name, create_time, update_time, destination, state, tags
		FROM logging_configurations WHERE `+where.text, where.args...)
}

// loggingConfigurationColumns returns the columns of logging_configurations in
// the order of its table.
func loggingConfigurationColumns(t Tenant, lc *ivschat.LoggingConfiguration) ([]any, error) {
	destination, err := asJSON(lc.DestinationConfiguration)
	if err != nil {
		return nil, err
	}
	tags, err := asJSON(lc.Tags)
	if err != nil {
		return nil, err
	}
	return []any{t.Account, t.Region, lc.ID, lc.Name, millis(lc.CreateTime), millis(lc.UpdateTime),
		destination, lc.State, tags}, nil
}
