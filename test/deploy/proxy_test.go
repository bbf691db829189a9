//go:build deploy

package deploy

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/parleychat/parley/internal/edge/edgetest"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

const keyID, secret = "PARLEYDEPLOYKEY00001", "parley-deploy-secret-0001"

// parley starts a server that verifies signatures, and returns its address.
func parley(t *testing.T, flags ...string) string {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready.json")
	flags = append([]string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--ready-file", ready,
		"--banner", "none", "--trusted-proxies", "127.0.0.0/8"}, flags...)
	start(t, exec.Command(os.Getenv("TEST_PARLEY_BINARY"), flags...),
		"PARLEY_ACCESS_KEY_ID="+keyID, "PARLEY_SECRET_ACCESS_KEY="+secret)
	var said struct{ API string }
	until(t, "Parley is ready", func() bool {
		text, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(text, &said) == nil
	})
	_, address, _ := strings.Cut(said.API, "://")
	return address
}

func start(t *testing.T, cmd *exec.Cmd, env ...string) {
	t.Helper()
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatalf("waited in vain until %s", what)
}

// free returns an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// file writes a file of deploy/ with other addresses in it.
func file(t *testing.T, name string, addresses ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(addresses); i += 2 {
		if !strings.Contains(string(text), addresses[i]) {
			t.Fatalf("%s has no %q", name, addresses[i])
		}
	}
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(path, []byte(strings.NewReplacer(addresses...).Replace(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNginx(t *testing.T) {
	node, at := parley(t), free(t)
	conf := file(t, "nginx/parley.conf", "server 127.0.0.1:7878", "server "+node, "listen 8080", "listen "+at)
	dir := t.TempDir()
	whole := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(whole, fmt.Appendf(nil, `
		daemon off; master_process off; pid %[1]s/pid; error_log stderr;
		events {}
		http {
			access_log off;
			client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
			include %[2]s;
		}`, dir, conf), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, exec.Command("nginx", "-e", "stderr", "-p", dir, "-c", whole))
	through(t, at)
}

func TestHAProxy(t *testing.T) {
	node, at := parley(t), free(t)
	start(t, exec.Command("haproxy", "-f", file(t, "haproxy/haproxy.cfg", "server node1 127.0.0.1:7878", "server node1 "+node, "bind 127.0.0.1:8080", "bind "+at, "maxconn 100000", "maxconn 1000")))
	through(t, at)
}

// Parley does TLS, HAProxy tells it who the client is: of two clients with an
// address of their own each may have one session.
func TestHAProxyLeavesTLSToParley(t *testing.T) {
	authority, err := edgetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	if err := authority.Write(1, cert, key); err != nil {
		t.Fatal(err)
	}
	node, at := parley(t, "--tls-cert", cert, "--tls-key", key, "--proxy-protocol", "--client-connections", "1"), free(t)
	start(t, exec.Command("haproxy", "-f", file(t, "haproxy/passthrough.cfg", "server node1 127.0.0.1:7878", "server node1 "+node, "bind 127.0.0.1:8443", "bind "+at, "maxconn 100000", "maxconn 1000")))
	trust := &tls.Config{RootCAs: authority.Pool()}
	first := from(t, trust, "127.0.0.3")
	first.through(t, at, func(room *ivschat.Room) {
		second := from(t, trust, "127.0.0.4")
		if err := second.join(t, at, room); err != nil {
			t.Errorf("another address: %v", err)
		}
		if err := second.join(t, at, room); err == nil {
			t.Error("two sessions of one address are open, and one is allowed")
		}
	})
}

// origin is where requests come from, and over what.
type origin struct {
	web    *http.Client
	scheme string // what follows http and ws
	trust  *tls.Config
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
}

func from(t *testing.T, trust *tls.Config, ip string) origin {
	o := origin{trust: trust, dial: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext}
	if trust != nil {
		o.scheme = "s"
	}
	transport := &http.Transport{TLSClientConfig: trust, DialContext: o.dial}
	t.Cleanup(transport.CloseIdleConnections)
	o.web = &http.Client{Transport: transport}
	return o
}

func (o origin) client(at string) *ivschat.Client {
	return ivschat.New(ivschat.Options{
		Region: "us-west-2", BaseEndpoint: aws.String("http" + o.scheme + "://" + at), HTTPClient: o.web,
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
	})
}

func (o origin) chat(t *testing.T, at string, room *ivschat.Room) *messaging.Room {
	t.Helper()
	chat, err := messaging.NewRoom(messaging.Config{
		RegionOrURL: "ws" + o.scheme + "://" + at, TLSConfig: o.trust, DialContext: o.dial, MaxAttempts: 1,
		TokenProvider: messaging.TokensFrom(o.client(at), &ivschat.CreateChatTokenInput{
			RoomIdentifier: room.Arn, UserID: "ana", Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chat.Close() })
	return chat
}

func (o origin) join(t *testing.T, at string, room *ivschat.Room) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return o.chat(t, at, room).Connect(ctx)
}

func through(t *testing.T, at string) { from(t, nil, "127.0.0.1").through(t, at, nil) }

// through uses everything that proxies have broken elsewhere, and calls meanwhile
// while a session is open.
func (o origin) through(t *testing.T, at string, meanwhile func(*ivschat.Room)) {
	until(t, "the proxy serves", func() bool {
		response, err := o.web.Get("http" + o.scheme + "://" + at + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := o.client(at)
	room, err := client.CreateRoom(ctx, &ivschat.CreateRoomInput{Tags: map[string]string{"a b": "c/d ü"}})
	if err != nil {
		t.Fatal(err)
	}
	// The path has an escaped ARN, the query repeated names: both are signed.
	if _, err := client.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: room.Arn, TagKeys: []string{"a b", "z"}}); err != nil {
		t.Errorf("untag: %v", err)
	}
	if tags, err := client.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: room.Arn}); err != nil || len(tags.Tags) != 0 {
		t.Errorf("tags: %v, %v", tags, err)
	}
	chat := o.chat(t, at, room)
	if err := chat.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	sent, err := chat.SendMessage(ctx, messaging.SendMessageRequest{Content: strings.Repeat("ü", 500)})
	if err != nil || len(sent.Content) != 1000 {
		t.Errorf("message: %v", err)
	}
	if meanwhile != nil {
		meanwhile(room)
	}
	if _, err := client.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: room.Arn}); err != nil {
		t.Errorf("delete: %v", err)
	}
}
