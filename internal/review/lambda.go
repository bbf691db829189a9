package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// lambdaFunction calls a function through Lambda's Invoke API
// (spec: review-handler.md §5).
type lambdaFunction struct {
	client *lambda.Client
	name   string
}

// lambdaCredentials finds what signs calls, without calling anybody.
func (r *Reviewer) lambdaCredentials(ctx context.Context) error {
	o := r.options
	if o.LambdaAccessKeyID != "" {
		r.credentials = credentials.NewStaticCredentialsProvider(o.LambdaAccessKeyID, o.LambdaSecretAccessKey, "")
		return nil
	}
	if !r.usesEnvironment() {
		return nil
	}
	found, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-east-1"))
	if err != nil {
		return fmt.Errorf("credentials for Lambda: %w", err)
	}
	r.environment = found.Credentials
	return nil
}

func (r *Reviewer) usesEnvironment() bool {
	if r.options.LambdaEndpoint != "" {
		return true
	}
	for _, to := range r.options.Routes {
		for _, text := range to.Endpoints {
			if text == lambdaAWS {
				return true
			}
		}
	}
	return false
}

// ownBody gives each request a body that only the transport closes. The SDK closes
// its own as soon as the answer's header is there; when that is before the
// transport is done with the request, the connection is lost.
type ownBody struct{ client *http.Client }

// Do implements lambda.HTTPClient.
func (o ownBody) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	own := r.WithContext(r.Context())
	// The transport asks again when a kept connection turns out to be closed
	// before anything of the request was written.
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	own.Body, _ = own.GetBody()
	return o.client.Do(own)
}

// newLambda returns the caller of the function that the URI, or else the
// endpoint, names.
func (r *Reviewer) newLambda(e endpoint, uri string, configured bool) caller {
	region, account, err := functionARN(uri)
	if err != nil {
		return unreachable{err}
	}
	o := lambda.Options{
		Region:           region,
		HTTPClient:       ownBody{r.client},
		Retryer:          aws.NopRetryer{}, // there is no time for a second try
		RetryMaxAttempts: 1,
		Credentials:      r.credentials,
	}
	if e.url != nil {
		o.BaseEndpoint = aws.String(e.url.String())
	}
	if o.Credentials == nil && (e.url == nil || configured) {
		o.Credentials = r.environment
	}
	if o.Credentials == nil {
		// Emulators verify nothing, and take the account from the key's id.
		o.Credentials = credentials.NewStaticCredentialsProvider(account, "parley", "")
	}
	name := e.function
	if name == "" {
		name = uri
	}
	return &lambdaFunction{client: lambda.New(o), name: name}
}

func (f *lambdaFunction) call(ctx context.Context, _ string, payload []byte) ([]byte, *Error) {
	out, err := f.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &f.name, Payload: payload})
	if err != nil {
		var response *smithyhttp.ResponseError
		switch {
		case errors.Is(err, errTooLong):
			return nil, broken(errTooLong)
		case errors.As(err, &response) && response.HTTPStatusCode() > 0 && response.HTTPStatusCode() != 200:
			return nil, status(response.HTTPStatusCode(), errors.Unwrap(response).Error())
		}
		return nil, broken(err)
	}
	if out.FunctionError != nil {
		return nil, &Error{Failure: FunctionError, Detail: shorten(*out.FunctionError + " " + string(out.Payload))}
	}
	return out.Payload, nil
}

// unreachable is the caller of what can never be called.
type unreachable struct{ err error }

func (u unreachable) call(context.Context, string, []byte) ([]byte, *Error) {
	return nil, &Error{Failure: NotFound, Detail: shorten(u.err.Error())}
}
