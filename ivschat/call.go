package ivschat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/tracing"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/parleychat/parley/internal/restjson"
)

// maxAnswer is more than the largest answer there is: 50 rooms with 50 tags each.
const maxAnswer = 16 << 20

// input is what all inputs are.
type input interface {
	Validate() []ValidationExceptionField
}

// ParamValidationError says that an input breaks rules and was not sent. The
// service would have answered a [ValidationException] with the same fields.
type ParamValidationError struct {
	Operation string
	Fields    []ValidationExceptionField
}

func (e *ParamValidationError) Error() string {
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = f.Name + ": " + f.Message
	}
	return "parameter validation failed: " + strings.Join(texts, "; ")
}

// call performs an operation: validate, encode, sign, send, again if that may
// help, decode. A nil input is an empty one.
func call[Out, In any, P interface {
	*In
	input
}](ctx context.Context, c *Client, operation string, in P) (*Out, error) {
	if in == nil {
		in = new(In)
	}
	ctx, span := c.options.TracerProvider.Tracer("github.com/parleychat/parley/ivschat").StartSpan(ctx, ServiceID+"."+operation,
		func(o *tracing.SpanOptions) {
			o.Kind = tracing.SpanKindClient
			o.Properties.Set("rpc.system", "aws-api")
			o.Properties.Set("rpc.service", ServiceID)
			o.Properties.Set("rpc.method", operation)
		})
	defer span.End()
	out := new(Out)
	if err := c.perform(ctx, operation, in, out); err != nil {
		span.SetStatus(tracing.SpanStatusError)
		return nil, &smithy.OperationError{ServiceID: ServiceID, OperationName: operation, Err: err}
	}
	span.SetStatus(tracing.SpanStatusOK)
	return out, nil
}

func (c *Client) perform(ctx context.Context, operation string, in input, out any) error {
	r, err := c.prepare(operation, in)
	if err != nil {
		return err
	}
	return c.retry(ctx, func(n int) error { return c.attempt(ctx, r, n, out) })
}

// request is an operation's request before it is signed.
type request struct {
	operation Operation
	url       url.URL
	body      []byte // nil for the operations that have none
}

func (c *Client) prepare(operation string, in input) (request, error) {
	if c.broken != nil {
		return request{}, c.broken
	}
	if c.options.Credentials == nil {
		return request{}, errors.New("invalid configuration: missing credentials")
	}
	if !c.options.SkipValidation {
		if fields := in.Validate(); len(fields) > 0 {
			return request{}, &ParamValidationError{Operation: operation, Fields: fields}
		}
	}
	op := c.operations[operation]
	path, query, body, err := restjson.EncodeRequest(op.Method, op.Path, in)
	if err != nil {
		return request{}, fmt.Errorf("encode the input: %w", err)
	}
	r := request{operation: op, url: *c.endpoint, body: body}
	r.url.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	r.url.RawPath = strings.TrimSuffix(c.endpoint.EscapedPath(), "/") + path
	if r.url.Path, err = url.PathUnescape(r.url.RawPath); err != nil {
		return request{}, fmt.Errorf("encode the path: %w", err)
	}
	return r, nil
}

// attempt sends a request once.
func (c *Client) attempt(ctx context.Context, r request, n int, out any) error {
	started := time.Now()
	resp, body, err := c.send(ctx, r)
	if err == nil && resp.StatusCode/100 != 2 {
		err = c.skewed(resp, decodeError(resp, body))
	} else if err == nil {
		err = decodeOutput(body, out)
	}
	if c.options.Logger.Enabled(ctx, slog.LevelDebug) {
		c.log(ctx, r, n, resp, time.Since(started))
	}
	return err
}

func (c *Client) log(ctx context.Context, r request, n int, resp *http.Response, took time.Duration) {
	attrs := []slog.Attr{slog.String("operation", r.operation.Name), slog.Int("attempt", n), slog.Duration("took", took)}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode), slog.String("request_id", requestID(resp.Header)))
	}
	c.options.Logger.LogAttrs(ctx, slog.LevelDebug, "ivschat request", attrs...)
}

func (c *Client) send(ctx context.Context, r request) (*http.Response, []byte, error) {
	req, err := c.sign(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	resp, err := c.options.HTTPClient.Do(req)
	if ctx.Err() != nil && err != nil {
		return nil, nil, &aws.RequestCanceledError{Err: ctx.Err()}
	}
	if err != nil {
		return nil, nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if ctx.Err() != nil && err != nil {
		return nil, nil, &aws.RequestCanceledError{Err: ctx.Err()}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return resp, body, nil
}

func (c *Client) sign(ctx context.Context, r request) (*http.Request, error) {
	credentials, err := c.options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get credentials: %w", err)
	}
	req := &http.Request{
		Method: r.operation.Method, URL: &r.url, Host: r.url.Host, Header: make(http.Header, 4),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.ContentLength = int64(len(r.body))
		req.Body = io.NopCloser(bytes.NewReader(r.body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
	}
	req.Header.Set("User-Agent", c.userAgent())
	if err := c.signer.SignHTTP(ctx, credentials, req, payloadHash(r.body), ServiceID, c.options.Region, c.now()); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	return req.WithContext(ctx), nil
}

func (c *Client) userAgent() string {
	const name = "parley-ivschat-go"
	if c.options.AppID == "" {
		return name
	}
	return name + " app/" + c.options.AppID
}

func payloadHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func decodeOutput(body []byte, out any) error {
	if reflect.TypeOf(out).Elem().NumField() == 0 {
		return nil
	}
	if len(body) == 0 {
		return errors.New("the answer is empty")
	}
	if err := restjson.Unmarshal(body, out); err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	return nil
}
