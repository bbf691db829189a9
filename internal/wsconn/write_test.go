package wsconn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"
)

// numbered is a text frame of n bytes that starts with id.
func numbered(id uint64, n int) []byte {
	p := bytes.Repeat([]byte{'.'}, n)
	copy(p, fmt.Sprintf("%016x", id))
	return AppendText(nil, p)
}

// stalled is more than the kernel takes for a peer that does not read.
const stalled = 1 << 20

// fillFrame is large so that filling is over long before a WriteTimeout is.
const fillFrame = 8 << 10

// fill writes until so many bytes are queued and returns how many frames went in.
func fill(t *testing.T, c *Conn, queued int) uint64 {
	t.Helper()
	for n := uint64(0); ; n++ {
		if c.backlog() >= queued {
			return n
		}
		if !c.Write(numbered(n, fillFrame)) {
			t.Fatal("refused before the queue was used")
		}
	}
}

func (c *Conn) backlog() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// A WriteTimeout of an hour shows that nothing here waits for one.
func TestWriteNeverWaitsForAStalledPeer(t *testing.T) {
	overEach(t, Options{WriteTimeout: time.Hour}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		n := uint64(0)
		for c.h.c.Write(numbered(n, 350)) {
			n++
		}
		if c.h.c.Write(numbered(n, 350)) {
			t.Error("took frames after refusing some")
		}
		if most := c.h.c.backlog(); most > 256<<10+64 {
			t.Errorf("%d bytes queued", most)
		}
		c.h.c.Abort()
		if got := Reason(c.h.end(t)); got != "slow" {
			t.Errorf("reason %q", got)
		}
	})
}

func TestOverflowEndsWithClose1013BehindWhatWasTaken(t *testing.T) {
	overEach(t, Options{WriteTimeout: time.Hour}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		var want []string
		for {
			id := uint64(len(want))
			if !c.h.c.Write(numbered(id, 350)) {
				break
			}
			want = append(want, fmt.Sprintf("text %016x%s", id, rep(".", 334)))
		}
		got := c.framesUntilClose(t)
		if diff := cmp.Diff(append(want, "close 1013"), got); diff != "" {
			t.Errorf("(-want +got):\n%.2000s", diff)
		}
		c.send(closing(1013, ""), 100)
		if err := c.h.end(t); !errors.Is(err, ErrSlow) {
			t.Errorf("ended with %v", err)
		}
	})
}

// framesUntilClose leaves the server waiting for the answer.
func (c *client) framesUntilClose(t *testing.T) []string {
	t.Helper()
	var got []string
	for {
		h, err := ws.ReadHeader(c.r)
		if err != nil {
			t.Fatalf("after %d frames: %v", len(got), err)
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(c.r, p); err != nil {
			t.Fatal(err)
		}
		got = append(got, describe(h, p))
		if h.OpCode == ws.OpClose {
			return got
		}
	}
}

func TestStalledPeerIsEndedAsSlow(t *testing.T) {
	overEach(t, Options{QueueBytes: 2 * stalled, WriteTimeout: 500 * time.Millisecond}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		fill(t, c.h.c, stalled)
		if err := c.h.end(t); !errors.Is(err, ErrSlow) {
			t.Errorf("ended with %v", err)
		}
		if c.h.c.Write(numbered(0, 20)) {
			t.Error("a closed connection took a frame")
		}
	})
}

func TestWriteThatIsLargerThanTheQueueIsCutInMidFrame(t *testing.T) {
	overEach(t, Options{WriteTimeout: time.Hour, CloseTimeout: time.Hour}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		if c.h.c.Write(numbered(0, 8<<20)) {
			t.Error("took 8 MiB")
		}
		// Over TCP half a frame is out and no Close frame can follow. The others
		// had written nothing.
		if !c.direct() {
			if diff := cmp.Diff([]string{"close 1013"}, c.framesUntilClose(t)); diff != "" {
				t.Error(diff)
			}
			c.Close()
		}
		if err := c.h.end(t); !errors.Is(err, ErrSlow) {
			t.Errorf("ended with %v", err)
		}
	})
}

func (c *client) direct() bool {
	_, tcp := c.Conn.(*net.TCPConn)
	return tcp
}

func TestOverflownPeerThatStaysStalledIsCut(t *testing.T) {
	overEach(t, Options{WriteTimeout: 100 * time.Millisecond}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		for c.h.c.Write(numbered(0, 350)) {
		}
		if err := c.h.end(t); !errors.Is(err, ErrSlow) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestSlowPeerThatKeepsUpGetsEverythingInOrder(t *testing.T) {
	const total = 6_000
	overEach(t, Options{}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		// The writer runs ahead by some hundred KiB: more than the kernel takes
		// at once, less than the queue's bound.
		ahead := make(chan struct{}, 600)
		refused := make(chan uint64, 1)
		go func() {
			defer close(refused)
			for id := range uint64(total) {
				ahead <- struct{}{}
				if !c.h.c.Write(numbered(id, 350)) {
					refused <- id
					return
				}
			}
		}()
		for id := range uint64(total) {
			h, err := ws.ReadHeader(c.r)
			if err != nil {
				t.Fatalf("frame %d: %v", id, err)
			}
			p := make([]byte, h.Length)
			if _, err := io.ReadFull(c.r, p); err != nil {
				t.Fatalf("frame %d: %v", id, err)
			}
			if want := fmt.Sprintf("%016x", id); string(p[:16]) != want || len(p) != 350 {
				t.Fatalf("frame %d is %q", id, p[:16])
			}
			if id%7 == 0 {
				runtime.Gosched()
			}
			<-ahead
		}
		if id, ok := <-refused; ok {
			t.Fatalf("frame %d refused", id)
		}
		c.h.c.Close(1000, "")
		if diff := cmp.Diff([]string{"close 1000"}, c.framesUntilClose(t)); diff != "" {
			t.Error(diff)
		}
		c.send(closing(1000, ""), 100)
		c.h.end(t)
		if c.h.c.backlog() != 0 || c.h.c.draining {
			t.Error("the queue outlived its bytes")
		}
	})
}

// One long stall with bytes in the queue, then direct writes again: the drainer
// leaves no deadline behind.
func TestConnectionIsAsNewAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := pipeRig(t, Options{WriteTimeout: time.Second}, nil)
		c := r.connect(t)
		for range 3 {
			c.h.c.Write(numbered(1, 20))
			time.Sleep(900 * time.Millisecond) // fake time: just under the timeout
			if h, err := ws.ReadHeader(c.r); err != nil || h.Length != 20 {
				t.Fatal(h, err)
			}
			if _, err := c.r.Discard(20); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		c.h.c.Abort()
		c.h.end(t)
	})
}

func TestProgressGivesASlowPeerMoreTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pipeRig(t, Options{WriteTimeout: time.Second}, nil).connect(t)
		for range 100 {
			c.h.c.Write(numbered(0, 996)) // 1000 bytes with the header
		}
		for range 5 {
			time.Sleep(600 * time.Millisecond)
			if _, err := io.CopyN(io.Discard, c.r, 20_000); err != nil {
				t.Fatal(err)
			}
		}
		c.h.c.Abort()
		if err := c.h.end(t); !errors.Is(err, ErrAborted) {
			t.Errorf("ended with %v", err)
		}
	})
}

// late runs a function between the drainer's last write and its end.
type late struct {
	transport
	write func()
}

func (l late) drain() error {
	err := l.transport.drain()
	l.write()
	return err
}

func TestFramesThatArriveAsTheDrainerEnds(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := upgrader(t, Options{}).newConn(nc, nil)
	times := 0
	c.t = late{c.t, func() {
		if times++; times < 4 {
			c.Write(numbered(uint64(times), 16))
		}
	}}
	h := &handler{c: c, closed: make(chan error, 2)}
	c.Serve(h)
	c.mu.Lock()
	c.push(numbered(0, 16))
	c.mu.Unlock()
	client := &client{Conn: peer, r: bufio.NewReader(peer)}
	for id := range 4 {
		if got, want := mustFrame(t, client), fmt.Sprintf("text %016x", id); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c.Abort()
	h.end(t)
}

// A Write of which the kernel took a part and whose rest is too much for the
// queue has cut a frame short: nothing may follow it.
func TestNothingIsWrittenBehindAFrameCutShort(t *testing.T) {
	for _, noPoller := range []bool{false, true} {
		r := tcpRig(t, Options{QueueBytes: 1 << 10, WriteTimeout: time.Hour, NoPoller: noPoller}, nil)
		c := r.connect(t)
		c.h.c.mu.Lock()
		ok, err := c.h.c.write(numbered(0, 2*stalled))
		c.h.c.mu.Unlock()
		if ok || !errors.Is(err, ErrSlow) {
			t.Fatalf("%v, %v; want ErrSlow", ok, err)
		}
		go io.Copy(io.Discard, c.r)
		for range 1000 { // before the Write that was cut short has ended the connection
			if c.h.c.Write(numbered(1, 20)) {
				t.Fatal("a frame was taken")
			}
			runtime.Gosched()
		}
		c.h.c.end(err, true)
		if err := c.h.end(t); !errors.Is(err, ErrSlow) {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestDirectWritesWorkAgainAfterAStallOverTCP(t *testing.T) {
	r := tcpRig(t, Options{QueueBytes: 2 * stalled, WriteTimeout: 500 * time.Millisecond}, nil)
	c := r.connect(t)
	n := fill(t, c.h.c, stalled)
	if _, err := io.CopyN(io.Discard, c.r, int64(n)*int64(len(numbered(0, fillFrame)))); err != nil {
		t.Fatal(err)
	}
	c.h.c.mu.Lock()
	for c.h.c.draining {
		c.h.c.mu.Unlock()
		runtime.Gosched()
		c.h.c.mu.Lock()
	}
	c.h.c.mu.Unlock()
	<-time.After(600 * time.Millisecond) // past the deadline the drainer had set
	if !c.h.c.Write(numbered(0, 350)) {
		t.Fatal("refused")
	}
	if got := mustFrame(t, c); !strings.HasPrefix(got, "text 0000") {
		t.Errorf("got %q", got)
	}
	c.h.c.Abort()
	c.h.end(t)
}

func TestConcurrentWritesKeepFramesWholeAndEachWritersOrder(t *testing.T) {
	const writers, each = 8, 400
	overEach(t, Options{QueueBytes: 8 << 20}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					id := uint64(w)<<32 | uint64(i)
					two := append(numbered(id, 100+i), numbered(id, 20)...)
					if !c.h.c.Write(two) {
						t.Errorf("writer %d refused at %d", w, i)
						return
					}
				}
			})
		}
		next := make([]uint64, writers)
		previous := ""
		for i := range 2 * writers * each {
			h, err := ws.ReadHeader(c.r)
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, h.Length)
			if _, err := io.ReadFull(c.r, p); err != nil {
				t.Fatal(err)
			}
			if i%2 == 1 {
				if string(p[:16]) != previous {
					t.Fatalf("frame %q follows %q: one Write was torn apart", p[:16], previous)
				}
				continue
			}
			previous = string(p[:16])
			var id uint64
			if _, err := fmt.Sscanf(previous, "%x", &id); err != nil {
				t.Fatal(err)
			}
			if w := id >> 32; id&0xffffffff != next[w] {
				t.Fatalf("writer %d: frame %d, want %d", w, id&0xffffffff, next[w])
			}
			next[id>>32]++
		}
		all.Wait()
		c.h.c.Abort()
		c.h.end(t)
	})
}

func TestAppendText(t *testing.T) {
	for _, n := range []int{0, 125, 126, 65535, 65536} {
		p := bytes.Repeat([]byte{'x'}, n)
		got := AppendText([]byte("before"), p)
		r := bytes.NewReader(got[len("before"):])
		header, err := ws.ReadHeader(r)
		if err != nil {
			t.Fatal(err)
		}
		payload := got[len(got)-r.Len():]
		want := ws.Header{Fin: true, OpCode: ws.OpText, Length: int64(n)}
		if diff := cmp.Diff(want, header); diff != "" || !bytes.Equal(p, payload) || !strings.HasPrefix(string(got), "before") {
			t.Errorf("%d bytes: %s", n, diff)
		}
	}
}
