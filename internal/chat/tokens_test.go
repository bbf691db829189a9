package chat_test

import (
	"testing"
	"time"

	"github.com/parleychat/parley/internal/chat"
	"github.com/parleychat/parley/ivschat"
)

func TestATokenIsNoLongerGoodThanItsSession(t *testing.T) {
	s, ctx := service(t, chat.Options{TokenValidity: 10 * time.Minute})
	room, err := s.CreateRoom(ctx, &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	for minutes, want := range map[int32]time.Duration{1: time.Minute, 10: 10 * time.Minute, 180: 10 * time.Minute} {
		out, err := s.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserID: "ana", SessionDurationInMinutes: &minutes})
		if err != nil {
			t.Fatal(err)
		}
		issued := out.SessionExpirationTime.Add(-time.Duration(minutes) * time.Minute)
		if got := out.TokenExpirationTime.Sub(issued); got != want {
			t.Errorf("a session of %d minutes: the token is good for %s, want %s", minutes, got, want)
		}
	}
}
