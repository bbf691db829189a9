package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
)

// place is an account in a region, seen through a server's port.
type place struct {
	t        *testing.T
	ctx      context.Context // of the account, for the service in process, which counts no calls
	server   *server.Server
	listener *pipeListener
	client   *ivschat.Client
	last     *answer // of the control plane
	rooms    map[string]*ivschat.Room
	people   map[string]*person
	config   *ivschat.LoggingConfiguration
}

// answer is what the control plane answered last.
type answer struct {
	transport http.RoundTripper
	status    int
	body      []byte
}

func (a *answer) Do(r *http.Request) (*http.Response, error) {
	response, err := a.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	a.status = response.StatusCode
	a.body, err = io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(a.body))
	return response, err
}

// quotaServer serves within a bubble, with the settings.
func quotaServer(t *testing.T, change func(*config.Config)) (at func(account, region string) *place, stop func()) {
	t.Helper()
	c := config.Default()
	c.DrainTimeout, c.ExpiryGrace, c.FanoutWindow, c.ChatlogDir = 0, 10*time.Millisecond, 0, t.TempDir()
	change(c)
	s, err := server.New(t.Context(), c, true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l := newPipeListener()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, context.Background(), l) }()
	web := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return l.dial(), nil }}
	var places []*place
	at = func(account, region string) *place {
		p := &place{
			t: t, server: s, listener: l, last: &answer{transport: web},
			rooms: map[string]*ivschat.Room{}, people: map[string]*person{},
			ctx: principal.NewContext(t.Context(), principal.Principal{Account: account, Region: region, ARN: "arn:aws:iam::" + account + ":root"}),
		}
		p.client = ivschat.New(ivschat.Options{
			Region: region, BaseEndpoint: new("http://parley.test"), Credentials: credentials(account, "any"),
			HTTPClient: p.last, RetryMaxAttempts: 1, SkipValidation: true,
		})
		places = append(places, p)
		return p
	}
	return at, func() {
		for _, p := range places {
			for _, x := range p.people {
				x.conn.Close()
			}
		}
		web.CloseIdleConnections()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

// room returns the account's room of the name.
func (p *place) room(name string) *ivschat.Room {
	p.t.Helper()
	if p.rooms[name] == nil {
		room, err := p.server.Service().CreateRoom(p.ctx, &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: new(int32(100))})
		if err != nil {
			p.t.Fatal(err)
		}
		p.rooms[name] = room
	}
	return p.rooms[name]
}

func (p *place) logging() *ivschat.LoggingConfiguration {
	p.t.Helper()
	if p.config == nil {
		var err error
		p.config, err = p.server.Service().CreateLoggingConfiguration(p.ctx, &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: bucketNamed("a-bucket")})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return p.config
}

func bucketNamed(name string) *ivschat.DestinationConfiguration {
	return &ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: name}}
}

func (p *place) token(room *ivschat.Room, user string) string {
	p.t.Helper()
	out, err := p.server.Service().CreateChatToken(p.ctx, &ivschat.CreateChatTokenInput{
		RoomIdentifier: room.Arn, UserID: user,
		Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage, ivschat.CapabilityDeleteMessage, ivschat.CapabilityDisconnectUser},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return out.Token
}

// connect opens a session of the name in the room, or says how it was refused.
func (p *place) connect(room *ivschat.Room, name string) string {
	p.t.Helper()
	conn := p.listener.dial()
	kind := ""
	d := ws.Dialer{Protocols: []string{p.token(room, name)}, OnStatusError: func(_ int, _ []byte, r io.Reader) {
		if response, err := http.ReadResponse(bufio.NewReader(r), nil); err == nil {
			kind = response.Header.Get("x-amzn-ErrorType")
		}
	}}
	r, _, err := d.Upgrade(conn, &url.URL{Scheme: "ws", Host: "parley.test", Path: "/"})
	if err != nil {
		conn.Close()
		return fmt.Sprintf("%v %s", err, kind)
	}
	x := &person{conn: conn}
	var in io.Reader = conn
	if r != nil {
		in = r
	}
	go x.read(in)
	p.people[name] = x
	return "ok"
}

// ask sends a request over the session of the name, which begins in the room if
// it is not there yet, and returns "ok" or the ERROR that came back.
func (p *place) ask(room *ivschat.Room, name, request string) string {
	p.t.Helper()
	if p.people[name] == nil {
		if refused := p.connect(room, name); refused != "ok" {
			p.t.Fatalf("connect %s: %s", name, refused)
		}
	}
	x := p.people[name]
	synctest.Wait()
	for ok := true; ok; _, ok = x.next() { // what others sent to the room
	}
	x.send(request)
	synctest.Wait()
	text, ok := x.next()
	if !ok {
		return "nothing; the connection is " + x.state()
	}
	var f frame
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	if f.Type == "ERROR" {
		return fmt.Sprintf("ERROR %d %s", f.ErrorCode, f.ErrorMessage)
	}
	return "ok"
}

func (p *place) say(room, name string) string {
	p.t.Helper()
	return p.ask(p.room(room), name, `{"Action":"SEND_MESSAGE","Content":"hello"}`)
}

// called returns "ok", or the status and body of a call that was refused.
func (p *place) called(_ any, err error) string {
	if err == nil {
		return "ok"
	}
	var members map[string]any
	if json.Unmarshal(p.last.body, &members) != nil {
		return fmt.Sprintf("%d %s: %v", p.last.status, p.last.body, err)
	}
	sorted, _ := json.Marshal(members)
	return fmt.Sprintf("%d %s", p.last.status, sorted)
}

// spec: quotas.md §1, §2: each quota is held to where it is set, as many times
// as it allows, and nowhere else.
func TestEveryQuota(t *testing.T) {
	const account, region = "123456789012", "us-west-2"
	rows := append(quotaRows(), operationRows()...)
	tested := map[string]bool{}
	for _, row := range rows {
		tested[row.setting] = true
		t.Run(row.setting, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, stop := quotaServer(t, func(c *config.Config) {
					c.Quotas = limit.None
					c.QuotasFor = []limit.Rule{
						{Account: account, Region: region, Profile: limit.AWS, Limits: map[string]int{row.setting: row.most}},
						{Region: "xx-*"},
						{Limits: map[string]int{row.setting: 2 * row.most}}, // so that all are counted
					}
				})
				defer stop()
				free := []*place{at(account, "eu-west-1"), at(otherAccount, region), at(otherAccount, "xx-free-1")}
				for n := range 2 * row.most {
					for _, p := range free {
						if got := row.do(p, n); got != "ok" {
							t.Fatalf("where the limit is another, %d of %d: %s", n+1, 2*row.most, got)
						}
					}
				}
				p := at(account, region)
				for n := range row.most {
					if row.free != nil {
						time.Sleep(time.Second) // of the bubble, so that the rate of calls is not reached first
					}
					if got := row.do(p, n); got != "ok" {
						t.Fatalf("%d of %d: %s", n+1, row.most, got)
					}
				}
				for n := row.most; n < row.most+2; n++ {
					if row.free != nil {
						time.Sleep(time.Second)
					}
					if got, want := row.do(p, n), row.refused(p, n); got != want {
						t.Errorf("one more than %d:\n%s, want\n%s", row.most, got, want)
					}
				}
				if row.free != nil {
					row.free(p)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if got := row.do(p, row.most+2); got != "ok" {
					t.Errorf("when there is room again: %s", got)
				}
			})
		})
	}
	for _, setting := range limit.Settings() {
		if !tested[setting] {
			t.Errorf("%s is not tested", setting)
		}
	}
}

// A room's own rate holds under every profile but none, up to the limit.
func TestARoomsOwnRateHolds(t *testing.T) {
	for profile, want := range map[string]string{limit.Default: throttledFrame, limit.AWS: throttledFrame, limit.None: "ok"} {
		synctest.Test(t, func(t *testing.T) {
			at, stop := quotaServer(t, func(c *config.Config) { c.Quotas = profile })
			defer stop()
			p := at("123456789012", "us-west-2")
			if _, err := p.server.Service().UpdateRoom(p.ctx, &ivschat.UpdateRoomInput{Identifier: p.room("a").Arn, MaximumMessageRatePerSecond: new(int32(2))}); err != nil {
				t.Fatal(err)
			}
			got := []string{p.say("a", "ana"), p.say("a", "ana"), p.say("a", "ana"), p.say("b", "bo")}
			if fmt.Sprint(got) != fmt.Sprint([]string{"ok", "ok", want, "ok"}) {
				t.Errorf("%s: %q", profile, got)
			}
		})
	}
}

// A session that was refused for the account's connections may use its token later.
func TestARefusedConnectionKeepsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, stop := quotaServer(t, func(c *config.Config) {
			c.QuotasFor = []limit.Rule{{Limits: map[string]int{"connections": 1}}}
		})
		defer stop()
		p := at("123456789012", "us-west-2")
		if got := p.connect(p.room("a"), "ana"); got != "ok" {
			t.Fatal(got)
		}
		token := p.token(p.room("a"), "bo")
		dial := func() error {
			conn := p.listener.dial()
			d := ws.Dialer{Protocols: []string{token}}
			_, _, err := d.Upgrade(conn, &url.URL{Scheme: "ws", Host: "parley.test", Path: "/"})
			conn.Close()
			return err
		}
		if err := dial(); err == nil {
			t.Error("a second connection was accepted")
		}
		wsutil.WriteClientMessage(p.people["ana"].conn, ws.OpClose, ws.NewCloseFrameBody(1000, ""))
		synctest.Wait()
		if err := dial(); err != nil {
			t.Errorf("once there was room: %v", err)
		}
	})
}
