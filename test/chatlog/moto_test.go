//go:build awsserver

package chatlog_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/ivschat"
)

const (
	account = "123456789012"
	region  = "us-west-2"
	room    = "abc123DEF456"
)

// rig is a server of AWS's APIs, clients that look into it, and destinations in it.
type rig struct {
	*chatlog.Destinations
	s3       *s3.Client
	logs     *cloudwatchlogs.Client
	firehose *firehose.Client
}

func newRig(t *testing.T) *rig {
	server := exec.Command(os.Getenv("TEST_AWS_PYTHON"), os.Getenv("TEST_AWS_SERVE"))
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	server.Stderr = &stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := server.Wait(); err != nil {
			t.Errorf("the server: %v\n%s", err, stderr.Bytes())
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server does not tell where it is: %v", err)
	}
	url := strings.TrimSpace(line)

	key := credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")
	r := &rig{
		s3:       s3.New(s3.Options{Region: region, BaseEndpoint: &url, UsePathStyle: true, Credentials: key}),
		logs:     cloudwatchlogs.New(cloudwatchlogs.Options{Region: region, BaseEndpoint: &url, Credentials: key}),
		firehose: firehose.New(firehose.Options{Region: region, BaseEndpoint: &url, Credentials: key}),
	}
	settings := chatlog.Settings{
		Directory: t.TempDir(), ObjectInterval: time.Second, EventInterval: time.Second, ObjectSize: 1 << 20,
		LookupEnv: func(name string) (string, bool) {
			return map[string]string{"ID": "AKIDEXAMPLE", "SECRET": "secret"}[name], true
		},
	}
	for _, kind := range []string{chatlog.KindS3, chatlog.KindCloudWatchLogs, chatlog.KindFirehose} {
		settings.Rules = append(settings.Rules, chatlog.Rule{
			Kind: kind, Endpoint: url, AccessKeyIDEnv: "ID", SecretAccessKeyEnv: "SECRET", PathStyle: kind == chatlog.KindS3,
		})
	}
	if r.Destinations, err = chatlog.NewDestinations(settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func (r *rig) makeBucket(t *testing.T, name string) {
	t.Helper()
	_, err := r.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// objects returns the bucket's objects by key.
func (r *rig) objects(t *testing.T, bucket string) map[string]string {
	t.Helper()
	list, err := r.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, o := range list.Contents {
		out, err := r.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(out.Body)
		if err = errors.Join(err, out.Body.Close()); err != nil {
			t.Fatal(err)
		}
		all[*o.Key] = string(body)
	}
	return all
}

func records(from, to int) []chatlog.Record {
	var all []chatlog.Record
	// Log groups take nothing that is older than two weeks.
	start := time.Now().UTC().Add(-time.Hour)
	for i := from; i < to; i++ {
		at := start.Add(time.Duration(i) * time.Millisecond)
		all = append(all, chatlog.Record{ID: int64(i), EntryID: fmt.Sprint("entry", i), Time: at, JSON: []byte(fmt.Sprintf(
			`{"event_timestamp":"%s","type":"MESSAGE","payload":{"Type":"MESSAGE","Id":"entry%d","Content":"wörld \"%d\" \n"},"version":"1.0"}`,
			at.Format("2006-01-02T15:04:05.000Z"), i, i))})
	}
	return all
}

func batch(records []chatlog.Record) chatlog.Batch {
	return chatlog.Batch{Account: account, Region: region, RoomID: room, Records: records,
		Window: time.Date(2022, 10, 14, 17, 43, 0, 0, time.UTC)}
}

func text(records []chatlog.Record) string {
	var b strings.Builder
	for _, r := range records {
		b.Write(r.JSON)
		b.WriteByte('\n')
	}
	return b.String()
}

func (r *rig) put(t *testing.T, c ivschat.DestinationConfiguration, b chatlog.Batch) {
	t.Helper()
	d, err := r.Open(account, region, c)
	if err != nil {
		t.Fatal(err)
	}
	o, err := d.Put(t.Context(), b)
	if err != nil || o.Err != nil || len(o.Again)+len(o.Refused) > 0 {
		t.Fatalf("%+v, %v", o, err)
	}
}

// absent checks what a destination that nobody made answers.
func (r *rig) absent(t *testing.T, c ivschat.DestinationConfiguration) {
	t.Helper()
	d, err := r.Open(account, region, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), batch(records(0, 1))); !errors.Is(err, chatlog.ErrNotFound) {
		t.Errorf("records: %v", err)
	}
	if err := r.Probe(t.Context(), account, region, c); !errors.Is(err, chatlog.ErrNotFound) {
		t.Errorf("probe: %v", err)
	}
}

func TestS3(t *testing.T) {
	r := newRig(t)
	c := ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: "chat-logs"}}
	r.absent(t, c)
	r.makeBucket(t, "chat-logs")
	first, second := records(0, 500), records(500, 501)
	r.put(t, c, batch(first))
	r.put(t, c, batch(first)) // the answer was lost
	r.put(t, c, batch(second))
	key := regexp.MustCompile(`^AWSLogs/123456789012/IVSChatLogs/1\.0/us-west-2/room_abc123DEF456/2022/10/14/17/` +
		`123456789012_IVSChatLogs_1\.0_us-west-2_room_abc123DEF456_20221014T1740Z_[0-9a-f]{8}\.log\.gz$`)
	got := map[string]bool{}
	for name, body := range r.objects(t, "chat-logs") {
		if !key.MatchString(name) {
			t.Errorf("key %s", name)
		}
		unpacked, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		got[string(plain)] = true
		head, err := r.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("chat-logs"), Key: &name})
		if err != nil || aws.ToString(head.ContentType) != "application/gzip" {
			t.Errorf("%+v, %v", head, err)
		}
	}
	if diff := cmp.Diff(map[string]bool{text(first): true, text(second): true}, got); diff != "" {
		t.Error(diff)
	}
	if err := r.Probe(t.Context(), account, region, c); err != nil {
		t.Error(err)
	}
}

func TestCloudWatchLogs(t *testing.T) {
	r := newRig(t)
	const group = "/aws/ivschat/test"
	c := ivschat.DestinationConfiguration{CloudWatchLogs: &ivschat.CloudWatchLogsDestinationConfiguration{LogGroupName: group}}
	r.absent(t, c)
	if _, err := r.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(group)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Probe(t.Context(), account, region, c); err != nil {
			t.Error(err)
		}
	}
	all := records(0, 300)
	r.put(t, c, batch(all[:100]))
	r.put(t, c, batch(all[100:]))
	out, err := r.logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String(group), LogStreamName: aws.String("aws/IVSChatLogs/1.0/room_abc123DEF456"), StartFromHead: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for i, e := range out.Events {
		fmt.Fprintln(&got, *e.Message)
		if i < len(all) && *e.Timestamp != all[i].Time.UnixMilli() {
			t.Errorf("event %d is of %d, want %d", i, *e.Timestamp, all[i].Time.UnixMilli())
		}
	}
	if diff := cmp.Diff(text(all), got.String()); diff != "" {
		t.Error(diff)
	}
}

// The stream writes to a bucket, one record after the other: lines show that each
// record has its end.
func TestFirehose(t *testing.T) {
	r := newRig(t)
	c := ivschat.DestinationConfiguration{Firehose: &ivschat.FirehoseDestinationConfiguration{DeliveryStreamName: "chat-stream"}}
	r.absent(t, c)
	r.makeBucket(t, "stream-bucket")
	_, err := r.firehose.CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: aws.String("chat-stream"),
		ExtendedS3DestinationConfiguration: &firehosetypes.ExtendedS3DestinationConfiguration{
			BucketARN: aws.String("arn:aws:s3:::stream-bucket"), RoleARN: aws.String("arn:aws:iam::123456789012:role/stream"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Probe(t.Context(), account, region, c); err != nil {
		t.Error(err)
	}
	all := records(0, 500)
	r.put(t, c, batch(all))
	var got strings.Builder
	for _, body := range r.objects(t, "stream-bucket") {
		got.WriteString(body)
	}
	if diff := cmp.Diff(text(all), got.String()); diff != "" {
		t.Error(diff)
	}
}
