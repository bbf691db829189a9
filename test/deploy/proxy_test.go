//go:build deploy

package deploy

import (
	"context"
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

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

const keyID, secret = "PARLEYDEPLOYKEY00001", "parley-deploy-secret-0001"

// parley starts a server that verifies signatures, and returns its address.
func parley(t *testing.T) string {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready.json")
	start(t, exec.Command(os.Getenv("TEST_PARLEY_BINARY"), "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0",
		"--ready-file", ready, "--banner", "none", "--trusted-proxies", "127.0.0.0/8"),
		"PARLEY_ACCESS_KEY_ID="+keyID, "PARLEY_SECRET_ACCESS_KEY="+secret)
	var said struct{ API string }
	until(t, "Parley is ready", func() bool {
		text, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(text, &said) == nil
	})
	return strings.TrimPrefix(said.API, "http://")
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

// through uses everything that proxies have broken elsewhere.
func through(t *testing.T, at string) {
	until(t, "the proxy serves", func() bool {
		response, err := http.Get("http://" + at + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := ivschat.New(ivschat.Options{
		Region: "us-west-2", BaseEndpoint: aws.String("http://" + at),
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
	})
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
	chat, err := messaging.NewRoom(messaging.Config{
		RegionOrURL: "ws://" + at,
		TokenProvider: messaging.TokensFrom(client, &ivschat.CreateChatTokenInput{
			RoomIdentifier: room.Arn, UserID: "ana", Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Close()
	if err := chat.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	sent, err := chat.SendMessage(ctx, messaging.SendMessageRequest{Content: strings.Repeat("ü", 500)})
	if err != nil || len(sent.Content) != 1000 {
		t.Errorf("message: %v", err)
	}
	if _, err := client.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: room.Arn}); err != nil {
		t.Errorf("delete: %v", err)
	}
}
