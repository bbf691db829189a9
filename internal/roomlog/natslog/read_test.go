//go:build cluster

package natslog

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/roomlogtest"
	"github.com/parleychat/parley/test/cluster"
)

func openOne(t *testing.T) (*Log, roomlog.Room) {
	t.Helper()
	l, err := Open(t.Context(), Options{URLs: []string{cluster.StartNATS(t, 1)[0].URL()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, roomlog.Room{Account: "123456789012", Region: "us-west-2", ID: "abcdABCDefgh"}
}

func TestTheLeaderTellsTheSameAsOthers(t *testing.T) {
	l, room := openOne(t)
	for _, about := range []func() (stored, error){
		func() (stored, error) { return l.nextAtLeader(t.Context(), room, 0) },
		func() (stored, error) { return l.newestAtLeader(t.Context(), room) },
	} {
		if e, err := about(); !errors.Is(err, jetstream.ErrMsgNotFound) {
			t.Errorf("of a room without entries: %+v, %v", e, err)
		}
	}
	for _, id := range []string{"a", "b", "c"} {
		e := roomlog.Entry{Kind: roomlog.KindMessage, ID: id, Time: time.Now(), Payload: []byte(`{"Id":"` + id + `"}`)}
		if _, err := l.Append(t.Context(), room, e, roomlog.Terms{Rate: 10, LoggingConfigurations: []string{"arn"}}); err != nil {
			t.Fatal(err)
		}
	}
	same := func(what string, a, b func() (stored, error)) {
		t.Helper()
		one, err := a()
		if err != nil {
			t.Fatal(err)
		}
		other, err := b()
		if diff := cmp.Diff(one, other, cmp.AllowUnexported(stored{}), cmpopts.EquateComparable(time.Time{})); err != nil || diff != "" {
			t.Errorf("%s: %v %s", what, err, diff)
		}
	}
	same("next", func() (stored, error) { return l.next(t.Context(), room, 1) }, func() (stored, error) { return l.nextAtLeader(t.Context(), room, 1) })
	same("newest", func() (stored, error) { return l.read(l.stream.GetLastMsgForSubject(t.Context(), l.filter(room))) }, func() (stored, error) { return l.newestAtLeader(t.Context(), room) })
}

// What is no entry is passed over, published or read.
func TestARoomGoesOnAfterWhatIsNoEntry(t *testing.T) {
	l, room := openOne(t)
	seen := roomlogtest.NewCollector()
	if _, _, err := l.Subscribe(t.Context(), room, seen); err != nil {
		t.Fatal(err)
	}
	say := func(id string) {
		t.Helper()
		if _, err := l.Append(t.Context(), room, roomlog.Entry{Kind: roomlog.KindMessage, ID: id, Time: time.Now(), Payload: []byte("{}")}, roomlog.Terms{}); err != nil {
			t.Fatal(err)
		}
	}
	for n, garbage := range []string{"", "garbage", "\x02{}", "\x05[]"} {
		say("before")
		if _, err := l.js.Publish(t.Context(), l.subject("entry", plain, room), []byte(garbage)); err != nil {
			t.Fatal(err)
		}
		say("after")
		if got := seen.Wait(t, 2*n+2); got[2*n].ID != "before" || got[2*n+1].ID != "after" {
			t.Fatalf("%+v", got)
		}
	}
	if list, err := l.Read(t.Context(), room, 0, 100); err != nil || len(list) != 8 {
		t.Errorf("%d entries, %v", len(list), err)
	}
}
