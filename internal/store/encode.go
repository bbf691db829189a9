package store

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
)

// asJSON stores a value of ours in a column; nil lists and maps become empty ones.
func asJSON(v any) (string, error) {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(b), nil
}

func fromJSON(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}

// query builds a statement whose placeholders are numbered as arguments come.
type query struct {
	text string
	args []any
}

// add appends text in which each ? stands for the next of args.
func (q *query) add(text string, args ...any) {
	for i, part := range strings.Split(text, "?") {
		if i > 0 {
			q.args = append(q.args, args[i-1])
			q.text += fmt.Sprintf("$%d", len(q.args))
		}
		q.text += part
	}
}

// page limits the rows of a list to the n after the cursor.
func (q *query) page(after Cursor, n int) {
	if after.ID != "" {
		// The first condition lets the index find the place, the second is the place.
		at := millis(after.UpdateTime)
		q.add(" AND update_time <= ? AND (update_time < ? OR id > ?)", at, at, after.ID)
	}
	q.add(" ORDER BY update_time DESC, id LIMIT ?", n)
}

// found turns "no row was touched" into ErrNotFound.
func found(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// asText makes text of what others wrote such as every engine takes.
func asText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
