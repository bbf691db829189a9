package ivschat

import (
	"context"
	"errors"
	"iter"
	"strings"
	"unicode"
)

// CanPaginate tells whether an operation answers in pages; it takes
// "ListRooms" and boto3's "list_rooms". botocore ships no paginators for this
// service and always says no; here the two list operations have
// [Client.Rooms] and [Client.LoggingConfigurations].
func (c *Client) CanPaginate(operation string) bool {
	return c.operations[operation].Paginated
}

// Rooms returns every room that ListRooms would list for the input, from its
// page token on. Pages are fetched as they are needed. An error is the last
// thing it yields.
func (c *Client) Rooms(ctx context.Context, in *ListRoomsInput) iter.Seq2[RoomSummary, error] {
	var query ListRoomsInput
	if in != nil {
		query = *in
	}
	return pages(query.NextToken, func(token *string) ([]RoomSummary, *string, error) {
		page := query
		page.NextToken = token
		out, err := c.ListRooms(ctx, &page)
		if err != nil {
			return nil, nil, err
		}
		return out.Rooms, out.NextToken, nil
	})
}

// LoggingConfigurations returns every logging configuration, as Rooms does rooms.
func (c *Client) LoggingConfigurations(ctx context.Context, in *ListLoggingConfigurationsInput) iter.Seq2[LoggingConfiguration, error] {
	var query ListLoggingConfigurationsInput
	if in != nil {
		query = *in
	}
	return pages(query.NextToken, func(token *string) ([]LoggingConfiguration, *string, error) {
		page := query
		page.NextToken = token
		out, err := c.ListLoggingConfigurations(ctx, &page)
		if err != nil {
			return nil, nil, err
		}
		return out.LoggingConfigurations, out.NextToken, nil
	})
}

func pages[T any](token *string, fetch func(token *string) ([]T, *string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		token := token // each range starts at the beginning
		for {
			items, next, err := fetch(token)
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == nil || *next == "" {
				return
			}
			if token != nil && *token == *next {
				yield(none, errors.New("the service answered the page token it was asked for"))
				return
			}
			token = next
		}
	}
}

// snake returns boto3's spelling of an operation's name.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
