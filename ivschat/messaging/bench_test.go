package messaging_test

import (
	"context"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parleychat/parley/ivschat/messaging"
)

// idlers is a service that holds connections and costs next to nothing itself.
type idlers struct {
	net.Listener
	conns []net.Conn
}

// listen accepts n connections, sends each a message, and keeps them.
func (s *idlers) listen(t testing.TB, n int) {
	upgrader := ws.Upgrader{Protocol: func([]byte) bool { return true }}
	m := messaging.Message{ID: "abcdABCDefgh", Content: "hello", Sender: messaging.Sender{UserID: "ana"}}
	hello := ws.MustCompileFrame(ws.NewTextFrame(m.Append(nil)))
	for range n {
		conn, err := s.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := upgrader.Upgrade(conn); err != nil {
			t.Error(err)
		}
		conn.Write(hello)
		s.conns = append(s.conns, conn)
	}
}

// idle returns what each of n rooms holds once it has had a message and has
// nothing to do, as memory tells it: the loop over its events and the service's
// connection included.
func idle(t testing.TB, n int, loop bool, memory func() int64) float64 {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	service := &idlers{Listener: l}
	c := messaging.Config{RegionOrURL: "ws://" + l.Addr().String(), TokenProvider: func(context.Context) (*messaging.Token, error) {
		return &messaging.Token{Token: "t", SessionExpirationTime: time.Now().Add(time.Hour)}, nil
	}}
	before := memory()
	listening := make(chan struct{})
	go func() {
		service.listen(t, n)
		close(listening)
	}()
	rooms := make([]*messaging.Room, n)
	var loops sync.WaitGroup
	for i := range rooms {
		if rooms[i], err = messaging.NewRoom(c); err != nil {
			t.Fatal(err)
		}
		if err := rooms[i].Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		next[*messaging.Message](t, rooms[i])
		if loop {
			loops.Go(func() {
				for range rooms[i].Events(context.Background()) {
				}
			})
		}
	}
	<-listening
	each := float64(memory()-before) / float64(n)
	for _, conn := range service.conns {
		conn.Close()
	}
	var closing sync.WaitGroup
	for _, r := range rooms {
		closing.Go(func() { r.Close() })
	}
	closing.Wait()
	loops.Wait()
	return each
}

// inUse returns the bytes of heap and stacks.
func inUse() int64 {
	m := collect()
	return int64(m.HeapInuse + m.StackInuse)
}

// allocated returns the bytes of heap: stacks are larger under the race detector.
func allocated() int64 { return int64(collect().HeapAlloc) }

func collect() (m runtime.MemStats) {
	for range 3 { // stacks shrink and pools empty a collection later
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}

func TestAnIdleRoomIsSmall(t *testing.T) {
	if got := idle(t, 300, true, allocated); got > 6<<10 {
		t.Errorf("%.0f bytes of heap for each room", got)
	}
}

// BenchmarkIdle counts heap and stacks.
func BenchmarkIdle(b *testing.B) {
	for name, loop := range map[string]bool{"room": false, "room and loop": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(idle(b, 1000, loop, inUse), "bytes/room")
			}
		})
	}
}

// BenchmarkSendMessage is a message and its answer over loopback, with a service
// that has no rate limits.
func BenchmarkSendMessage(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			upgrader := ws.Upgrader{Protocol: func([]byte) bool { return true }}
			upgrader.Upgrade(conn)
			(&line{Conn: conn, t: b}).serve()
		}
	}()
	r := newRoom(b, messaging.Config{RegionOrURL: "ws://" + l.Addr().String(), TokenProvider: func(context.Context) (*messaging.Token, error) {
		return &messaging.Token{Token: "t"}, nil
	}})
	if err := r.Connect(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		send(b, r, "hello")
	}
}

func BenchmarkParseFrame(b *testing.B) {
	m := messaging.Message{ID: "abcdABCDefgh", RequestID: "abcdABCDefgi", Content: "hello there", SendTime: time.Now(),
		Sender: messaging.Sender{UserID: "ana", Attributes: map[string]string{"name": "Ana"}}}
	text := m.Append(nil)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := messaging.ParseFrame(text); err != nil {
			b.Fatal(err)
		}
	}
}
