package server_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
)

func TestATokenIsUsedOnceEvenAcrossARestart(t *testing.T) {
	data := t.TempDir()
	first := start(t, func(c *config.Config) { c.Data = data })
	room := first.room()
	used, unused := first.token(room, "ana"), first.token(room, "ana")
	c, _, err := first.dial(used)
	if err != nil {
		t.Fatal(err)
	}
	c.CloseNow()
	if _, status, err := first.dial(used); err == nil || status != http.StatusForbidden {
		t.Errorf("second use: %d %v, want 403", status, err)
	}
	first.stop()

	second := start(t, func(c *config.Config) { c.Data = data })
	if second.server.FirstRun {
		t.Error("the second run made a new access key")
	}
	if _, status, err := second.dial(used); err == nil || status != http.StatusForbidden {
		t.Errorf("second use after a restart: %d %v, want 403", status, err)
	}
	if c, _, err = second.dial(unused); err != nil {
		t.Fatalf("a token issued before the restart: %v", err)
	}
	c.CloseNow()
	if got, err := second.client().GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: room.Arn}); err != nil || got.ID != room.ID {
		t.Errorf("the room after a restart: %v, %v", got, err)
	}
}

func TestOneOfManyHandshakesWithATokenSucceeds(t *testing.T) {
	r := start(t, nil)
	token := r.token(r.room(), "ana")
	var mu sync.Mutex
	opened := 0
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if c, _, err := r.dial(token); err == nil {
				mu.Lock()
				opened++
				mu.Unlock()
				c.CloseNow()
			}
		})
	}
	all.Wait()
	if opened != 1 {
		t.Errorf("%d connections opened with one token, want 1", opened)
	}
}

func TestRefusedHandshakes(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxConnections = 1 })
	room := r.room()
	only := r.connect(room, "ana")
	waiting := r.token(room, "bo")
	_, status, err := r.dial(waiting)
	if err == nil || status != http.StatusTooManyRequests {
		t.Errorf("over the limit: %d %v, want 429", status, err)
	}
	only.Close(websocket.StatusNormalClosure, "")
	// The refusal did not use the token up; the place is free once the session has ended.
	deadline := time.Now().Add(20 * time.Second)
	for {
		c, _, err := r.dial(waiting)
		if err == nil {
			c.CloseNow()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the place was free: %v", err)
		}
	}
	for name, header := range map[string]http.Header{
		"no token":   {},
		"two tokens": {"Sec-Websocket-Protocol": {"a, b"}},
		"garbled":    {"Sec-Websocket-Protocol": {"parley.v1.nope"}},
	} {
		request, _ := http.NewRequest(http.MethodGet, "http://"+r.addr+"/some/path", nil)
		request.Header = header
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "websocket")
		request.Header.Set("Sec-WebSocket-Version", "13")
		request.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized || !bytes.Contains(body, []byte(`"message"`)) || response.Header.Get("x-amzn-ErrorType") == "" {
			t.Errorf("%s: %d %s, want 401 with a message", name, response.StatusCode, body)
		}
	}
}

func TestProbes(t *testing.T) {
	r := start(t, nil)
	for path, want := range map[string]string{
		"/healthz": "ok\n", "/readyz": "ready\n", "/_localstack/health": `{"services":{"ivschat":"running","sts":"running"}}` + "\n",
	} {
		if status, body := r.get(path); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %q", path, status, body)
		}
		response, err := http.Head("http://" + r.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s: %s", path, response.Status)
		}
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	r := start(t, nil)
	room := r.room()
	secret := []string{string(r.server.Keys.AccessKey.Secret), "canary-user", "canary-content", "canary-attribute", "canary-reason"}
	out, err := r.client().CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{
		RoomIdentifier: room.Arn, UserID: "canary-user", Attributes: map[string]string{"a": "canary-attribute"},
		Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret = append(secret, out.Token)
	c, _, err := r.dial(out.Token)
	if err != nil {
		t.Fatal(err)
	}
	r.send(c, `{"Action":"SEND_MESSAGE","Content":"canary-content","Attributes":{"a":"canary-attribute"}}`)
	if f := r.read(c); f.Content != "canary-content" {
		t.Errorf("got %+v", f)
	}
	r.send(c, `{"Action":"SEND_MESSAGE","Content":"canary-content`)
	r.read(c)
	r.dial(out.Token)
	_, err = r.client().DisconnectUser(t.Context(), &ivschat.DisconnectUserInput{RoomIdentifier: room.Arn, UserID: "canary-user", Reason: new("canary-reason")})
	if err != nil {
		t.Fatal(err)
	}
	url, err := r.client().GeneratePresignedURL(t.Context(), "GetRoom", &ivschat.GetRoomInput{Identifier: room.Arn}, time.Minute, "POST")
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.Post(url, "application/json", nil); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("presigned: %v %v", response, err)
	}
	_, signature, _ := strings.Cut(url, "X-Amz-Signature=")
	secret = append(secret, signature)
	r.stop()
	logs := r.logs.String()
	if !strings.Contains(logs, "CreateChatToken") || !strings.Contains(logs, "session ended") {
		t.Errorf("the log says nothing of what happened:\n%s", logs)
	}
	for _, s := range secret {
		if strings.Contains(logs, s) {
			t.Errorf("the log has %q", s)
		}
	}
}

func TestAStopEndsSessionsWithoutACloseFrame(t *testing.T) {
	r := start(t, nil)
	room := r.room()
	c := r.connect(room, "ana")
	r.stop()
	if f := r.read(c); f.ErrorCode != 401 {
		t.Errorf("got %+v, want ERROR 401", f)
	}
	_, _, err := c.Read(t.Context())
	var closed websocket.CloseError
	if err == nil || errors.As(err, &closed) {
		t.Errorf("got %v, want a cut without a Close frame", err)
	}
}

func TestTheDevKeyIsRefused(t *testing.T) {
	c := config.Default()
	c.Data = t.TempDir()
	c.AccessKeyID, c.SecretAccessKey = "PARLEYDEVKEY", "parley-dev-secret"
	if s, err := server.New(t.Context(), c, false, slog.New(slog.DiscardHandler)); err == nil {
		s.Close()
		t.Error("a verifying server started with the public key of dev mode")
	}
}

func TestAccountsPendingVerification(t *testing.T) {
	r := start(t, nil)
	room := r.room()
	token := r.token(room, "ana")
	c := r.connect(room, "bo")
	r.server.Config.PendingAccounts = []string{"000000000000"}
	pending := func(err error) bool {
		_, ok := errors.AsType[*ivschat.PendingVerification](err)
		return ok
	}
	if _, err := r.client().CreateRoom(t.Context(), &ivschat.CreateRoomInput{}); !pending(err) {
		t.Errorf("CreateRoom: %v, want PendingVerification", err)
	}
	if _, err := r.client().GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: room.Arn}); err != nil {
		t.Errorf("GetRoom: %v", err)
	}
	if _, status, err := r.dial(token); err == nil || status != http.StatusForbidden {
		t.Errorf("handshake: %d %v, want 403", status, err)
	}
	r.send(c, `{"Action":"SEND_MESSAGE","RequestId":"1","Content":"x"}`)
	if f := r.read(c); f.ErrorCode != 403 || f.RequestId != "1" {
		t.Errorf("got %+v, want ERROR 403", f)
	}
}

func TestHandshakesOverTheRateAreToldToComeBack(t *testing.T) {
	r := start(t, func(c *config.Config) { c.HandshakeRate = 1 })
	room := r.room()
	first, second := r.token(room, "ana"), r.token(room, "bo")
	c, _, err := r.dial(first)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	_, response, err := websocket.Dial(t.Context(), "ws://"+r.addr, &websocket.DialOptions{Subprotocols: []string{second}})
	if err == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("got %v, %v; want 503 with Retry-After", response, err)
	}
}

func TestThrottlesNameTheTypeOfResource(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Quotas = "aws" })
	// More than the burst of any of them.
	throttle := func(call func() error) *ivschat.ThrottlingException {
		for range 100 {
			if e, ok := errors.AsType[*ivschat.ThrottlingException](call()); ok {
				return e
			}
		}
		t.Fatal("never throttled")
		return nil
	}
	client := r.client(func(o *ivschat.Options) { o.Retryer = aws.NopRetryer{} })
	e := throttle(func() error {
		_, err := client.ListLoggingConfigurations(t.Context(), &ivschat.ListLoggingConfigurationsInput{})
		return err
	})
	if e.ResourceType != ivschat.ResourceTypeLoggingConfiguration || e.Limit != 3 || e.ResourceID != "" {
		t.Errorf("ListLoggingConfigurations: %+v", e)
	}
	e = throttle(func() error {
		_, err := client.ListRooms(t.Context(), &ivschat.ListRoomsInput{})
		return err
	})
	if e.ResourceType != ivschat.ResourceTypeRoom || e.Limit != 5 {
		t.Errorf("ListRooms: %+v", e)
	}
}
