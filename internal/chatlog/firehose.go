package chatlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// What a call of PutRecordBatch may have (spec: logging.md §5).
const (
	maxPutRecords = 500
	maxPutBytes   = 4 << 20
	maxPutText    = 1000<<10 - 1 // the line's end makes it 1,000 KiB
)

// deliveryStream puts records into a Firehose stream (spec: logging.md §5).
type deliveryStream struct {
	client  *firehose.Client
	name    string
	limits  Limits
	timeout time.Duration
}

func (d *Destinations) newDeliveryStream(r *rule, region, name string, limits Limits) *deliveryStream {
	client := firehose.New(firehose.Options{
		Region: r.region(region), BaseEndpoint: r.endpoint(), Credentials: r.credentials,
		HTTPClient: d.client, Retryer: aws.NopRetryer{}, RetryMaxAttempts: 1,
	})
	return &deliveryStream{client: client, name: name, limits: limits, timeout: d.settings.Timeout}
}

func (s *deliveryStream) Limits() Limits { return s.limits }

func (s *deliveryStream) Put(ctx context.Context, b Batch) (Outcome, error) {
	good, refused := sift(b.Records, maxPutText)
	if len(good) == 0 {
		return Outcome{Refused: refused}, nil
	}
	records := make([]types.Record, len(good))
	for i, at := range good {
		text := b.Records[at].JSON
		records[i].Data = append(append(make([]byte, 0, len(text)+1), text...), '\n')
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	out, err := s.client.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{DeliveryStreamName: &s.name, Records: records})
	if err != nil {
		return Outcome{}, fmt.Errorf("delivery stream %s: %w", s.name, classify(err))
	}
	outcome, err := failed(out, good)
	if err != nil {
		return Outcome{}, fmt.Errorf("delivery stream %s: %w", s.name, err)
	}
	outcome.Refused = refused
	return outcome, nil
}

// failed tells which records the stream did not take. good has their indexes in
// the batch.
func failed(out *firehose.PutRecordBatchOutput, good []int) (Outcome, error) {
	if aws.ToInt32(out.FailedPutCount) == 0 {
		return Outcome{}, nil
	}
	if len(out.RequestResponses) != len(good) {
		return Outcome{}, fmt.Errorf("%d records have %d answers", len(good), len(out.RequestResponses))
	}
	var o Outcome
	for i, r := range out.RequestResponses {
		if r.ErrorCode == nil {
			continue
		}
		o.Again = append(o.Again, good[i])
		if o.Err == nil {
			o.Err = fmt.Errorf("%s: %s", *r.ErrorCode, aws.ToString(r.ErrorMessage))
		}
	}
	if len(o.Again) == 0 {
		return Outcome{}, errors.New("some records failed, and the answer does not tell which")
	}
	return o, nil
}

// probe asks for the stream. The delivery of logs does not need the permission to:
// who is denied just that finds out when records are put.
func (s *deliveryStream) probe(ctx context.Context, _ string) error {
	out, err := s.client.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: &s.name})
	if code, _ := cause(err); code == "AccessDeniedException" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delivery stream %s: %w", s.name, classify(err))
	}
	if d := out.DeliveryStreamDescription; d == nil || d.DeliveryStreamStatus != types.DeliveryStreamStatusActive {
		return fmt.Errorf("delivery stream %s: is not active", s.name)
	}
	return nil
}
