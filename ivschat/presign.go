package ivschat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// The lifetime of a presigned URL (spec: security.md §2).
const (
	defaultPresignExpiry = time.Hour
	maxPresignExpiry     = 7 * 24 * time.Hour
)

// GeneratePresignedURL returns a URL that performs an operation without
// further credentials until it expires, in whole seconds: 0 means one hour,
// the most is seven days. operation may be spelt "CreateRoom" or
// "create_room", input is the operation's input by pointer (nil: an empty
// one), and method is the operation's own when "".
//
// As boto3 does, members move from the body into the query, and the URL is
// called with an empty body. An operation that is a POST signs its content
// type, so the caller sends it:
//
//	curl -X POST -H 'Content-Type: application/json' "$url"
//
// A query cannot say that a list is there and empty: boto3 leaves such a
// member out, here it is an error. boto3 also drops all tagKeys but the first,
// here all are kept.
func (c *Client) GeneratePresignedURL(ctx context.Context, operation string, in any, expires time.Duration, method string) (string, error) {
	signed, err := c.presign(ctx, operation, in, expires, method)
	if err != nil {
		return "", fmt.Errorf("presign %s: %w", operation, err)
	}
	return signed, nil
}

func (c *Client) presign(ctx context.Context, operation string, in any, expires time.Duration, method string) (string, error) {
	if expires == 0 {
		expires = defaultPresignExpiry
	}
	if expires < time.Second || expires > maxPresignExpiry {
		return "", fmt.Errorf("expires must be between one second and %v", maxPresignExpiry)
	}
	op, ok := c.operations[operation]
	if !ok {
		return "", errors.New("no such operation")
	}
	typed, err := inputOf(op.Name, in)
	if err != nil {
		return "", err
	}
	r, err := c.prepare(op.Name, typed)
	if err != nil {
		return "", err
	}
	members, err := queryOf(r.body)
	if err != nil {
		return "", err
	}
	if r.url.RawQuery != "" {
		members = append([]string{r.url.RawQuery}, members...)
	}
	credentials, err := c.options.Credentials.Retrieve(ctx)
	if err != nil {
		return "", fmt.Errorf("get credentials: %w", err)
	}
	if method == "" {
		method = op.Method
	}
	members = append(members, "X-Amz-Expires="+strconv.FormatInt(int64(expires/time.Second), 10))
	r.url.RawQuery = strings.Join(members, "&")
	req := &http.Request{Method: method, URL: &r.url, Host: r.url.Host, Header: make(http.Header)}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	signed, _, err := c.signer.PresignHTTP(ctx, credentials, req, payloadHash(nil), ServiceID, c.options.Region, c.now())
	if err != nil {
		return "", fmt.Errorf("sign the URL: %w", err)
	}
	return keepOrder(r.url, signed)
}

// keepOrder puts the signature's parameters behind the unsorted members: the
// signer sorts, and a list of logging configurations is not in alphabetical order.
func keepOrder(u url.URL, signed string) (string, error) {
	sorted, err := url.Parse(signed)
	if err != nil {
		return "", fmt.Errorf("read the signed URL: %w", err)
	}
	for pair := range strings.SplitSeq(sorted.RawQuery, "&") {
		if strings.HasPrefix(pair, "X-Amz-") && !strings.HasPrefix(pair, "X-Amz-Expires=") {
			u.RawQuery += "&" + pair
		}
	}
	return u.String(), nil
}

// newInput returns an empty input of an operation, nil for one there is not.
func newInput(operation string) input {
	inputs := map[string]input{
		"CreateChatToken":            new(CreateChatTokenInput),
		"CreateLoggingConfiguration": new(CreateLoggingConfigurationInput),
		"CreateRoom":                 new(CreateRoomInput),
		"DeleteLoggingConfiguration": new(DeleteLoggingConfigurationInput),
		"DeleteMessage":              new(DeleteMessageInput),
		"DeleteRoom":                 new(DeleteRoomInput),
		"DisconnectUser":             new(DisconnectUserInput),
		"GetLoggingConfiguration":    new(GetLoggingConfigurationInput),
		"GetRoom":                    new(GetRoomInput),
		"ListLoggingConfigurations":  new(ListLoggingConfigurationsInput),
		"ListRooms":                  new(ListRoomsInput),
		"ListTagsForResource":        new(ListTagsForResourceInput),
		"SendEvent":                  new(SendEventInput),
		"TagResource":                new(TagResourceInput),
		"UntagResource":              new(UntagResourceInput),
		"UpdateLoggingConfiguration": new(UpdateLoggingConfigurationInput),
		"UpdateRoom":                 new(UpdateRoomInput),
	}
	return inputs[operation]
}

func inputOf(operation string, in any) (input, error) {
	empty := newInput(operation)
	if in == nil {
		return empty, nil
	}
	if reflect.TypeOf(in) != reflect.TypeOf(empty) {
		return nil, fmt.Errorf("input is %T, not %T", in, empty)
	}
	if reflect.ValueOf(in).IsNil() {
		return empty, nil
	}
	return in.(input), nil
}
