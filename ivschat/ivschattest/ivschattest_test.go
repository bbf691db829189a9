package ivschattest_test

import (
	"testing"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/ivschattest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAServerForATest(t *testing.T) {
	srv := ivschattest.New(t)
	room, err := srv.Client().CreateRoom(t.Context(), &ivschat.CreateRoomInput{Name: new("lobby")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := srv.Client().CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserID: "ana"})
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := websocket.Dial(t.Context(), srv.WebSocketURL, &websocket.DialOptions{Subprotocols: []string{out.Token}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, err := srv.Client().SendEvent(t.Context(), &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: "hello"}); err != nil {
		t.Fatal(err)
	}
	if _, frame, err := c.Read(t.Context()); err != nil || len(frame) == 0 {
		t.Errorf("got %s, %v", frame, err)
	}
}

// Each test has a server of its own: they share nothing.
func TestServersAreApart(t *testing.T) {
	one, two := ivschattest.New(t), ivschattest.New(t)
	room, err := one.Client().CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Client().GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: room.Arn}); err == nil {
		t.Error("one test's room is in another's server")
	}
}
