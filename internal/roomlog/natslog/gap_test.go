//go:build cluster

package natslog

import (
	"fmt"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/roomlogtest"
	"github.com/parleychat/parley/test/cluster"
)

// What the servers publish may get lost, or come twice: the next entry shows it, and
// what is missing is delivered before it.
func TestAGapIsFilledBeforeWhatComesAfter(t *testing.T) {
	server := cluster.StartNATS(t, 1)[0]
	var logs []*Log
	for range 2 {
		l, err := Open(t.Context(), Options{URLs: []string{server.URL()}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		logs = append(logs, l)
	}
	room := roomlog.Room{Account: "123456789012", Region: "us-west-2", ID: "abcdABCDefgh"}
	seen := roomlogtest.NewCollector()
	if _, _, err := logs[0].Subscribe(t.Context(), room, seen); err != nil {
		t.Fatal(err)
	}
	n := 0
	say := func() {
		t.Helper()
		e := roomlog.Entry{Kind: roomlog.KindMessage, ID: fmt.Sprint(n), Time: time.Now(), Payload: []byte("{}")}
		if _, err := logs[1].Append(t.Context(), room, e, roomlog.Terms{}); err != nil {
			t.Fatal(err)
		}
		n++
	}
	r := logs[0].rooms[room]
	for round := range 5 {
		say()
		seen.Wait(t, n)
		// The node is deaf for some entries, and for more and more of them.
		if err := r.feeds[0].Unsubscribe(); err != nil {
			t.Fatal(err)
		}
		for range round + 1 {
			say()
		}
		feed, err := logs[0].conn.ChanSubscribe(logs[0].subject("deliver", "*", room), logs[0].inboxes[0])
		if err != nil {
			t.Fatal(err)
		}
		r.feeds[0] = feed
		if err := logs[0].conn.Flush(); err != nil {
			t.Fatal(err)
		}
		say()
		seen.Wait(t, n)
		// And hears some of them again.
		again, err := logs[0].Read(t.Context(), room, 0, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range again {
			r.receive(stored{Entry: e})
		}
	}
	for i, e := range seen.Wait(t, n) {
		if e.ID != fmt.Sprint(i) {
			t.Fatalf("entry %d is %s", i, e.ID)
		}
	}
}

// The last entry of a burst may get lost too, and nothing comes after it.
func TestTheEndOfABurstIsFound(t *testing.T) {
	server := cluster.StartNATS(t, 1)[0]
	room := roomlog.Room{Account: "123456789012", Region: "us-west-2", ID: "abcdABCDefgh"}
	var logs []*Log
	var seen []*roomlogtest.Collector
	for range 2 {
		l, err := Open(t.Context(), Options{URLs: []string{server.URL()}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		c := roomlogtest.NewCollector()
		if _, _, err := l.Subscribe(t.Context(), room, c); err != nil {
			t.Fatal(err)
		}
		logs, seen = append(logs, l), append(seen, c)
	}
	// The stream publishes nothing: what the nodes have, they have read.
	silent := logs[0].config()
	silent.RePublish = nil
	if _, err := logs[0].js.UpdateStream(t.Context(), silent); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		e := roomlog.Entry{Kind: roomlog.KindMessage, ID: fmt.Sprint(n), Time: time.Now(), Payload: []byte("{}")}
		if _, err := logs[0].Append(t.Context(), room, e, roomlog.Terms{}); err != nil {
			t.Fatal(err)
		}
		for _, c := range seen {
			c.Wait(t, n+1)
		}
	}
}
