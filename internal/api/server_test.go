package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"go.uber.org/goleak"

	"github.com/parleychat/parley/internal/api"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/ivschat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	accessKeyID = "AKIAIOSFODNN7EXAMPLE"
	secret      = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	region      = "us-west-2"
	account     = "123456789012"
	room        = "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	escapedRoom = "arn%3Aaws%3Aivschat%3Aus-west-2%3A123456789012%3Aroom%2FabcdABCDefgh"
	logging     = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/ABcdef34ghIJ"
	lambda      = "arn:aws:lambda:us-west-2:123456789012:function:review"
)

// call is what the service was asked.
type call struct {
	Operation string
	Input     any
	Principal principal.Principal
}

// service stands for the core: it validates as the core does, keeps the calls
// and answers samples, or what hook says.
type service struct {
	mu    sync.Mutex
	calls []call
	hook  func(ctx context.Context, operation string) error
}

func (s *service) taken() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.calls
	s.calls = nil
	return taken
}

func answer[Out any](ctx context.Context, s *service, operation string, in any, out Out) (*Out, error) {
	if v, ok := in.(interface {
		Validate() []ivschat.ValidationExceptionField
	}); ok && len(v.Validate()) > 0 {
		return nil, ivschat.Invalid(v.Validate()...)
	}
	s.mu.Lock()
	s.calls = append(s.calls, call{operation, in, principal.FromContext(ctx)})
	hook := s.hook
	s.mu.Unlock()
	if hook != nil {
		if err := hook(ctx, operation); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

func sampleTime(ms int) time.Time { return time.Date(2026, 9, 15, 1, 2, 3, ms*1e6+999, time.UTC) }

func sampleRoom() ivschat.Room {
	return ivschat.Room{Arn: room, ID: "abcdABCDefgh", Name: "r", CreateTime: sampleTime(0), UpdateTime: sampleTime(653),
		MaximumMessageRatePerSecond: 10, MaximumMessageLength: 500}
}

func sampleLogging() ivschat.LoggingConfiguration {
	return ivschat.LoggingConfiguration{Arn: logging, ID: "ABcdef34ghIJ", CreateTime: sampleTime(1), UpdateTime: sampleTime(2),
		DestinationConfiguration: ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: "b-b"}},
		State:                    ivschat.LoggingConfigurationStateActive, Tags: map[string]string{"b": "2", "a": "<1>"}}
}

func (s *service) CreateRoom(ctx context.Context, in *ivschat.CreateRoomInput) (*ivschat.Room, error) {
	return answer(ctx, s, "CreateRoom", in, sampleRoom())
}

func (s *service) GetRoom(ctx context.Context, in *ivschat.GetRoomInput) (*ivschat.Room, error) {
	return answer(ctx, s, "GetRoom", in, sampleRoom())
}

func (s *service) UpdateRoom(ctx context.Context, in *ivschat.UpdateRoomInput) (*ivschat.Room, error) {
	r := sampleRoom()
	allow := ivschat.FallbackResultAllow
	r.MessageReviewHandler = &ivschat.MessageReviewHandler{URI: new(""), FallbackResult: &allow}
	return answer(ctx, s, "UpdateRoom", in, r)
}

func (s *service) DeleteRoom(ctx context.Context, in *ivschat.DeleteRoomInput) (*ivschat.DeleteRoomOutput, error) {
	return answer(ctx, s, "DeleteRoom", in, ivschat.DeleteRoomOutput{})
}

func (s *service) ListRooms(ctx context.Context, in *ivschat.ListRoomsInput) (*ivschat.ListRoomsOutput, error) {
	return answer(ctx, s, "ListRooms", in, ivschat.ListRoomsOutput{})
}

func (s *service) CreateLoggingConfiguration(ctx context.Context, in *ivschat.CreateLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	return answer(ctx, s, "CreateLoggingConfiguration", in, sampleLogging())
}

func (s *service) GetLoggingConfiguration(ctx context.Context, in *ivschat.GetLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	return answer(ctx, s, "GetLoggingConfiguration", in, sampleLogging())
}

func (s *service) UpdateLoggingConfiguration(ctx context.Context, in *ivschat.UpdateLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	return answer(ctx, s, "UpdateLoggingConfiguration", in, sampleLogging())
}

func (s *service) DeleteLoggingConfiguration(ctx context.Context, in *ivschat.DeleteLoggingConfigurationInput) (*ivschat.DeleteLoggingConfigurationOutput, error) {
	return answer(ctx, s, "DeleteLoggingConfiguration", in, ivschat.DeleteLoggingConfigurationOutput{})
}

func (s *service) ListLoggingConfigurations(ctx context.Context, in *ivschat.ListLoggingConfigurationsInput) (*ivschat.ListLoggingConfigurationsOutput, error) {
	return answer(ctx, s, "ListLoggingConfigurations", in,
		ivschat.ListLoggingConfigurationsOutput{LoggingConfigurations: []ivschat.LoggingConfiguration{sampleLogging()}, NextToken: new("next")})
}

func (s *service) CreateChatToken(ctx context.Context, in *ivschat.CreateChatTokenInput) (*ivschat.CreateChatTokenOutput, error) {
	return answer(ctx, s, "CreateChatToken", in,
		ivschat.CreateChatTokenOutput{Token: "canary-token", TokenExpirationTime: sampleTime(10), SessionExpirationTime: sampleTime(20)})
}

func (s *service) SendEvent(ctx context.Context, in *ivschat.SendEventInput) (*ivschat.SendEventOutput, error) {
	return answer(ctx, s, "SendEvent", in, ivschat.SendEventOutput{ID: "WhO6MW6iRdS5"})
}

func (s *service) DeleteMessage(ctx context.Context, in *ivschat.DeleteMessageInput) (*ivschat.DeleteMessageOutput, error) {
	return answer(ctx, s, "DeleteMessage", in, ivschat.DeleteMessageOutput{ID: "WhO6MW6iRdS5"})
}

func (s *service) DisconnectUser(ctx context.Context, in *ivschat.DisconnectUserInput) (*ivschat.DisconnectUserOutput, error) {
	return answer(ctx, s, "DisconnectUser", in, ivschat.DisconnectUserOutput{})
}

func (s *service) ListTagsForResource(ctx context.Context, in *ivschat.ListTagsForResourceInput) (*ivschat.ListTagsForResourceOutput, error) {
	return answer(ctx, s, "ListTagsForResource", in, ivschat.ListTagsForResourceOutput{})
}

func (s *service) TagResource(ctx context.Context, in *ivschat.TagResourceInput) (*ivschat.TagResourceOutput, error) {
	return answer(ctx, s, "TagResource", in, ivschat.TagResourceOutput{})
}

func (s *service) UntagResource(ctx context.Context, in *ivschat.UntagResourceInput) (*ivschat.UntagResourceOutput, error) {
	return answer(ctx, s, "UntagResource", in, ivschat.UntagResourceOutput{})
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// server is a control plane on a port of its own, in front of a service that
// is not there.
type server struct {
	testing.TB
	*service
	url    string
	log    *lines
	client *http.Client
}

func options(s *service, log io.Writer) api.Options {
	verifier := &sigv4.Verifier{
		Regions: []string{region},
		Lookup: func(_ context.Context, id string) (sigv4.Key, error) {
			if id != accessKeyID {
				return sigv4.Key{}, sigv4.ErrUnknownKey
			}
			return sigv4.Key{Secret: secret}, nil
		},
	}
	return api.Options{
		Service: s,
		Verify:  verifier.Verify,
		Principal: func(_ context.Context, id sigv4.Identity) (principal.Principal, error) {
			return principal.Principal{Account: account, Region: id.Region, ARN: "arn:aws:iam::" + account + ":user/bob", AccessKeyID: id.AccessKeyID}, nil
		},
		Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func newServer(t testing.TB, change ...func(*api.Options)) *server {
	s := &server{TB: t, service: &service{}, log: &lines{}}
	o := options(s.service, s.log)
	for _, c := range change {
		c(&o)
	}
	web := httptest.NewServer(api.New(o))
	t.Cleanup(web.Close)
	s.url, s.client = web.URL, web.Client()
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// request returns an unsigned one; target begins behind the host.
func (s *server) request(method, target, body string) *http.Request {
	s.Helper()
	r, err := http.NewRequest(method, s.url+target, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	} else {
		r.Body = nil
	}
	return r
}

func hash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secret}
}

func (s *server) sign(r *http.Request, body, service string) *http.Request {
	s.Helper()
	if err := v4.NewSigner().SignHTTP(s.Context(), credentials(), r, hash(body), service, region, time.Now()); err != nil {
		s.Fatal(err)
	}
	return r
}

func (s *server) signed(method, target, body string) *http.Request {
	s.Helper()
	return s.sign(s.request(method, target, body), body, ivschat.ServiceID)
}

// presigned signs the query too; the body, if any, is signed with it.
func (s *server) presigned(method, path string, query url.Values, body, service string) *http.Request {
	s.Helper()
	if query == nil {
		query = url.Values{}
	}
	query.Set("X-Amz-Expires", "60")
	r := s.request(method, path+"?"+query.Encode(), body)
	signed, headers, err := v4.NewSigner().PresignHTTP(s.Context(), credentials(), r, hash(body), service, region, time.Now())
	if err != nil {
		s.Fatal(err)
	}
	if r.URL, err = url.Parse(signed); err != nil {
		s.Fatal(err)
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	return r
}

// reply is a response that has been read.
type reply struct {
	status int
	header http.Header
	body   string
	last   bool // of its connection
}

func (s *server) send(r *http.Request) reply {
	s.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	return s.read(resp)
}

func (s *server) read(resp *http.Response) reply {
	s.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body), resp.Close}
}

// exception is any exception as a client sees it.
type exception struct {
	Type      string `json:"__type"`
	Message   string
	Reason    string
	FieldList []ivschat.ValidationExceptionField
}

// refused checks a response's form and returns its exception. Member is the
// one that a SerializationException or the first one that a ValidationException
// names.
func (s *server) refused(got reply, status int, code, member string) exception {
	s.Helper()
	var e exception
	if err := json.Unmarshal([]byte(got.body), &e); err != nil {
		s.Fatalf("status %d, body %q: %v", got.status, got.body, err)
	}
	if got.status != status || e.Type != code || got.header.Get("X-Amzn-Errortype") != code {
		s.Errorf("status %d, header %s, body %s; want %d %s", got.status, got.header.Get("X-Amzn-Errortype"), got.body, status, code)
	}
	if got.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.body, `{"__type":"`) || e.Message == "" {
		s.Errorf("content type %q, body %s", got.header.Get("Content-Type"), got.body)
	}
	s.checkHeaders(got)
	switch {
	case len(e.FieldList) > 0 && member != e.FieldList[0].Name:
		s.Errorf("names %v, want %s", e.FieldList, member)
	case len(e.FieldList) == 0 && member != "" && !strings.HasPrefix(e.Message, member+" "):
		s.Errorf("says %q, want it to name %s", e.Message, member)
	}
	if calls := s.taken(); len(calls) > 0 {
		s.Errorf("the service was called: %v", calls)
	}
	return e
}

// checkHeaders wants what every response has (spec: control-plane.md §1).
func (s *server) checkHeaders(got reply) {
	s.Helper()
	id := got.header.Get("X-Amzn-Requestid")
	var parts [5]uint64
	if n, err := fmt.Sscanf(id, "%08x-%04x-%04x-%04x-%012x", &parts[0], &parts[1], &parts[2], &parts[3], &parts[4]); n != 5 || err != nil || len(id) != 36 {
		s.Errorf("request id %q", id)
	}
	if at, err := http.ParseTime(got.header.Get("Date")); err != nil || time.Since(at).Abs() > time.Minute {
		s.Errorf("date %q", got.header.Get("Date"))
	}
	for name := range got.header {
		if strings.HasPrefix(name, "Access-Control-") {
			s.Errorf("header %s", name)
		}
	}
}

// serves checks that the server has taken no harm.
func (s *server) serves() {
	s.Helper()
	got := s.send(s.signed(http.MethodPost, "/GetRoom", `{"identifier":"`+room+`"}`))
	if calls := s.taken(); got.status != http.StatusOK || len(calls) != 1 {
		s.Fatalf("afterwards: status %d, %s, calls %v", got.status, got.body, calls)
	}
}
