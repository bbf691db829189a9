package bench_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/chat"
	"github.com/parleychat/parley/internal/hub"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/memlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/token"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

const (
	account = "123456789012"
	region  = "us-west-2"
)

// where is the room that benchmarks of one room use.
var where = roomlog.Room{Account: account, Region: region, ID: "abcdABCDefgh"}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// ana is the user who sends, from the given room.
func ana(room roomlog.Room) principal.User {
	return principal.User{
		Account: room.Account, Region: room.Region, RoomID: room.ID, UserID: "ana",
		Attributes: map[string]string{"displayName": "Ana", "badge": "moderator"},
	}
}

func hello() *messaging.Request {
	return &messaging.Request{
		Action: messaging.ActionSendMessage, RequestID: "8fe65e61-1fa2-4563-a90d-c53521e0e63c", Content: "Hello, everyone!",
	}
}

// ring returns a ring of one key.
func ring(b *testing.B) *token.Ring {
	b.Helper()
	r, err := token.NewRing(token.NewKey())
	must(b, err)
	return r
}

// parts is the messaging side without sockets, on a store in memory.
type parts struct {
	store   *store.Store
	log     *memlog.Log
	hub     *hub.Hub
	actions chat.Actions
}

// newParts returns parts with the given rooms, without rates save the account's
// on SendMessage, which is counted and never reached.
func newParts(b *testing.B, rooms ...roomlog.Room) *parts {
	b.Helper()
	p := &parts{log: memlog.New(memlog.Options{})}
	b.Cleanup(func() { p.log.Close() })
	p.hub = hub.New(p.log, hub.Options{})
	b.Cleanup(p.hub.Close)
	var err error
	p.store, err = store.Open(b.Context(), "")
	must(b, err)
	b.Cleanup(func() { p.store.Close() })
	for _, room := range rooms {
		t := store.Tenant{Account: room.Account, Region: room.Region}
		must(b, p.store.CreateRoom(b.Context(), t, chat.NewRoom(t, room.ID), 0))
	}
	// By a rule, so that the look-up of the account's limits is part of it.
	quotas, err := limit.New(limit.None, []limit.Rule{{Account: account, Limits: map[string]int{"send-message": 1 << 40}}})
	must(b, err)
	p.actions = chat.New(chat.Options{
		Store: p.store, Log: p.log, Tokens: ring(b), Pager: token.NewPager([32]byte{1}),
		Quotas: quotas, Overloaded: p.hub.Overloaded,
		CacheAge: time.Hour,
	}).Actions()
	return p
}

// audience is members of a room whose sockets take everything and count it.
type audience struct {
	bytes atomic.Int64
	want  atomic.Int64
	done  chan struct{}
}

func (a *audience) Write(frames []byte) bool {
	if a.bytes.Add(int64(len(frames))) == a.want.Load() {
		a.done <- struct{}{}
	}
	return true
}

func (a *audience) WriteThenClose([]byte, uint16, string) {}

// join makes n members of the room, each a socket of the audience.
func (p *parts) join(b *testing.B, room roomlog.Room, n int) *audience {
	b.Helper()
	a := &audience{done: make(chan struct{}, 1)}
	for range n {
		m, err := p.hub.Join(b.Context(), room, "viewer", a)
		must(b, err)
		b.Cleanup(m.Leave)
	}
	return a
}

// expect returns when the audience has got further bytes in all, sent by send.
func (a *audience) expect(bytes int, send func()) {
	a.want.Add(int64(bytes))
	send()
	if bytes > 0 {
		<-a.done
	}
}

// message is the frame of hello as ana sends it.
func message() messaging.Message {
	u := ana(where)
	return messaging.Message{
		ID: "M2YcHkgffEvU", RequestID: hello().RequestID, Content: hello().Content, SendTime: time.Now(),
		Sender: messaging.Sender{UserID: u.UserID, Attributes: u.Attributes},
	}
}

func claims() token.Claims {
	now := time.Now()
	return token.Claims{
		ID: [16]byte{1, 2, 3}, Account: account, Region: region, RoomID: where.ID, UserID: "ana",
		Capabilities: token.CapabilitiesOf([]ivschat.Capability{ivschat.CapabilitySendMessage}),
		Attributes:   ana(where).Attributes,
		IssuedAt:     now, TokenExpiry: now.Add(time.Hour), SessionExpiry: now.Add(time.Hour),
	}
}
