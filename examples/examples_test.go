// Package examples_test runs the examples against a server, as a user would.
package examples_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/ivschattest"
	"github.com/parleychat/parley/ivschat/messaging"
)

// start runs an example and returns its first line of output.
func start(t *testing.T, srv *ivschattest.Server, name string, args ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", binary, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(),
		"AWS_ENDPOINT_URL_IVSCHAT="+srv.URL, "AWS_REGION="+srv.Region,
		"AWS_ACCESS_KEY_ID="+srv.Account, "AWS_SECRET_ACCESS_KEY=any",
	)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said nothing: %v", name, err)
	}
	return line[:len(line)-1]
}

func newRoom(t *testing.T, srv *ivschattest.Server) string {
	t.Helper()
	room, err := srv.Client().CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	return room.Arn
}

func join(t *testing.T, srv *ivschattest.Server, arn, user string) *messaging.Room {
	t.Helper()
	room, err := messaging.NewRoom(messaging.Config{
		RegionOrURL: srv.WebSocketURL,
		TokenProvider: messaging.TokensFrom(srv.Client(), &ivschat.CreateChatTokenInput{
			RoomIdentifier: arn, UserID: user, Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { room.Close() })
	if err := room.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return room
}

// wait returns the first notice that is wanted.
func wait(t *testing.T, room *messaging.Room, wanted func(messaging.Notice) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for notice := range room.Events(ctx) {
		if wanted(notice) {
			return
		}
	}
	t.Fatal("it did not come")
}

func TestBot(t *testing.T) {
	srv := ivschattest.New(t)
	arn := newRoom(t, srv)
	start(t, srv, "bot", arn, srv.WebSocketURL)
	ana := join(t, srv, arn, "ana")
	if _, err := ana.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "!ping"}); err != nil {
		t.Fatal(err)
	}
	wait(t, ana, func(n messaging.Notice) bool {
		m, ok := n.(*messaging.Message)
		return ok && m.Sender.UserID == "bot" && m.Content == "pong ana"
	})
}

func TestModerator(t *testing.T) {
	srv := ivschattest.New(t)
	arn := newRoom(t, srv)
	start(t, srv, "moderator", arn, srv.WebSocketURL, "spam")
	ana := join(t, srv, arn, "ana")
	for range 3 {
		m, err := ana.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "buy spam"})
		if err != nil {
			t.Fatal(err)
		}
		wait(t, ana, func(n messaging.Notice) bool {
			d, ok := n.(*messaging.MessageDeleted)
			return ok && d.MessageID == m.ID
		})
	}
	wait(t, ana, func(n messaging.Notice) bool {
		s, ok := n.(*messaging.StateChange)
		return ok && s.State == messaging.StateDisconnected && s.Reason == messaging.ReasonServerDisconnect
	})
}

func TestTokenBackend(t *testing.T) {
	srv := ivschattest.New(t)
	url := start(t, srv, "tokenbackend", "127.0.0.1:0", newRoom(t, srv))
	response, err := http.Post(url+"/token?user=ana", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var token struct{ Token, TokenExpirationTime, SessionExpirationTime string }
	if err := json.NewDecoder(response.Body).Decode(&token); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d: %v", response.StatusCode, err)
	}
	if token.Token == "" || token.TokenExpirationTime == "" || token.SessionExpirationTime == "" {
		t.Errorf("got %+v", token)
	}
	nobody, err := http.Post(url+"/token", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	nobody.Body.Close()
	if nobody.StatusCode != http.StatusBadRequest {
		t.Errorf("nobody: %d, want 400", nobody.StatusCode)
	}
}
