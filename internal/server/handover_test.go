package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
)

func TestNodesTellEachOtherWhereSessionsStood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := handover{node: "here"}, handover{node: "there"}
		here.tell = func(word []byte) { here.hear(word); there.hear(word) }
		there.tell = here.tell
		room := roomlog.Room{Account: "123456789012", Region: "us-west-2", ID: "abcdABCDefgh"}
		other := room
		other.ID = "ABCDabcdEFGH"
		want := func(who string, room roomlog.Room, place uint64, ok bool) {
			t.Helper()
			for _, h := range []*handover{&here, &there} {
				if got, found := h.Since(room, who); found != ok || ok && got != place {
					t.Errorf("%s is known to have left at %d, %v; want %d, %v", who, got, found, place, ok)
				}
			}
		}
		want("user", room, 0, false)
		here.Left(room, "user", 7)
		want("user", room, 7, true)
		want("user", other, 0, false)
		want("usher", room, 0, false)
		time.Sleep(time.Second)
		here.Left(room, "user", 9) // another of the user's sessions
		want("user", room, 7, true)
		there.Back(room, "user")
		want("user", room, 7, true) // as the other session may come still
		there.Back(room, "user")
		want("user", room, 0, false)
		there.Back(room, "user") // who had not left
		here.Left(room, "user", 20)
		want("user", room, 20, true)
		time.Sleep(15 * time.Second)
		here.Left(room, "user", 30) // came back to a service that was not told
		want("user", room, 30, true)
		time.Sleep(31 * time.Second)
		want("user", room, 0, false)
		here.Left(other, "\"us\ner", 1)
		want("\"us\ner", other, 1, true)
		if len(here.left) != 1 || len(here.order) != 1 {
			t.Errorf("%d are remembered in %d places", len(here.left), len(here.order))
		}
	})
}

func FuzzHandover(f *testing.F) {
	f.Add([]byte(`{"a":"123456789012","r":"us-west-2","i":"abcdABCDefgh","u":"user","p":7}`))
	f.Fuzz(func(t *testing.T, word []byte) {
		var h handover
		h.hear(word)
		if len(h.left) != len(h.order) || len(h.left) > 1 {
			t.Errorf("%d are remembered in %d places", len(h.left), len(h.order))
		}
	})
}
