package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
)

// Conversations are files of what sessions send and get, run against a whole
// server under a fake clock. A line is one of
//
//	room {…}              make the room, with CreateRoom's members
//	connect NAME {…}      open a session with CreateChatToken's members; userId is NAME
//	refuse NAME STATUS {…}  the same, refused with the status; {"again":"X"} uses X's token
//	NAME > FRAME          the session sends a frame
//	NAME < FRAME          the session's next frame is this one
//	NAME quiet            the session got no more frames
//	NAME closed CODE      the connection was closed with the code
//	NAME cut              the connection was cut without a Close frame
//	NAME leaves           the session closes with 1000
//	NAME deaf             the session answers no more pings
//	api OPERATION {…}     an operation on the room
//	wait DURATION         time passes
//	drain                 the server stops
//
// Ids are #1, #2, … in order of appearance; a SendTime is the time since the start.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { converse(t, string(script)) })
		})
	}
}

type conversation struct {
	t        *testing.T
	server   *server.Server
	listener *pipeListener
	ctx      context.Context
	stop     context.CancelFunc
	start    time.Time
	room     *ivschat.Room
	people   map[string]*person
	tokens   map[string]string
	ids      []string // #1 is ids[0]
	line     string
}

func converse(t *testing.T, script string) {
	c := config.Default()
	c.DrainTimeout = time.Second
	c.ReviewHandlers = []config.Route{
		{Pattern: "arn:aws:lambda:*:*:function:links", Endpoints: []string{"builtin:links?allow=example.com&reason=No%20links%20here"}},
		{Pattern: "arn:aws:lambda:*:*:function:calm", Endpoints: []string{"builtin:ratelimit-duplicates?window=10s", "builtin:links"}},
	}
	s, err := server.New(t.Context(), c, true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(t.Context())
	v := &conversation{
		t: t, server: s, listener: newPipeListener(), stop: stop, start: time.Now(),
		ctx: principal.NewContext(t.Context(), principal.Principal{
			Account: "000000000000", Region: "us-west-2", ARN: "arn:aws:iam::000000000000:root",
		}),
		people: map[string]*person{}, tokens: map[string]string{},
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(run, context.Background(), v.listener) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		for _, p := range v.people {
			p.conn.Close()
		}
	}()
	for number, line := range strings.Split(script, "\n") {
		v.line = fmt.Sprintf("line %d: %s", number+1, line)
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			v.step(line)
		}
		if t.Failed() {
			return
		}
	}
}

func (v *conversation) fail(format string, args ...any) {
	v.t.Helper()
	v.t.Fatalf("%s\n%s", v.line, fmt.Sprintf(format, args...))
}

func (v *conversation) step(line string) {
	v.t.Helper()
	first, rest, _ := strings.Cut(line, " ")
	switch first {
	case "room":
		in := &ivschat.CreateRoomInput{}
		v.decode(rest, in)
		room, err := v.server.Service().CreateRoom(v.ctx, in)
		if err != nil {
			v.fail("%v", err)
		}
		v.room = room
	case "connect":
		name, members, _ := strings.Cut(rest, " ")
		v.connect(name, members)
	case "refuse":
		name, rest, _ := strings.Cut(rest, " ")
		status, members, _ := strings.Cut(rest, " ")
		v.refuse(name, status, members)
	case "api":
		operation, members, _ := strings.Cut(rest, " ")
		v.api(operation, members)
	case "wait":
		d, err := time.ParseDuration(rest)
		if err != nil {
			v.fail("%v", err)
		}
		time.Sleep(d) // the bubble's clock
	case "drain":
		v.stop()
	default:
		verb, argument, _ := strings.Cut(rest, " ")
		p := v.people[first]
		if p == nil {
			v.fail("nobody is called %s", first)
		}
		v.act(p, verb, argument)
	}
	synctest.Wait()
}

func (v *conversation) act(p *person, verb, argument string) {
	v.t.Helper()
	switch verb {
	case ">":
		for i, id := range v.ids {
			argument = strings.ReplaceAll(argument, fmt.Sprintf(`"#%d"`, i+1), strconv.Quote(id))
		}
		p.send(argument)
	case "<":
		got, ok := p.next()
		if !ok {
			v.fail("nothing came; the connection is %s", p.state())
		}
		if got = v.normal(got); got != argument {
			v.fail("got\n%s", got)
		}
	case "quiet":
		if got, ok := p.next(); ok {
			v.fail("got\n%s", v.normal(got))
		}
	case "closed", "cut":
		want := strings.TrimSpace(verb + " " + argument)
		if got := p.state(); got != want {
			v.fail("the connection is %s", got)
		}
	case "deaf":
		p.mu.Lock()
		p.deaf = true
		p.mu.Unlock()
	case "leaves":
		if err := wsutil.WriteClientMessage(p.conn, ws.OpClose, ws.NewCloseFrameBody(1000, "")); err != nil {
			v.fail("%v", err)
		}
	default:
		v.fail("unknown verb %q", verb)
	}
}

var (
	idMember   = regexp.MustCompile(`"Id":"([a-zA-Z0-9]{12})"`)
	timeMember = regexp.MustCompile(`"SendTime":"([^"]+)"`)
)

// normal replaces what differs from run to run.
func (v *conversation) normal(frame string) string {
	if m := idMember.FindStringSubmatch(frame); m != nil && !contains(v.ids, m[1]) {
		v.ids = append(v.ids, m[1])
	}
	for i, id := range v.ids {
		frame = strings.ReplaceAll(frame, strconv.Quote(id), fmt.Sprintf(`"#%d"`, i+1))
	}
	return timeMember.ReplaceAllStringFunc(frame, func(m string) string {
		at, err := time.Parse("2006-01-02T15:04:05.000000000Z", timeMember.FindStringSubmatch(m)[1])
		if err != nil {
			return m
		}
		return `"SendTime":"` + at.Sub(v.start).String() + `"`
	})
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (v *conversation) decode(members string, in any) {
	v.t.Helper()
	if members == "" {
		return
	}
	if err := json.Unmarshal([]byte(members), in); err != nil {
		v.fail("%v", err)
	}
}

func (v *conversation) token(name, members string) string {
	v.t.Helper()
	in := &ivschat.CreateChatTokenInput{RoomIdentifier: v.room.Arn, UserID: name}
	v.decode(members, in)
	out, err := v.server.Service().CreateChatToken(v.ctx, in)
	if err != nil {
		v.fail("%v", err)
	}
	return out.Token
}

func (v *conversation) dial(token string) (net.Conn, *bufio.Reader, error) {
	conn := v.listener.dial()
	d := ws.Dialer{Protocols: []string{token}}
	r, hs, err := d.Upgrade(conn, &url.URL{Scheme: "ws", Host: "parley.test", Path: "/"})
	if err == nil && hs.Protocol != token {
		err = fmt.Errorf("the token was not echoed: %q", hs.Protocol)
	}
	return conn, r, err
}

func (v *conversation) connect(name, members string) {
	v.t.Helper()
	v.tokens[name] = v.token(name, members)
	conn, r, err := v.dial(v.tokens[name])
	if err != nil {
		v.fail("%v", err)
	}
	p := &person{conn: conn}
	var in io.Reader = conn
	if r != nil {
		in = r
	}
	go p.read(in)
	v.people[name] = p
}

func (v *conversation) refuse(name, status, members string) {
	v.t.Helper()
	var option struct {
		Again string
		Token string
	}
	v.decode(members, &option)
	token := option.Token
	switch {
	case option.Again != "":
		token = v.tokens[option.Again]
	case token == "":
		token = v.token(name, members)
	}
	conn, _, err := v.dial(token)
	conn.Close()
	var got ws.StatusError
	if !errors.As(err, &got) || strconv.Itoa(int(got)) != status {
		v.fail("got %v", err)
	}
}

func (v *conversation) api(operation, members string) {
	v.t.Helper()
	s := v.server.Service()
	var err error
	switch operation {
	case "SendEvent":
		in := &ivschat.SendEventInput{RoomIdentifier: v.room.Arn}
		v.decode(members, in)
		_, err = s.SendEvent(v.ctx, in)
	case "DeleteMessage":
		in := &ivschat.DeleteMessageInput{RoomIdentifier: v.room.Arn}
		v.decode(members, in)
		_, err = s.DeleteMessage(v.ctx, in)
	case "DisconnectUser":
		in := &ivschat.DisconnectUserInput{RoomIdentifier: v.room.Arn}
		v.decode(members, in)
		_, err = s.DisconnectUser(v.ctx, in)
	case "UpdateRoom":
		in := &ivschat.UpdateRoomInput{Identifier: v.room.Arn}
		v.decode(members, in)
		_, err = s.UpdateRoom(v.ctx, in)
	case "DeleteRoom":
		_, err = s.DeleteRoom(v.ctx, &ivschat.DeleteRoomInput{Identifier: v.room.Arn})
	default:
		v.fail("unknown operation %q", operation)
	}
	if err != nil {
		v.fail("%v", err)
	}
}
