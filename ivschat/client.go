package ivschat

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/tracing"
)

// ServiceID is the service's name in signatures, configuration and environment
// variables (AWS_ENDPOINT_URL_IVSCHAT).
const ServiceID = "ivschat"

// Options configures a [Client]. The zero value of every member is a default;
// Region and Credentials have none.
type Options struct {
	// Region is where requests go and what signatures are scoped to.
	Region string
	// Credentials sign requests. It is asked for every attempt: wrap one that
	// is slow in [aws.NewCredentialsCache].
	Credentials aws.CredentialsProvider
	// BaseEndpoint is the URL of the service, e.g. http://127.0.0.1:7878. The
	// default is AWS's for the region.
	BaseEndpoint *string
	// UseFIPSEndpoint and UseDualStackEndpoint choose among AWS's endpoints; an
	// error together with BaseEndpoint.
	UseFIPSEndpoint      bool
	UseDualStackEndpoint bool
	// HTTPClient sends requests and should not follow redirects. The default
	// keeps its connections until [Client.CloseIdleConnections].
	HTTPClient aws.HTTPClient
	// Retryer decides what is sent again. The default is made of RetryMode
	// (standard) and RetryMaxAttempts (3).
	Retryer          aws.Retryer
	RetryMode        aws.RetryMode
	RetryMaxAttempts int
	// DisableClockSkewCorrection keeps the local clock in signatures even when
	// the service refuses it and says what time it has.
	DisableClockSkewCorrection bool
	// SkipValidation sends inputs unchecked and leaves refusing them to the service.
	SkipValidation bool
	// AppID is added to the User-Agent.
	AppID string
	// Logger gets one debug record per attempt: operation, status, request id
	// and duration, never members. Nothing is logged by default.
	Logger *slog.Logger
	// TracerProvider gets one span per call; smithy-go's OpenTelemetry adapter
	// makes one. Nothing is traced by default.
	TracerProvider tracing.TracerProvider
}

// Client calls the service over HTTP. It is safe for concurrent use and starts
// no goroutines of its own; what its HTTP client keeps open ends with
// [Client.CloseIdleConnections].
type Client struct {
	options    Options
	operations map[string]Operation // by both spellings of their names
	signer     *v4.Signer
	endpoint   *url.URL
	broken     error        // what is wrong with the options; every call answers it
	skew       atomic.Int64 // nanoseconds the service's clock is ahead of ours
}

var _ API = (*Client)(nil)

// NewFromConfig returns a client that takes region, credentials, retryer, HTTP
// client and endpoint from an AWS configuration the way AWS's own clients do:
// AWS_ENDPOINT_URL_IVSCHAT, AWS_ENDPOINT_URL and the shared configuration file
// count when config.LoadDefaultConfig made it.
func NewFromConfig(cfg aws.Config, optFns ...func(*Options)) *Client {
	options := Options{
		Region:                     cfg.Region,
		Credentials:                cfg.Credentials,
		BaseEndpoint:               baseEndpoint(cfg),
		HTTPClient:                 cfg.HTTPClient,
		RetryMode:                  cfg.RetryMode,
		RetryMaxAttempts:           cfg.RetryMaxAttempts,
		DisableClockSkewCorrection: cfg.DisableClockSkewCorrection,
		AppID:                      cfg.AppID,
	}
	options.UseFIPSEndpoint, options.UseDualStackEndpoint = endpointFlags(cfg)
	if cfg.Retryer != nil {
		options.Retryer = cfg.Retryer()
	}
	for _, configure := range optFns {
		configure(&options)
	}
	return New(options)
}

// New returns a client. Options that cannot work, such as a missing region,
// are reported by its calls.
func New(options Options) *Client {
	if options.Retryer == nil {
		options.Retryer = newRetryer(options.RetryMode)
	}
	if options.RetryMaxAttempts != 0 {
		options.Retryer = retry.AddWithMaxAttempts(options.Retryer, options.RetryMaxAttempts)
	}
	if options.HTTPClient == nil {
		options.HTTPClient = newHTTPClient()
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.TracerProvider == nil {
		options.TracerProvider = &tracing.NopTracerProvider{}
	}
	c := &Client{options: options, operations: make(map[string]Operation), signer: v4.NewSigner()}
	for _, op := range Operations() {
		c.operations[op.Name] = op
		c.operations[snake(op.Name)] = op
	}
	c.options.Region, c.options.UseFIPSEndpoint = plainRegion(options.Region, options.UseFIPSEndpoint)
	c.endpoint, c.broken = resolveEndpoint(c.options)
	return c
}

func newRetryer(mode aws.RetryMode) aws.Retryer {
	if mode == aws.RetryModeAdaptive {
		return retry.NewAdaptiveMode()
	}
	return retry.NewStandard()
}

// newHTTPClient keeps as many idle connections as callers were busy at once:
// all requests go to one host.
func newHTTPClient() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if shared, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = shared.Clone()
	}
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Options returns a copy of what the client was made with, defaults filled in.
func (c *Client) Options() Options { return c.options }

// CloseIdleConnections closes the connections of the client's HTTP client that
// are not in use.
func (c *Client) CloseIdleConnections() {
	if closer, ok := c.options.HTTPClient.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// CreateRoom implements [API].
func (c *Client) CreateRoom(ctx context.Context, in *CreateRoomInput) (*Room, error) {
	return call[Room](ctx, c, "CreateRoom", in)
}

// GetRoom implements [API].
func (c *Client) GetRoom(ctx context.Context, in *GetRoomInput) (*Room, error) {
	return call[Room](ctx, c, "GetRoom", in)
}

// UpdateRoom implements [API].
func (c *Client) UpdateRoom(ctx context.Context, in *UpdateRoomInput) (*Room, error) {
	return call[Room](ctx, c, "UpdateRoom", in)
}

// DeleteRoom implements [API].
func (c *Client) DeleteRoom(ctx context.Context, in *DeleteRoomInput) (*DeleteRoomOutput, error) {
	return call[DeleteRoomOutput](ctx, c, "DeleteRoom", in)
}

// ListRooms implements [API]. [Client.Rooms] goes through all pages.
func (c *Client) ListRooms(ctx context.Context, in *ListRoomsInput) (*ListRoomsOutput, error) {
	return call[ListRoomsOutput](ctx, c, "ListRooms", in)
}

// CreateLoggingConfiguration implements [API].
func (c *Client) CreateLoggingConfiguration(ctx context.Context, in *CreateLoggingConfigurationInput) (*LoggingConfiguration, error) {
	return call[LoggingConfiguration](ctx, c, "CreateLoggingConfiguration", in)
}

// GetLoggingConfiguration implements [API].
func (c *Client) GetLoggingConfiguration(ctx context.Context, in *GetLoggingConfigurationInput) (*LoggingConfiguration, error) {
	return call[LoggingConfiguration](ctx, c, "GetLoggingConfiguration", in)
}

// UpdateLoggingConfiguration implements [API].
func (c *Client) UpdateLoggingConfiguration(ctx context.Context, in *UpdateLoggingConfigurationInput) (*LoggingConfiguration, error) {
	return call[LoggingConfiguration](ctx, c, "UpdateLoggingConfiguration", in)
}

// DeleteLoggingConfiguration implements [API].
func (c *Client) DeleteLoggingConfiguration(ctx context.Context, in *DeleteLoggingConfigurationInput) (*DeleteLoggingConfigurationOutput, error) {
	return call[DeleteLoggingConfigurationOutput](ctx, c, "DeleteLoggingConfiguration", in)
}

// ListLoggingConfigurations implements [API]. [Client.LoggingConfigurations]
// goes through all pages.
func (c *Client) ListLoggingConfigurations(ctx context.Context, in *ListLoggingConfigurationsInput) (*ListLoggingConfigurationsOutput, error) {
	return call[ListLoggingConfigurationsOutput](ctx, c, "ListLoggingConfigurations", in)
}

// CreateChatToken implements [API].
func (c *Client) CreateChatToken(ctx context.Context, in *CreateChatTokenInput) (*CreateChatTokenOutput, error) {
	return call[CreateChatTokenOutput](ctx, c, "CreateChatToken", in)
}

// SendEvent implements [API].
func (c *Client) SendEvent(ctx context.Context, in *SendEventInput) (*SendEventOutput, error) {
	return call[SendEventOutput](ctx, c, "SendEvent", in)
}

// DeleteMessage implements [API].
func (c *Client) DeleteMessage(ctx context.Context, in *DeleteMessageInput) (*DeleteMessageOutput, error) {
	return call[DeleteMessageOutput](ctx, c, "DeleteMessage", in)
}

// DisconnectUser implements [API].
func (c *Client) DisconnectUser(ctx context.Context, in *DisconnectUserInput) (*DisconnectUserOutput, error) {
	return call[DisconnectUserOutput](ctx, c, "DisconnectUser", in)
}

// ListTagsForResource implements [API].
func (c *Client) ListTagsForResource(ctx context.Context, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	return call[ListTagsForResourceOutput](ctx, c, "ListTagsForResource", in)
}

// TagResource implements [API].
func (c *Client) TagResource(ctx context.Context, in *TagResourceInput) (*TagResourceOutput, error) {
	return call[TagResourceOutput](ctx, c, "TagResource", in)
}

// UntagResource implements [API].
func (c *Client) UntagResource(ctx context.Context, in *UntagResourceInput) (*UntagResourceOutput, error) {
	return call[UntagResourceOutput](ctx, c, "UntagResource", in)
}
