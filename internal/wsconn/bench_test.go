package wsconn

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
)

// echoers returns n connections that have echoed one message each, and a function that ends them.
func echoers(b testing.TB, n int) (conns []*handler, clients []net.Conn, end func()) {
	b.Helper()
	return echoersOver(b, n, false)
}

func echoersOver(b testing.TB, n int, secure bool) (conns []*handler, clients []net.Conn, end func()) {
	b.Helper()
	served := make(chan *handler, 1)
	u := upgrader(b, Options{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r, "")
		if err != nil {
			b.Error(err)
			return
		}
		h := &handler{c: c, closed: make(chan error, 2)}
		c.Serve(h)
		served <- h
	}))
	dial := func() (net.Conn, error) { return net.Dial("tcp", srv.Listener.Addr().String()) }
	if secure {
		srv.StartTLS()
		roots := x509.NewCertPool()
		roots.AddCert(srv.Certificate())
		dial = func() (net.Conn, error) {
			return tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{RootCAs: roots})
		}
	} else {
		srv.Start()
	}
	hello := text("hello")
	answer := make([]byte, 4096)
	for range n {
		nc, err := dial()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := nc.Write(append([]byte(handshake), hello...)); err != nil {
			b.Fatal(err)
		}
		for got := 0; !bytes.HasSuffix(answer[:got], []byte("hello")); {
			k, err := nc.Read(answer[got:])
			if err != nil {
				b.Fatal(err)
			}
			got += k
		}
		conns, clients = append(conns, <-served), append(clients, nc)
	}
	return conns, clients, func() {
		for i, c := range conns {
			c.c.Abort()
			<-c.closed
			clients[i].Close()
		}
		srv.Close()
	}
}

// BenchmarkWrite includes the peer's reads: it is what one delivery costs.
func BenchmarkWrite(b *testing.B) {
	conns, clients, end := echoers(b, 1)
	defer end()
	go func() { _, _ = io.Copy(io.Discard, clients[0]) }()
	frame := numbered(0, 350)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if !conns[0].c.Write(frame) {
			b.Fatal("refused")
		}
		if conns[0].c.backlog() > 128<<10 {
			b.StopTimer()
			conns[0].c.waitSent()
			b.StartTimer()
		}
	}
}

// TLS encrypts for each peer, but from the frame that all share.
func TestFramesAreSharedOverTLS(t *testing.T) {
	const peers, rounds, size = 32, 10, 8 << 10
	conns, clients, end := echoersOver(t, peers, true)
	defer end()
	frame := numbered(0, size)
	got := make([]byte, len(frame))
	round := func() {
		for _, c := range conns {
			if !c.c.Write(frame) {
				t.Fatal("refused")
			}
		}
		for _, c := range clients {
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, frame) {
				t.Fatalf("a frame of %d bytes: %v", len(got), err)
			}
		}
	}
	round() // makes the buffers that stay
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		round()
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / (peers * rounds); each > size/2 {
		t.Errorf("%d bytes are allocated for each delivery of %d", each, size)
	} else {
		t.Logf("%d bytes are allocated for each delivery of %d", each, size)
	}
}

// BenchmarkRead is one 350-byte message from a client that waits for nothing.
func BenchmarkRead(b *testing.B) {
	o := Options{}.withDefaults()
	in := inbox{o: &o}
	ch := new(chunk)
	stream := text(rep("x", 350))
	buf := make([]byte, len(stream))
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, stream)
		if err := in.feed(ch, buf, 0, new(discard)); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (*discard) text([]byte) {}
func (*discard) binary()     {}
func (*discard) ping([]byte) {}

// BenchmarkIdle reports what an idle connection costs after it has been used
// once, heap and stacks, the client's net.Conn included.
func BenchmarkIdle(b *testing.B) {
	const n = 1000
	for b.Loop() {
		before := inUse()
		conns, _, end := echoers(b, n)
		b.ReportMetric(float64(inUse()-before)/n, "bytes/conn")
		runtime.KeepAlive(conns)
		end()
	}
}

func TestIdleConnectionHoldsNoBuffer(t *testing.T) {
	const n = 300
	heap := func() int64 {
		inUse()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	_, _, end := echoers(t, n)
	defer end()
	if got := (heap() - before) / n; got >= 4<<10 {
		t.Errorf("%d bytes of heap for each connection and its client", got)
	}
}

func inUse() int64 {
	var m runtime.MemStats
	for range 3 { // stacks shrink and pools empty a collection later
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
