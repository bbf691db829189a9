package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/ivschat"
)

// RoomFilter selects rooms that match all its members, each exactly and with
// its case; nil members match every room.
type RoomFilter struct {
	Name                    *string
	HandlerURI              *string // "" finds rooms whose handler was taken away, not those that never had one
	LoggingConfigurationARN *string
}

// CreateRoom adds the room, unless the tenant has limit rooms; a limit of 0 or
// less is none. The room's ARN follows from the tenant and its id, whatever it
// says. Times keep their milliseconds.
//
// It returns ErrQuota or a *LoggingConfigurationError.
func (s *Store) CreateRoom(ctx context.Context, t Tenant, room *ivschat.Room, limit int) error {
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		if err := count(ctx, tx, t, arn.Room, limit); err != nil {
			return err
		}
		columns, err := roomColumns(t, room)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO rooms (account, region, id, name, create_time, update_time,
				maximum_message_rate, maximum_message_length, handler_uri, handler_fallback, tags)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, columns...); err != nil {
			return err
		}
		return attach(ctx, tx, t, room.ID, room.LoggingConfigurationIdentifiers)
	})
	return wrap(err, "create room", room.ID)
}

// Room returns a room, or ErrNotFound.
func (s *Store) Room(ctx context.Context, t Tenant, id string) (*ivschat.Room, error) {
	if s.room == nil {
		room, err := roomByID(ctx, s.reader, t, id)
		return room, wrap(err, "read room", id)
	}
	// A look-up by key is over before anyone could interrupt it, and a context
	// that can end costs two goroutines to watch it.
	rows, err := s.room.QueryContext(context.WithoutCancel(ctx), t.Account, t.Region, id)
	if err != nil {
		return nil, wrap(err, "read room", id)
	}
	var list rooms
	err = eachOf(rows, list.scan(t))
	room, err := one(list, err)
	return room, wrap(err, "read room", id)
}

// UpdateRoom has change edit the room and saves the result, both in one
// transaction, and returns what was saved. An error of change undoes and is
// returned as it is. Id, ARN and tenant do not change. Logging configurations
// are looked up only if their list changed.
//
// change must not call the store and may run more than once. UpdateRoom returns ErrNotFound or a
// *LoggingConfigurationError.
func (s *Store) UpdateRoom(ctx context.Context, t Tenant, id string, change func(*ivschat.Room) error) (*ivschat.Room, error) {
	var room *ivschat.Room
	var refused error
	err := s.do(ctx, func(ctx context.Context, tx *transaction) (err error) {
		if err := tx.hold(ctx, "rooms", t, id); err != nil {
			return err
		}
		if room, err = roomByID(ctx, tx, t, id); err != nil {
			return err
		}
		attached := slices.Clone(room.LoggingConfigurationIdentifiers)
		if refused = change(room); refused != nil {
			return refused
		}
		room.ID = id
		columns, err := roomColumns(t, room)
		if err != nil {
			return err
		}
		if err := found(tx.ExecContext(ctx, `
			UPDATE rooms SET name = $4, create_time = $5, update_time = $6,
				maximum_message_rate = $7, maximum_message_length = $8, handler_uri = $9, handler_fallback = $10, tags = $11
			WHERE account = $1 AND region = $2 AND id = $3`, columns...)); err != nil {
			return err
		}
		if !slices.Equal(attached, room.LoggingConfigurationIdentifiers) {
			if err := detach(ctx, tx, t, id); err != nil {
				return err
			}
			if err := attach(ctx, tx, t, id, room.LoggingConfigurationIdentifiers); err != nil {
				return err
			}
		}
		room, err = roomByID(ctx, tx, t, id)
		return err
	})
	if refused != nil && errors.Is(err, refused) {
		return nil, refused
	}
	if err != nil {
		return nil, wrap(err, "update room", id)
	}
	return room, nil
}

// DeleteRoom removes the room and its associations, or returns ErrNotFound.
func (s *Store) DeleteRoom(ctx context.Context, t Tenant, id string) error {
	err := s.do(ctx, func(ctx context.Context, tx *transaction) error {
		if err := discount(ctx, tx, t, arn.Room); err != nil {
			return err
		}
		// The foreign key takes the associations along.
		return found(tx.ExecContext(ctx, `
			DELETE FROM rooms WHERE account = $1 AND region = $2 AND id = $3`, t.Account, t.Region, id))
	})
	return wrap(err, "delete room", id)
}

// Rooms returns at most n of the rooms that match, last updated first, then by
// id. A room that is updated between two pages moves to the front: the later
// page may miss it, and none shows it twice.
func (s *Store) Rooms(ctx context.Context, t Tenant, f RoomFilter, after Cursor, n int) ([]ivschat.Room, error) {
	var q query
	q.add("account = ? AND region = ?", t.Account, t.Region)
	if f.Name != nil {
		q.add(" AND name = ?", *f.Name)
	}
	if f.HandlerURI != nil {
		q.add(" AND handler_uri = ?", *f.HandlerURI)
	}
	if f.LoggingConfigurationARN != nil {
		id, ok := t.loggingConfigurationID(*f.LoggingConfigurationARN)
		if !ok {
			return nil, nil
		}
		q.add(` AND id IN (SELECT room_id FROM room_logging_configurations
			WHERE account = ? AND region = ? AND logging_configuration_id = ?)`, t.Account, t.Region, id)
	}
	q.page(after, n)
	rooms, err := queryRooms(ctx, s.reader, t, q)
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	return rooms, nil
}

// attach associates the room with logging configurations of its tenant.
func attach(ctx context.Context, tx *transaction, t Tenant, roomID string, arns []string) error {
	var rows []any
	for position, text := range arns {
		id, ok := t.loggingConfigurationID(text)
		if !ok {
			return &LoggingConfigurationError{ARN: text, Missing: true}
		}
		// Held, so that it is neither deleted nor changed meanwhile.
		state, err := single(ctx, tx, scalar[ivschat.LoggingConfigurationState], `
			SELECT state FROM logging_configurations WHERE account = $1 AND region = $2 AND id = $3`+tx.dialect.forShare,
			t.Account, t.Region, id)
		if errors.Is(err, sql.ErrNoRows) {
			return &LoggingConfigurationError{ARN: text, Missing: true}
		}
		if err != nil {
			return err
		}
		if state != ivschat.LoggingConfigurationStateActive {
			return &LoggingConfigurationError{ARN: text}
		}
		rows = append(rows, t.Account, t.Region, roomID, position, id)
	}
	return tx.insert(ctx, `room_logging_configurations (account, region, room_id, position, logging_configuration_id)`, 5, rows)
}

func detach(ctx context.Context, tx *transaction, t Tenant, roomID string) error {
	_, err := tx.ExecContext(ctx, `
		DELETE FROM room_logging_configurations WHERE account = $1 AND region = $2 AND room_id = $3`,
		t.Account, t.Region, roomID)
	return err
}

func roomByID(ctx context.Context, db queryer, t Tenant, id string) (*ivschat.Room, error) {
	var q query
	q.add("account = ? AND region = ? AND id = ?", t.Account, t.Region, id)
	return one(queryRooms(ctx, db, t, q))
}

func one(rooms []ivschat.Room, err error) (*ivschat.Room, error) {
	if err != nil {
		return nil, err
	}
	if len(rooms) == 0 {
		return nil, ErrNotFound
	}
	return &rooms[0], nil
}

// queryRooms returns the rooms that the condition selects, in list order. It is
// one statement, so what it sees is of one moment.
func queryRooms(ctx context.Context, db queryer, t Tenant, where query) ([]ivschat.Room, error) {
	var list rooms
	err := db.each(ctx, list.scan(t), selectRooms(where.text), where.args...)
	if err != nil {
		return nil, err
	}
	return list, nil
}

func selectRooms(where string) string {
	return `
		SELECT r.id, r.name, r.create_time, r.update_time, r.maximum_message_rate, r.maximum_message_length,
			r.handler_uri, r.handler_fallback, r.tags, a.logging_configuration_id
		FROM (SELECT account, region, id, name, create_time, update_time, maximum_message_rate, maximum_message_length,
				handler_uri, handler_fallback, tags
			FROM rooms WHERE ` + where + `) r
		LEFT JOIN room_logging_configurations a
			ON a.account = r.account AND a.region = r.region AND a.room_id = r.id
		ORDER BY r.update_time DESC, r.id, a.position`
}

// rooms are what selectRooms selects.
type rooms []ivschat.Room

// scan returns what reads a row of selectRooms.
func (list *rooms) scan(t Tenant) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		room, attached, err := scanRoom(t, rows)
		if err != nil {
			return err
		}
		// A room has a row for each of its associations, one after the other.
		if n := len(*list); n == 0 || (*list)[n-1].ID != room.ID {
			*list = append(*list, room)
		}
		if attached.Valid {
			last := &(*list)[len(*list)-1]
			last.LoggingConfigurationIdentifiers = append(last.LoggingConfigurationIdentifiers,
				t.arn(arn.LoggingConfiguration, attached.V))
		}
		return nil
	}
}

func scanRoom(t Tenant, rows *sql.Rows) (room ivschat.Room, attached sql.Null[string], err error) {
	var create, update int64
	var uri *string
	var fallback *ivschat.FallbackResult
	var tags string
	if err := rows.Scan(&room.ID, &room.Name, &create, &update,
		&room.MaximumMessageRatePerSecond, &room.MaximumMessageLength, &uri, &fallback, &tags, &attached); err != nil {
		return room, attached, err
	}
	room.Arn = t.arn(arn.Room, room.ID)
	room.CreateTime, room.UpdateTime = fromMillis(create), fromMillis(update)
	room.LoggingConfigurationIdentifiers = []string{}
	if uri != nil {
		room.MessageReviewHandler = &ivschat.MessageReviewHandler{URI: uri, FallbackResult: fallback}
	}
	return room, attached, fromJSON(tags, &room.Tags)
}

// roomColumns returns the columns of rooms from account to tags.
func roomColumns(t Tenant, room *ivschat.Room) ([]any, error) {
	tags, err := asJSON(room.Tags)
	if err != nil {
		return nil, err
	}
	var uri *string
	var fallback *ivschat.FallbackResult
	if h := room.MessageReviewHandler; h != nil {
		uri, fallback = h.URI, h.FallbackResult
		if uri == nil {
			uri = new("") // NULL says that there never was a handler
		}
	}
	return []any{t.Account, t.Region, room.ID, room.Name, millis(room.CreateTime), millis(room.UpdateTime),
		room.MaximumMessageRatePerSecond, room.MaximumMessageLength, uri, fallback, tags}, nil
}

// wrap says what failed on which resource; the errors that callers ask for keep
// their names.
func wrap(err error, doing, id string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", doing, id, err)
}
