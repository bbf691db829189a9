package hub_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/hub"
	"github.com/parleychat/parley/internal/roomlog"
)

const window = 20 * time.Millisecond

// crowd makes a room that is busy at a message every 5 ms and quiet at one a second.
func crowd(b bench) []*conn { return b.members(300) }

func (b bench) members(n int) []*conn {
	conns := make([]*conn, n)
	for i := range conns {
		conns[i] = &conn{}
		b.join(fmt.Sprint(i), conns[i])
	}
	return conns
}

func TestMessagesOfABusyRoomShareWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Window: window, ShardSize: 100})
		conns := crowd(b)
		var ids []string
		for i := range 400 {
			ids = append(ids, fmt.Sprint(i))
			b.message(ids[i])
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(window)
		synctest.Wait()
		for _, c := range conns {
			want(t, c, ids...)
			// Four or five to a write, but for the first ones.
			if c.writes > 120 {
				t.Fatalf("%d writes for 400 messages", c.writes)
			}
		}
	})
}

func TestNoMessageWaitsLongerThanTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Window: window})
		c := crowd(b)[0]
		for i := range 200 {
			b.message(fmt.Sprint(i))
			time.Sleep(3 * time.Millisecond)
		}
		begun := time.Now()
		b.message("last")
		for len(c.ids()) < 201 {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		if waited := time.Since(begun); waited > window {
			t.Errorf("waited %v", waited)
		}
	})
}

// Writing to many takes long, so their messages wait longer for each other.
func TestAWideRoomHasAWiderWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Window: window})
		c := b.members(6000)[0]
		for i := range 300 {
			b.message(fmt.Sprint(i))
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(3 * window)
		synctest.Wait()
		if n := len(c.ids()); n != 300 {
			t.Fatalf("%d messages came, want 300", n)
		}
		if c.writes > 110 || c.writes < 70 {
			t.Errorf("%d writes for 300 messages, want about four messages in each window of %v", c.writes, 3*window)
		}
	})
}

// If all shards wrote at once, the last viewers would wait for the others too.
func TestShardsTakeTurnsInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Window: window, ShardSize: 100})
		conns := b.members(1000)
		for i := range 100 { // until every shard has its turn
			b.message(fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		for tick := range 3 * int(window/time.Millisecond) {
			before := make([]int, len(conns))
			for i, c := range conns {
				before[i] = c.writes
			}
			b.message(fmt.Sprint(100 + tick))
			time.Sleep(time.Millisecond)
			synctest.Wait()
			wrote := 0
			for i, c := range conns {
				wrote += c.writes - before[i]
			}
			if wrote > 100 {
				t.Fatalf("%d of %d members got a write in one millisecond of a window of %v, want one shard's at most", wrote, len(conns), window)
			}
		}
	})
}

func TestAQuietRoomDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Window: window})
		c := crowd(b)[0]
		for i := range 20 {
			b.message(fmt.Sprint(i))
			synctest.Wait() // no time passes
			if n := len(c.ids()); n != i+1 {
				t.Fatalf("%d messages came, want %d", n, i+1)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestAWideRoomDoesNotWaitForAMessageAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Window: time.Second})
		c := b.members(10_000)[0]
		for i := range 3 {
			time.Sleep(time.Minute)
			b.message(fmt.Sprint(i))
			synctest.Wait()
			if n := len(c.ids()); n != i+1 {
				t.Fatalf("%d messages came, want %d", n, i+1)
			}
		}
	})
}

// What waits for a window's end is no sign that deliveries are behind.
func TestALongWindowDoesNotOverloadTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Window: time.Second})
		c := crowd(b)[0]
		for i := range 1500 {
			if b.hub.Overloaded(where) {
				t.Fatalf("overloaded after %d messages, with idle workers", i)
			}
			b.append(roomlog.Entry{Kind: roomlog.KindMessage, ID: fmt.Sprint(i), Payload: make([]byte, 350)})
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		if c.writes > 100 {
			t.Errorf("%d writes for 1500 messages", c.writes)
		}
	})
}

func TestASmallRoomDoesNotWaitHoweverBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Window: window})
		c := &conn{}
		b.join("a", c)
		for i := range 100 {
			b.message(fmt.Sprint(i))
			synctest.Wait()
			if n := len(c.ids()); n != i+1 {
				t.Fatalf("%d messages came, want %d", n, i+1)
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func TestCloseWritesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Window: time.Hour})
		conns := crowd(b)
		var ids []string
		for i := range 50 {
			ids = append(ids, fmt.Sprint(i))
			b.message(ids[i])
			time.Sleep(time.Millisecond)
		}
		b.append(roomlog.Entry{Kind: roomlog.KindDisconnect, ID: "50", UserID: "7"})
		ids = append(ids, "50")
		b.log.Close()
		b.hub.Close()
		for _, c := range conns {
			want(t, c, ids...)
		}
		if conns[7].closed != 1000 {
			t.Errorf("closed with %d, want 1000", conns[7].closed)
		}
	})
}
