package wsconn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAbortSendsNoCloseFrame(t *testing.T) {
	overEach(t, Options{}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		read := make(chan []string, 1)
		c.h.c.Write(numbered(7, 16))
		go func() { read <- c.frames(t) }()
		c.h.c.waitSent()
		c.h.c.Abort()
		if diff := cmp.Diff([]string{"text 0000000000000007", "end"}, <-read); diff != "" {
			t.Error(diff)
		}
		if err := c.h.end(t); !errors.Is(err, ErrAborted) || Reason(err) != "abort" {
			t.Errorf("ended with %v", err)
		}
		if c.h.c.Write(numbered(0, 16)) {
			t.Error("took a frame after Abort")
		}
		c.h.c.Abort()
		c.h.c.Close(1000, "")
	})
}

func (c *Conn) waitSent() {
	for c.backlog() > 0 {
		runtime.Gosched()
	}
}

func TestAbortWhileTheQueueIsFull(t *testing.T) {
	overEach(t, Options{QueueBytes: 2 * stalled, WriteTimeout: time.Hour}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		fill(t, c.h.c, stalled)
		c.h.c.Abort()
		if err := c.h.end(t); !errors.Is(err, ErrAborted) {
			t.Errorf("ended with %v", err)
		}
		if !c.direct() {
			return
		}
		if _, err := io.Copy(io.Discard, c.r); err == nil {
			t.Error("the kernel was left with data for a peer that is behind")
		}
	})
}

func TestAbortFromTheHandler(t *testing.T) {
	abort := func(c *Conn, _ []byte) { c.Abort() }
	overEach(t, Options{}, abort, func(t *testing.T, r *rig) {
		c := r.connect(t)
		go c.send(join(text("a"), text("b")), 1000)
		if err := c.h.end(t); !errors.Is(err, ErrAborted) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestAbortBeforeServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c := upgrader(t, Options{NoPoller: true}).newConn(server, nil)
		c.Abort()
		h := &handler{c: c, closed: make(chan error, 2)}
		c.Serve(h)
		if err := h.end(t); !errors.Is(err, ErrAborted) {
			t.Errorf("ended with %v", err)
		}
		client.Close()
	})
}

func TestNothingReachesTheHandlerOnceClosing(t *testing.T) {
	seen := make(chan string, 10)
	shut := func(c *Conn, p []byte) {
		seen <- string(p)
		c.Close(1000, "enough")
	}
	r := tcpRig(t, Options{}, shut)
	c := r.connect(t)
	c.send(join(text("one"), text("two"), binMsg("three"), ping("four"), closing(1000, "")), 1000)
	if diff := cmp.Diff([]string{"close 1000", "end"}, c.frames(t)); diff != "" {
		t.Error(diff)
	}
	c.h.end(t)
	if got := <-seen; got != "one" || len(seen) != 0 {
		t.Errorf("saw %q and %d more", got, len(seen))
	}
}

func TestCloseWaitsForTheAnswer(t *testing.T) {
	overEach(t, Options{}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		c.h.c.WriteThenClose(numbered(1, 16), 4001, "over")
		if c.h.c.Write(numbered(2, 16)) {
			t.Error("took a frame after WriteThenClose")
		}
		c.h.c.Close(1000, "again")
		want := []string{"text 0000000000000001", "close 4001"}
		if diff := cmp.Diff(want, c.framesUntilClose(t)); diff != "" {
			t.Error(diff)
		}
		if len(c.h.closed) > 0 {
			t.Error("ended before the peer answered")
		}
		c.send(closing(4001, ""), 100)
		err := c.h.end(t)
		if ce, ok := errors.AsType[*CloseError](err); !ok || ce.Code != 4001 || ce.Reason != "over" || ce.Remote {
			t.Errorf("ended with %v", err)
		}
		if got := Reason(err); got != "server_close" {
			t.Errorf("reason %q", got)
		}
	})
}

func TestUnansweredCloseEndsInTimeOverTCP(t *testing.T) {
	c := tcpRig(t, Options{CloseTimeout: 50 * time.Millisecond}, nil).connect(t)
	c.h.c.Close(1000, "")
	if err := c.h.end(t); !errors.Is(err, ErrTimeout) {
		t.Errorf("ended with %v", err)
	}
}

func TestCloseToAPeerThatReadsNothingEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pipeRig(t, Options{WriteTimeout: 3 * time.Second}, nil).connect(t)
		start := time.Now()
		c.h.c.Close(1000, "")
		c.h.end(t)
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("after %v", got)
		}
	})
}

func TestUnansweredCloseEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := pipeRig(t, Options{}, nil)
		c := r.connect(t)
		start := time.Now()
		c.h.c.Close(1000, "")
		if diff := cmp.Diff([]string{"close 1000", "end"}, c.frames(t)); diff != "" {
			t.Error(diff)
		}
		err := c.h.end(t)
		if got := Reason(err); got != "timeout" || !errors.Is(err, ErrTimeout) {
			t.Errorf("ended with %v", err)
		}
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("after %v", got)
		}
	})
}

// A peer that reads a little now and then must not hold a closing connection.
func TestClosingABackloggedPeerEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := pipeRig(t, Options{}, nil)
		c := r.connect(t)
		for range 200 {
			c.h.c.Write(numbered(0, 1000))
		}
		start := time.Now()
		c.h.c.Close(1000, "")
		var reader sync.WaitGroup
		reader.Go(func() {
			for {
				if _, err := io.CopyN(io.Discard, c.r, 20_000); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		c.h.end(t)
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("after %v", got)
		}
		reader.Wait()
	})
}

func TestWriteThenCloseToAFullQueueStillSendsTheClose(t *testing.T) {
	overEach(t, Options{QueueBytes: 2 * fillFrame}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		n := fill(t, c.h.c, 1)
		c.h.c.WriteThenClose(numbered(n, 3*fillFrame), 1000, "")
		got := c.framesUntilClose(t)
		if len(got) != int(n)+1 || got[n] != "close 1000" {
			t.Errorf("%d frames after %d, last %q", len(got), n, got[len(got)-1])
		}
		c.send(closing(1000, ""), 100)
		c.h.end(t)
	})
}

func TestPeerThatLeavesWithoutACloseFrame(t *testing.T) {
	overEach(t, Options{}, nil, func(t *testing.T, r *rig) {
		c := r.connect(t)
		c.send(begin("half a mess"), 100)
		c.Close()
		err := c.h.end(t)
		if got := Reason(err); got != "eof" || err == nil {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestCloseFromThePeerCarriesCodeAndReason(t *testing.T) {
	r := tcpRig(t, Options{}, nil)
	c := r.connect(t)
	c.send(closing(3001, "bye"), 100)
	c.frames(t)
	want := &CloseError{Code: 3001, Reason: "bye", Remote: true}
	if diff := cmp.Diff(error(want), c.h.end(t)); diff != "" {
		t.Error(diff)
	}
}

// A client may still be sending when it breaks a rule. The Close frame must not
// be overtaken by the reset that closing with unread bytes causes.
func TestCloseFrameReachesAPeerThatIsStillSending(t *testing.T) {
	for range 20 {
		r := tcpRig(t, Options{}, nil)
		c := r.connect(t)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			c.send(text(rep("x", 500_000)), 1<<20)
		}()
		<-sent
		if diff := cmp.Diff([]string{"close 1009", "end"}, c.frames(t)); diff != "" {
			t.Fatal(diff)
		}
		c.Close()
		c.h.end(t)
	}
}

func TestReasonsAreAFixedSet(t *testing.T) {
	for _, v := range []struct {
		err  error
		want string
	}{
		{&CloseError{Code: 1000, Remote: true}, "client_close"},
		{&CloseError{Code: 1000}, "server_close"},
		{errors.Join(ErrTimeout, &CloseError{Code: 1000}), "timeout"},
		{&ProtocolError{Code: 1002, Err: io.ErrShortBuffer}, "protocol"},
		{&ProtocolError{Code: 1007, Err: io.ErrShortBuffer}, "protocol"},
		{&ProtocolError{Code: 1008, Err: io.ErrShortBuffer}, "flood"},
		{&ProtocolError{Code: 1009, Err: io.ErrShortBuffer}, "too_big"},
		{ErrSlow, "slow"},
		{fmt.Errorf("wrapped: %w", ErrAborted), "abort"},
		{io.EOF, "eof"},
		{net.ErrClosed, "eof"},
	} {
		if got := Reason(v.err); got != v.want {
			t.Errorf("%v: %q, want %q", v.err, got, v.want)
		}
	}
}
