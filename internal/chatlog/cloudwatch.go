package chatlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// What a call of PutLogEvents may have (spec: logging.md §4).
const (
	maxEvents     = 10_000
	maxEventBytes = 1 << 20
	eventOverhead = 26
	maxEventSpan  = 24 * time.Hour
	maxEventText  = 1<<20 - eventOverhead
)

// checkStream is the stream that shows that streams can be made.
const checkStream = "aws/IVSChatLogs/" + version + "/log_stream_created_to_check_delivery"

func streamName(roomID string) string { return "aws/IVSChatLogs/" + version + "/room_" + roomID }

// logGroup puts log events into streams of a CloudWatch Logs group, one for each
// room (spec: logging.md §4).
type logGroup struct {
	client  *cloudwatchlogs.Client
	name    string
	limits  Limits
	timeout time.Duration
}

func (d *Destinations) newLogGroup(r *rule, region, name string, limits Limits) *logGroup {
	client := cloudwatchlogs.New(cloudwatchlogs.Options{
		Region: r.region(region), BaseEndpoint: r.endpoint(), Credentials: r.credentials,
		HTTPClient: d.client, Retryer: aws.NopRetryer{}, RetryMaxAttempts: 1,
	})
	return &logGroup{client: client, name: name, limits: limits, timeout: d.settings.Timeout}
}

func (g *logGroup) Limits() Limits { return g.limits }

func (g *logGroup) Put(ctx context.Context, b Batch) (Outcome, error) {
	good, refused := sift(b.Records, maxEventText)
	if len(good) == 0 {
		return Outcome{Refused: refused}, nil
	}
	// A call has its events in the order of their times. Clocks of nodes differ by
	// less than matters to a reader, but not by less than the service minds.
	slices.SortStableFunc(good, func(i, j int) int {
		return cmp.Compare(b.Records[i].Time.UnixMilli(), b.Records[j].Time.UnixMilli())
	})
	events := make([]types.InputLogEvent, len(good))
	for i, at := range good {
		r := b.Records[at]
		events[i] = types.InputLogEvent{Timestamp: aws.Int64(r.Time.UnixMilli()), Message: aws.String(string(r.JSON))}
	}
	stream := streamName(b.RoomID)
	out, err := g.put(ctx, stream, events)
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		if err = g.createStream(ctx, stream); err == nil {
			out, err = g.put(ctx, stream, events)
		}
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("log group %s: %w", g.name, classify(err))
	}
	outcome := rejected(out.RejectedLogEventsInfo, good)
	outcome.Refused = append(refused, outcome.Refused...)
	return outcome, nil
}

func (g *logGroup) put(ctx context.Context, stream string, events []types.InputLogEvent) (*cloudwatchlogs.PutLogEventsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	return g.client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: &g.name, LogStreamName: &stream, LogEvents: events})
}

func (g *logGroup) createStream(ctx context.Context, stream string) error {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	_, err := g.client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &g.name, LogStreamName: &stream})
	var exists *types.ResourceAlreadyExistsException
	if errors.As(err, &exists) {
		return nil
	}
	return err
}

// rejected tells what became of the events at the ends: those before an end index
// are too old for the service for ever, those from the start index on too new for
// now. good has the events' indexes in the batch.
func rejected(info *types.RejectedLogEventsInfo, good []int) Outcome {
	if info == nil {
		return Outcome{}
	}
	var o Outcome
	old := 0
	for _, end := range []*int32{info.TooOldLogEventEndIndex, info.ExpiredLogEventEndIndex} {
		old = max(old, min(int(aws.ToInt32(end)), len(good)))
	}
	for _, at := range good[:old] {
		o.Refused = append(o.Refused, Refusal{at, errors.New("the record is older than the log group keeps or takes")})
	}
	if start := info.TooNewLogEventStartIndex; start != nil {
		from := min(max(int(*start), old), len(good))
		o.Again = slices.Sorted(slices.Values(good[from:]))
		if len(o.Again) > 0 {
			o.Err = errors.New("records are from the future by the log group's clock")
		}
	}
	return o
}

// probe makes a stream, as vended logs do.
func (g *logGroup) probe(ctx context.Context, _ string) error {
	if err := g.createStream(ctx, checkStream); err != nil {
		return fmt.Errorf("log group %s: %w", g.name, classify(err))
	}
	return nil
}
