package chatlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const maxObjectRecords = 50_000

// bucket puts objects into an S3 bucket (spec: logging.md §3).
type bucket struct {
	client  *s3.Client
	name    string
	acl     types.ObjectCannedACL
	limits  Limits
	timeout time.Duration
}

func (d *Destinations) newBucket(r *rule, region, name string, limits Limits) *bucket {
	client := s3.New(s3.Options{
		Region: r.region(region), BaseEndpoint: r.endpoint(), UsePathStyle: r.PathStyle, Credentials: r.credentials,
		HTTPClient: d.client, Retryer: aws.NopRetryer{}, RetryMaxAttempts: 1,
		// Stores other than S3 need not know the checksums that the SDK adds by itself.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	b := &bucket{client: client, name: name, limits: limits, timeout: d.settings.Timeout}
	switch r.ACL {
	case "none":
	case "":
		b.acl = types.ObjectCannedACLBucketOwnerFullControl
	default:
		b.acl = types.ObjectCannedACL(r.ACL)
	}
	return b
}

func (b *bucket) Limits() Limits { return b.limits }

func (b *bucket) Put(ctx context.Context, batch Batch) (Outcome, error) {
	good, refused := sift(batch.Records, 0)
	if len(good) == 0 {
		return Outcome{Refused: refused}, nil
	}
	batch.Records = pick(batch.Records, good)
	body, err := pack(batch.Records)
	if err != nil {
		return Outcome{}, err
	}
	for attempt := range maxKeys {
		taken, err := b.create(ctx, objectKey(batch, attempt), body)
		if err != nil {
			return Outcome{}, fmt.Errorf("bucket %s: %w", b.name, err)
		}
		if !taken {
			return Outcome{Refused: refused}, nil
		}
	}
	return Outcome{}, errKeysTaken
}

// create puts an object, unless there is another one in its place.
func (b *bucket) create(ctx context.Context, key string, body []byte) (taken bool, err error) {
	err = b.put(ctx, key, body, aws.String("*"))
	switch code, status := cause(err); {
	case err == nil:
		return false, nil
	case code == "PreconditionFailed" || status == http.StatusPreconditionFailed:
		// It is this one if the answer to the last try was lost. Who may not read
		// cannot tell, and puts it twice.
		return !b.holds(ctx, key, body), nil
	case code == "NotImplemented" || status == http.StatusNotImplemented: // a store without conditional writes
		err = b.put(ctx, key, body, nil)
	}
	return false, classify(err)
}

func (b *bucket) put(ctx context.Context, key string, body []byte, ifNoneMatch *string) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		ContentType: aws.String("application/gzip"), ACL: b.acl, IfNoneMatch: ifNoneMatch,
	})
	return err
}

func (b *bucket) holds(ctx context.Context, key string, body []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return false
	}
	defer out.Body.Close()
	there, err := io.ReadAll(io.LimitReader(out.Body, int64(len(body))+1))
	return err == nil && bytes.Equal(there, body)
}

// probe writes a test file, as AWS's own services do where they deliver logs: what
// the delivery of logs needs is the permission to put objects, and no other.
func (b *bucket) probe(ctx context.Context, account string) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: aws.String("AWSLogs/" + account + "/IVSChatLogsTestFile"),
		Body: bytes.NewReader([]byte("chat logs can be written here\n")), ContentType: aws.String("text/plain"), ACL: b.acl,
	})
	if err != nil {
		return fmt.Errorf("bucket %s: %w", b.name, classify(err))
	}
	return nil
}

// cause returns the error code and the status of an answer, "" and 0 without one.
func cause(err error) (code string, status int) {
	var api smithy.APIError
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	return code, status
}

// classify adds what an error of a service means to metrics.
func classify(err error) error {
	if err == nil {
		return nil
	}
	switch code, status := cause(err); {
	case code == "NoSuchBucket" || code == "ResourceNotFoundException" || status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case status == http.StatusUnauthorized || status == http.StatusForbidden || deniedCode(code):
		return fmt.Errorf("%w: %w", ErrAccessDenied, err)
	}
	return err
}

// deniedCode tells the codes of JSON services, which answer with status 400.
func deniedCode(code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedException", "NotAuthorized", "ExpiredToken", "ExpiredTokenException",
		"InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "UnrecognizedClientException", "OptInRequired":
		return true
	}
	return false
}
