package hub_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/parleychat/parley/internal/hub"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/memlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// conn is a socket that keeps what was written. With a gate, a write waits at
// it, which stands for a worker that is busy.
type conn struct {
	mu     sync.Mutex
	got    bytes.Buffer
	most   int
	writes int
	closed uint16
	gate   chan struct{}
}

func (c *conn) Write(frames []byte) bool {
	if c.gate != nil {
		<-c.gate
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != 0 {
		return false
	}
	c.got.Write(frames)
	c.writes++
	c.most = max(c.most, len(frames))
	return true
}

func (c *conn) WriteThenClose(frames []byte, code uint16, _ string) {
	c.Write(frames)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = code
}

// largest is the most bytes that came in one write.
func (c *conn) largest() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most
}

// ids returns the payloads written, in order: test payloads hold "<id>".
func (c *conn) ids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for part := range strings.SplitSeq(c.got.String(), "<") {
		if id, _, found := strings.Cut(part, ">"); found {
			ids = append(ids, id)
		}
	}
	return ids
}

var where = roomlog.Room{Account: "123456789012", Region: "us-west-2", ID: "abcdABCDefgh"}

type bench struct {
	t   *testing.T
	log *memlog.Log
	hub *hub.Hub
}

func start(t *testing.T, o hub.Options) bench {
	log := memlog.New(memlog.Options{})
	b := bench{t, log, hub.New(log, o)}
	t.Cleanup(func() {
		log.Close()
		b.hub.Close()
	})
	return b
}

func (b bench) append(e roomlog.Entry) {
	b.t.Helper()
	if e.Payload == nil && e.Kind != roomlog.KindControl {
		e.Payload = []byte("<" + e.ID + ">")
	}
	if _, err := b.log.Append(b.t.Context(), where, e, roomlog.Terms{}); err != nil {
		b.t.Fatal(err)
	}
}

func (b bench) message(id string) { b.append(roomlog.Entry{Kind: roomlog.KindMessage, ID: id}) }

func (b bench) join(user string, c *conn) *hub.Member {
	b.t.Helper()
	m, err := b.hub.Join(b.t.Context(), where, user, c)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func want(t *testing.T, c *conn, ids ...string) {
	t.Helper()
	if got := c.ids(); !slices.Equal(got, ids) {
		t.Errorf("got %v, want %v", got, ids)
	}
}

func TestEveryMemberGetsEveryEntryInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{ShardSize: 3, Workers: 2})
		conns := make([]*conn, 10)
		for i := range conns {
			conns[i] = &conn{}
			b.join(fmt.Sprint(i), conns[i])
		}
		var ids []string
		for i := range 100 {
			ids = append(ids, fmt.Sprint(i))
			b.message(ids[i])
		}
		synctest.Wait()
		for _, c := range conns {
			want(t, c, ids...)
		}
		if n := b.hub.Members(where); n != len(conns) {
			t.Errorf("%d members, want %d", n, len(conns))
		}
	})
}

func TestADisconnectedUserGetsTheEventThenCloseAndNothingAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Workers: 1})
		gate := make(chan struct{})
		// The first member holds the only worker, so that all entries share a flush.
		slow, target, other := &conn{gate: gate}, &conn{}, &conn{}
		b.join("slow", slow)
		b.message("0")
		synctest.Wait()
		b.join("target", target)
		b.join("other", other)
		b.message("1")
		b.append(roomlog.Entry{Kind: roomlog.KindDisconnect, ID: "2", UserID: "target"})
		b.message("3")
		close(gate)
		synctest.Wait()
		want(t, target, "1", "2")
		if target.closed != 1000 {
			t.Errorf("target closed with %d, want 1000", target.closed)
		}
		want(t, other, "1", "2", "3")
		if other.closed != 0 {
			t.Errorf("another user was closed with %d", other.closed)
		}
	})
}

func TestAMemberGetsNothingFromBeforeItJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Workers: 1})
		gate := make(chan struct{})
		b.join("slow", &conn{gate: gate})
		b.message("0")
		synctest.Wait() // the worker is held: what follows stays pending
		b.message("1")
		b.append(roomlog.Entry{Kind: roomlog.KindDisconnect, ID: "2", UserID: "late"})
		late := &conn{}
		b.join("late", late)
		b.message("3")
		close(gate)
		synctest.Wait()
		want(t, late, "3")
		if late.closed != 0 {
			t.Error("a disconnection from before ended a session that began after it")
		}
	})
}

func TestLeavingEndsDeliveryAndTheRoomWithItsLastMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{})
		stays, leaves := &conn{}, &conn{}
		first := b.join("stays", stays)
		second := b.join("leaves", leaves)
		b.message("1")
		synctest.Wait()
		second.Leave()
		b.message("2")
		synctest.Wait()
		want(t, stays, "1", "2")
		want(t, leaves, "1")
		first.Leave()
		if n := b.hub.Members(where); n != 0 {
			t.Errorf("%d members after the last left", n)
		}
		back := &conn{}
		b.join("back", back)
		b.message("3")
		synctest.Wait()
		want(t, back, "3")
	})
}

func TestMembersComeAndGoUnderLoad(t *testing.T) {
	b := start(t, hub.Options{ShardSize: 4})
	var all sync.WaitGroup
	stays := &conn{}
	b.join("stays", stays)
	for w := range 8 {
		all.Go(func() {
			for i := range 50 {
				m := b.join(fmt.Sprintf("%d-%d", w, i), &conn{})
				b.message(fmt.Sprintf("%d-%d", w, i))
				m.Leave()
			}
		})
	}
	all.Wait()
	b.log.Close()
	b.hub.Close()
	if n := len(stays.ids()); n != 400 {
		t.Errorf("the member that stayed got %d entries, want 400", n)
	}
	if n := b.hub.Members(where); n != 1 {
		t.Errorf("%d members, want 1", n)
	}
}

func TestARoomThatIsBehindIsOverloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Workers: 1, MaxPending: 1000})
		gate := make(chan struct{})
		b.join("slow", &conn{gate: gate})
		b.message("0")
		synctest.Wait()
		if b.hub.Overloaded(where) {
			t.Error("overloaded with nothing pending")
		}
		b.append(roomlog.Entry{Kind: roomlog.KindMessage, ID: "1", Payload: make([]byte, 2000)})
		if !b.hub.Overloaded(where) {
			t.Error("not overloaded with 2,000 bytes pending of 1,000")
		}
		close(gate)
		synctest.Wait()
		if b.hub.Overloaded(where) {
			t.Error("overloaded after all was written")
		}
	})
}

func TestControlEntriesGoToTheNodeAndToNoSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changed []roomlog.Room
		b := start(t, hub.Options{Control: func(r roomlog.Room) { changed = append(changed, r) }})
		c := &conn{}
		b.join("a", c)
		b.append(roomlog.Entry{Kind: roomlog.KindControl})
		synctest.Wait()
		want(t, c)
		if len(changed) != 1 || changed[0] != where {
			t.Errorf("control was called for %v, want the room once", changed)
		}
	})
}

// A member that reads as fast as it can has a bounded queue: no write is more
// than a part of it, however much was pending, and cuts and order hold.
func TestMuchIsWrittenInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hub.Options{Workers: 1})
		gate := make(chan struct{})
		b.join("slow", &conn{gate: gate})
		b.message("0")
		synctest.Wait()
		stays, goes := &conn{}, &conn{}
		b.join("stays", stays)
		b.join("goes", goes)
		padding := bytes.Repeat([]byte{'x'}, 10_000)
		var all, some []string
		for i := 1; i <= 60; i++ {
			id := fmt.Sprint(i)
			e := roomlog.Entry{Kind: roomlog.KindMessage, ID: id, Payload: append([]byte("<"+id+">"), padding...)}
			if i == 30 {
				e.Kind, e.UserID = roomlog.KindDisconnect, "goes"
			}
			b.append(e)
			all = append(all, id)
			if i <= 30 {
				some = append(some, id)
			}
		}
		close(gate)
		synctest.Wait()
		want(t, stays, all...)
		want(t, goes, some...)
		if goes.closed != 1000 {
			t.Errorf("closed with %d, want 1000", goes.closed)
		}
		if n := stays.largest(); n > 64<<10 {
			t.Errorf("a write of %d bytes", n)
		}
	})
}
