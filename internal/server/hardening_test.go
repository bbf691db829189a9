package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/ivschat"
)

// post signs a body as it is and returns the status and the exception.
func (r *running) post(path, body string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	key, sum := r.server.Keys.AccessKey, sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: string(key.Secret)}
	if err := v4.NewSigner().SignHTTP(r.t.Context(), credentials, request, hex.EncodeToString(sum[:]), "ivschat", "us-west-2", time.Now()); err != nil {
		r.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header.Get("X-Amzn-Errortype")
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestDepthAndSizeAreBounded(t *testing.T) {
	r := start(t, nil)
	for _, test := range []struct {
		what, body string
		status     int
		code       string
	}{
		{"at the bound", `{"unknown":` + nested(31) + `}`, 200, ""},
		{"past it", `{"unknown":` + nested(32) + `}`, 400, "SerializationException"},
		{"far past it", `{"unknown":` + nested(100_000) + `}`, 400, "SerializationException"},
		{"objects", strings.Repeat(`{"a":`, 40_000), 400, "SerializationException"},
		{"more than a body may be", `{"unknown":"` + strings.Repeat("x", 256<<10) + `"}`, 413, ""},
	} {
		status, code := r.post("/CreateRoom", test.body)
		if status != test.status || test.code != "" && code != test.code {
			t.Errorf("%s: %d %s, want %d %s", test.what, status, code, test.status, test.code)
		}
	}
	c := r.connect(r.room(), "ana")
	for depth, want := range map[int]string{7: "MESSAGE", 8: "ERROR"} { // the frame itself is one more
		r.send(c, `{"Action":"SEND_MESSAGE","Content":"x","Unknown":`+nested(depth)+`}`)
		if f := r.read(c); f.Type != want {
			t.Errorf("a frame with %d lists in each other: %+v, want %s", depth, f, want)
		}
	}
}

func TestCompressionIsNeverNegotiated(t *testing.T) {
	r := start(t, nil)
	room := r.room()
	c, response, err := websocket.Dial(t.Context(), "ws://"+r.addr, &websocket.DialOptions{
		Subprotocols: []string{r.token(room, "ana")}, CompressionMode: websocket.CompressionContextTakeover,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if got := response.Header.Values("Sec-WebSocket-Extensions"); len(got) > 0 {
		t.Errorf("extensions %q", got)
	}
	text := strings.Repeat("a", 400)
	r.send(c, `{"Action":"SEND_MESSAGE","Content":"`+text+`"}`)
	if f := r.read(c); f.Content != text {
		t.Errorf("got %+v", f)
	}
}

// injection is what users write who would like to write the log.
const injection = "canary\r\ntime=2026-01-01T00:00:00Z level=ERROR msg=forged\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\n\x1b[31m\u2028forged"

func TestNobodyWritesLogLines(t *testing.T) {
	text := regexp.MustCompile(`^time=\S+ level=[A-Z]+ msg=`)
	for format, whole := range map[string]func(line string) bool{
		"json": func(line string) bool {
			var record struct{ Time, Level, Msg string }
			return json.Unmarshal([]byte(line), &record) == nil && record.Time != "" && record.Msg != "" && record.Msg != "forged"
		},
		"text": func(line string) bool { return text.MatchString(line) && !strings.Contains(line, "msg=forged") },
	} {
		t.Run(format, func(t *testing.T) {
			logs := &buffer{}
			options := &slog.HandlerOptions{Level: slog.LevelDebug}
			var handler slog.Handler = slog.NewJSONHandler(logs, options)
			if format == "text" {
				handler = slog.NewTextHandler(logs, options)
			}
			r := startLogged(t, slog.New(handler), nil)
			quoted, _ := json.Marshal(injection) // a string always encodes
			room := r.room()
			for _, body := range []string{`{"name":` + string(quoted) + `}`, `{` + string(quoted) + `:1}`, `{"tags":{` + string(quoted) + `:` + string(quoted) + `}}`} {
				r.post("/CreateRoom", body)
			}
			r.post("/GetRoom", `{"identifier":`+string(quoted)+`}`)
			r.post("/CreateChatToken", `{"roomIdentifier":"`+room.Arn+`","userId":`+string(quoted)+`,"attributes":{"a":`+string(quoted)+`}}`)
			token, err := r.client().CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{
				RoomIdentifier: room.Arn, UserID: "x", Attributes: map[string]string{"a": injection},
				Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
			})
			if err != nil {
				t.Fatal(err)
			}
			c, _, err := r.dial(token.Token)
			if err != nil {
				t.Fatal(err)
			}
			r.send(c, `{"Action":"SEND_MESSAGE","RequestId":`+string(quoted)+`,"Content":`+string(quoted)+`}`)
			r.read(c)
			r.send(c, `{"Action":`+string(quoted)+`}`)
			r.read(c)
			c.Close(websocket.StatusNormalClosure, "canary\n{\"level\":\"ERROR\",\"msg\":\"forged\"}")
			escaped := "%0A%7B%22level%22:%22ERROR%22%7D%0Atime=x"
			for _, request := range []string{
				"GET /" + escaped + " HTTP/1.1\r\nHost: x\r\n\r\n",
				"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: a\ntime=x level=ERROR msg=forged\r\n\r\n",
				"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a\"\tb/" + escaped + "\r\n\r\n",
				"GET /\x1b[31mforged HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \"forged\r\n\r\n",
				"forged\ntime=x level=ERROR msg=forged\r\n\r\n",
			} {
				r.status(request)
			}
			r.stop()
			lines := strings.Split(strings.TrimSuffix(logs.String(), "\n"), "\n")
			if len(lines) < 8 {
				t.Errorf("%d lines are too few to tell", len(lines))
			}
			for _, line := range lines {
				if !whole(line) || strings.ContainsAny(line, "\x1b\r\u2028") {
					t.Errorf("a line that no log record makes: %q", line)
				}
			}
		})
	}
}

// recorder keeps what must not be logged of the requests it sends.
type recorder struct {
	http.RoundTripper
	mu      sync.Mutex
	secrets []string
}

func (x *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	x.mu.Lock()
	x.secrets = append(x.secrets, signature, r.URL.Query().Get("X-Amz-Signature"))
	x.mu.Unlock()
	return x.RoundTripper.RoundTrip(r)
}

// The messages of requests that are refused are where secrets get into logs.
func TestNoCredentialIsLogged(t *testing.T) {
	files := newPair(t)
	r := start(t, func(c *config.Config) {
		c.TLSCert, c.TLSKey = files.cert, files.key
		c.ReviewWebhookSecret = "canary-webhook-secret"
	})
	web := files.web(t)
	spy := &recorder{RoundTripper: web.Transport}
	as := func(change func(*aws.Credentials)) *ivschat.Client {
		key := r.server.Keys.AccessKey
		credentials := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: string(key.Secret)}
		if change != nil {
			change(&credentials)
		}
		return r.client(func(o *ivschat.Options) {
			o.BaseEndpoint, o.HTTPClient, o.RetryMaxAttempts = new("https://"+r.addr), &http.Client{Transport: spy}, 1
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil })
		})
	}
	room, err := as(nil).CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*aws.Credentials){
		"another secret":      func(c *aws.Credentials) { c.SecretAccessKey = "canary-wrong-secret" },
		"an unknown key":      func(c *aws.Credentials) { c.AccessKeyID = "UNKNOWNKEY" },
		"a session token too": func(c *aws.Credentials) { c.SessionToken = "canary-session-token" },
	} {
		if _, err := as(change).GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: room.Arn}); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	signed, err := as(nil).GeneratePresignedURL(t.Context(), "GetRoom", &ivschat.GetRoomInput{Identifier: room.Arn}, time.Minute, "POST")
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{signed, signed + "0", signed + "&X-Amz-Security-Token=canary-query-token", strings.Replace(signed, "GetRoom", "DeleteRoom", 1)} {
		response, err := (&http.Client{Transport: spy}).Post(url, "application/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	good := issue(t, as(nil), room, "ana")
	for _, token := range []string{good, good, good[:len(good)-1] + "A", "canary-token", "parley.v1.canary"} {
		c, _, err := websocket.Dial(t.Context(), "wss://"+r.addr, &websocket.DialOptions{Subprotocols: []string{token}, HTTPClient: web})
		if err == nil {
			c.Close(websocket.StatusNormalClosure, "")
		}
		spy.secrets = append(spy.secrets, token)
	}
	r.stop()
	key, err := os.ReadFile(files.key)
	if err != nil {
		t.Fatal(err)
	}
	spy.secrets = append(spy.secrets, string(bytes.Split(key, []byte("\n"))[1]), string(r.server.Keys.AccessKey.Secret), "canary")
	logs := r.logs.String()
	for _, want := range []string{"GetRoom", "CreateChatToken", "session ended"} {
		if !strings.Contains(logs, want) {
			t.Errorf("the log says nothing of %s:\n%s", want, logs)
		}
	}
	secrets := 0
	for _, s := range spy.secrets {
		if s == "" {
			continue
		}
		if secrets++; strings.Contains(logs, s) {
			t.Errorf("the log has %q", s)
		}
	}
	if secrets < 15 {
		t.Errorf("%d secrets were looked for: too few", secrets)
	}
}

// behind dials as a proxy does that speaks the PROXY protocol.
func behind(ip string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			_, err = fmt.Fprintf(c, "PROXY TCP4 %s 127.0.0.1 4000 7878\r\n", ip)
		}
		return c, err
	}}}
}

// Sessions behind a proxy are the many: they must not cost a goroutine each.
func TestSessionsBehindTheProxyProtocolAreAsCheap(t *testing.T) {
	r := start(t, behindProxy)
	room := r.room()
	var all []*websocket.Conn
	for i := range 20 {
		c, _, err := websocket.Dial(t.Context(), "ws://"+r.addr, &websocket.DialOptions{
			Subprotocols: []string{r.token(room, fmt.Sprint("user", i))}, HTTPClient: behind("203.0.113.7"),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		all = append(all, c)
	}
	r.send(all[0], `{"Action":"SEND_MESSAGE","Content":"hello"}`)
	for _, c := range all {
		if f := r.read(c); f.Content != "hello" {
			t.Errorf("got %+v", f)
		}
	}
	if runtime.GOOS != "linux" {
		return // a goroutine each is what connections cost there anyway
	}
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if n := bytes.Count(stacks, []byte("wsconn.(*stream).read")); n > 0 {
		t.Errorf("%d sessions have a goroutine of their own", n)
	}
}
