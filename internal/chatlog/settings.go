package chatlog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/parleychat/parley/ivschat"
)

// Kinds of destinations, as rules name them.
const (
	KindS3             = "s3"
	KindCloudWatchLogs = "cloudwatch-logs"
	KindFirehose       = "firehose"
)

// EndpointAWS is the endpoint of AWS itself in a destination's region.
const EndpointAWS = "aws"

// Settings say what stands for destinations.
type Settings struct {
	Directory      string        // of what no rule names
	ObjectInterval time.Duration // how long records wait for an S3 object; spec: logging.md §3 has 5 minutes
	EventInterval  time.Duration // the same for the other kinds; spec: logging.md §4, §5 have 10 seconds
	ObjectSize     int           // most bytes of an object's records, before compression
	Timeout        time.Duration // of one call; 0 is 30 seconds
	Rules          []Rule        // the first that matches counts

	// LookupEnv reads the variables that rules name, as os.LookupEnv does.
	LookupEnv func(string) (string, bool)
}

// Rule says what stands for the destinations that it matches: a directory, or the
// service at an endpoint.
type Rule struct {
	Kind    string // KindS3, KindCloudWatchLogs or KindFirehose
	Account string // pattern in which * is any text; "" is any account
	Name    string // pattern of buckets, log groups or delivery streams; "" is any

	Directory string // plain files; excludes what follows
	Endpoint  string // EndpointAWS or a URL
	Region    string // to sign for; "" is the logging configuration's
	// AccessKeyIDEnv and SecretAccessKeyEnv name the environment variables that
	// have the credentials. Without them they are Profile's of AWS's shared files,
	// or what AWS's default chain finds.
	AccessKeyIDEnv, SecretAccessKeyEnv string
	Profile                            string
	PathStyle                          bool   // S3: the bucket in the path, not in the host's name
	ACL                                string // S3: a canned ACL, or "none"; "" is bucket-owner-full-control
}

// Destinations knows what stands for the destinations of logging configurations.
type Destinations struct {
	settings Settings
	rules    []rule
	fallback *tree
	client   *http.Client
}

type rule struct {
	Rule
	account, name *regexp.Regexp
	tree          *tree // nil if the rule has an endpoint
	credentials   aws.CredentialsProvider
}

// NewDestinations reads settings, the variables that they name and AWS's shared
// files. It calls nobody.
func NewDestinations(s Settings) (*Destinations, error) {
	if s.Directory == "" || s.ObjectInterval <= 0 || s.EventInterval <= 0 || s.ObjectSize <= 0 {
		return nil, errors.New("chat logs need a directory, intervals and a size of objects")
	}
	if s.Timeout <= 0 {
		s.Timeout = 30 * time.Second
	}
	trees := map[string]*tree{} // one for each directory: it has the locks
	treeOf := func(dir string) *tree {
		dir = filepath.Clean(dir)
		if trees[dir] == nil {
			trees[dir] = newTree(dir)
		}
		return trees[dir]
	}
	d := &Destinations{
		settings: s,
		fallback: treeOf(s.Directory),
		client: &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 64,
				MaxIdleConnsPerHost: 16, IdleConnTimeout: 20 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for i, r := range s.Rules {
		made, err := s.rule(r)
		if err != nil {
			return nil, fmt.Errorf("chat log destination %d: %w", i+1, err)
		}
		if r.Directory != "" {
			made.tree = treeOf(r.Directory)
		}
		d.rules = append(d.rules, made)
	}
	return d, nil
}

func (s Settings) rule(r Rule) (rule, error) {
	if r.Kind != KindS3 && r.Kind != KindCloudWatchLogs && r.Kind != KindFirehose {
		return rule{}, fmt.Errorf("%q is no kind of destination", r.Kind)
	}
	if (r.Directory == "") == (r.Endpoint == "") {
		return rule{}, errors.New("needs an endpoint or a directory, not both")
	}
	made := rule{Rule: r, account: pattern(r.Account), name: pattern(r.Name)}
	if r.Directory != "" {
		return made, nil
	}
	if u, err := url.Parse(r.Endpoint); r.Endpoint != EndpointAWS && (err != nil || u.Hostname() == "" || u.User != nil) {
		return rule{}, fmt.Errorf("%q is no endpoint", r.Endpoint)
	}
	var err error
	made.credentials, err = s.credentials(r)
	return made, err
}

// credentials finds what signs the calls to a destination, without calling anybody.
func (s Settings) credentials(r Rule) (aws.CredentialsProvider, error) {
	if r.AccessKeyIDEnv != "" || r.SecretAccessKeyEnv != "" {
		var values []string
		for _, name := range []string{r.AccessKeyIDEnv, r.SecretAccessKeyEnv} {
			var value string
			if s.LookupEnv != nil {
				value, _ = s.LookupEnv(name)
			}
			if value == "" {
				return nil, fmt.Errorf("the environment variable %q is not set; it should have a part of the credentials", name)
			}
			values = append(values, value)
		}
		return credentials.NewStaticCredentialsProvider(values[0], values[1], ""), nil
	}
	options := []func(*config.LoadOptions) error{config.WithRegion("us-east-1")}
	if r.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(r.Profile))
	}
	found, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	return found.Credentials, nil
}

// pattern makes a text in which * is any text, and "" matches all, an expression.
func pattern(text string) *regexp.Regexp {
	if text == "" {
		text = "*"
	}
	return regexp.MustCompile(`\A` + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, `(?s:.*)`) + `\z`)
}

// match returns the rule of a destination, nil if there is none.
func (d *Destinations) match(kind, account, name string) *rule {
	for i := range d.rules {
		if r := &d.rules[i]; r.Kind == kind && r.account.MatchString(account) && r.name.MatchString(name) {
			return r
		}
	}
	return nil
}

func (r *rule) region(of string) string {
	if r.Region != "" {
		return r.Region
	}
	return of
}

func (r *rule) endpoint() *string {
	if r.Endpoint == EndpointAWS {
		return nil
	}
	return &r.Endpoint
}

// prober is a destination that can tell whether it would take records.
type prober interface {
	Destination
	probe(ctx context.Context, account string) error
}

// Open returns what stands for a destination. It calls nobody.
func (d *Destinations) Open(account, region string, c ivschat.DestinationConfiguration) (Destination, error) {
	return d.open(account, region, c)
}

// Probe tells whether the destination is there and can be written to. It leaves no
// record; what it may leave is an empty log stream or one small object that readers
// of chat logs do not look at.
func (d *Destinations) Probe(ctx context.Context, account, region string, c ivschat.DestinationConfiguration) error {
	opened, err := d.open(account, region, c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.settings.Timeout)
	defer cancel()
	return opened.probe(ctx, account)
}

// Close ends idle connections.
func (d *Destinations) Close() { d.client.CloseIdleConnections() }

func (d *Destinations) open(account, region string, c ivschat.DestinationConfiguration) (prober, error) {
	s := d.settings
	switch {
	case c.S3 != nil:
		limits := Limits{Records: maxObjectRecords, Bytes: s.ObjectSize, Overhead: 1, Age: s.ObjectInterval}
		r := d.match(KindS3, account, c.S3.BucketName)
		if r == nil || r.tree != nil {
			return &objects{tree: d.treeOf(r), bucket: c.S3.BucketName, limits: limits}, nil
		}
		return d.newBucket(r, region, c.S3.BucketName, limits), nil
	case c.CloudWatchLogs != nil:
		limits := Limits{Records: maxEvents, Bytes: maxEventBytes, Overhead: eventOverhead, Span: maxEventSpan, Age: s.EventInterval}
		group := c.CloudWatchLogs.LogGroupName
		r := d.match(KindCloudWatchLogs, account, group)
		if r == nil || r.tree != nil {
			return &appended{tree: d.treeOf(r), parts: []string{"cloudwatch", account, region, group}, limits: limits,
				file: func(roomID string) string { return streamName(roomID) + ".log" }}, nil
		}
		return d.newLogGroup(r, region, group, limits), nil
	case c.Firehose != nil:
		limits := Limits{Records: maxPutRecords, Bytes: maxPutBytes, Overhead: 1, Age: s.EventInterval}
		stream := c.Firehose.DeliveryStreamName
		r := d.match(KindFirehose, account, stream)
		if r == nil || r.tree != nil {
			return &appended{tree: d.treeOf(r), parts: []string{"firehose", account, region, stream}, limits: limits,
				file: func(roomID string) string { return "room_" + roomID + ".log" }}, nil
		}
		return d.newDeliveryStream(r, region, stream, limits), nil
	}
	return nil, errors.New("the logging configuration names no destination")
}

func (d *Destinations) treeOf(r *rule) *tree {
	if r == nil {
		return d.fallback
	}
	return r.tree
}
