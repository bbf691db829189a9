package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// A sender and a receiver, both with sessions of a minute: every number comes
// once and in order, whatever connection it comes by.
func TestRefreshLosesAndDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inBubble(t)
		arn := s.room(&ivschat.CreateRoomInput{})
		ana, bo := s.join(arn, "ana", nil), s.join(arn, "bo", nil)
		got := make(chan []string)
		go func() { got <- contents(t, bo, "end") }()
		var want []string
		for i := 0; bo.Stats().Refreshes < 4; i++ {
			want = append(want, fmt.Sprint(i))
			send(t, ana, want[i])
			time.Sleep(120 * time.Millisecond)
		}
		send(t, ana, "end")
		if diff := cmp.Diff(want, <-got); diff != "" {
			t.Error(diff)
		}
		if n := bo.Stats(); n.Connections != n.Refreshes+1 || n.Failures+n.Undecodable+n.Unknown+n.Dropped != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// The same on sockets, where frames are under way on both connections at once.
func TestRefreshOnSockets(t *testing.T) {
	s := onSocket(t)
	arn := s.room(&ivschat.CreateRoomInput{})
	short := func(c *messaging.Config) {
		tokens := c.TokenProvider
		c.TokenProvider = func(ctx context.Context) (*messaging.Token, error) {
			token, err := tokens(ctx)
			if err == nil {
				token.SessionExpirationTime = time.Now().Add(1100 * time.Millisecond)
			}
			return token, err
		}
	}
	senders := []*messaging.Room{s.join(arn, "ana", nil), s.join(arn, "cy", short)}
	bo := s.join(arn, "bo", short)
	got := make(chan []string)
	go func() { got <- contents(t, bo, "end") }()
	counts := make([]int, len(senders))
	var all sync.WaitGroup
	for i, r := range senders {
		all.Go(func() {
			tick := time.NewTicker(105 * time.Millisecond)
			defer tick.Stop()
			for ; bo.Stats().Refreshes < 3; counts[i]++ {
				m := messaging.SendMessageRequest{Content: fmt.Sprint(i, " ", counts[i])}
				if _, err := r.SendMessage(context.Background(), m); err != nil {
					t.Errorf("send %s: %v", m.Content, err)
				}
				<-tick.C
			}
		})
	}
	all.Wait()
	send(t, senders[0], "end")
	seen := make([]int, len(senders))
	for _, content := range <-got {
		var who, n int
		fmt.Sscan(content, &who, &n)
		if n != seen[who] {
			t.Fatalf("%d came where %d of %d was due", n, seen[who], who)
		}
		seen[who]++
	}
	if diff := cmp.Diff(counts, seen); diff != "" {
		t.Error(diff)
	}
}

// contents returns what came before a last message; a change of state is wrong.
func contents(t *testing.T, r *messaging.Room, last string) (all []string) {
	for n := range r.Events(context.Background()) {
		switch n := n.(type) {
		case *messaging.Message:
			if n.Content == last {
				return all
			}
			all = append(all, n.Content)
		default:
			t.Errorf("%T %+v came", n, n)
		}
	}
	t.Error("the events ended")
	return all
}

func TestTheEndOfASessionIsNoDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inBubble(t)
		arn := s.room(&ivschat.CreateRoomInput{})
		ana := s.join(arn, "ana", func(c *messaging.Config) {
			tokens := c.TokenProvider
			c.TokenProvider = func(ctx context.Context) (*messaging.Token, error) {
				token, err := tokens(ctx)
				token.SessionExpirationTime = time.Time{}
				return token, err
			}
		})
		start := time.Now()
		change := becomes(t, ana, messaging.StateConnecting)
		if refused(change.Err) != messaging.ErrorExpired {
			t.Errorf("because of %v", change.Err)
		}
		becomes(t, ana, messaging.StateConnected)
		if took := time.Since(start); took < time.Minute || took > 62*time.Second {
			t.Errorf("after %v", took)
		}
		send(t, ana, "still here")
		if n := ana.Stats(); n.Connections != 2 || n.Refreshes != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// The provider fails from the second call on: the session is used to its end.
func TestAFailingRefreshKeepsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inBubble(t)
		arn := s.room(&ivschat.CreateRoomInput{})
		calls := 0
		ana := s.join(arn, "ana", func(c *messaging.Config) {
			tokens := c.TokenProvider
			c.MaxAttempts = 3
			c.TokenProvider = func(ctx context.Context) (*messaging.Token, error) {
				if calls++; calls > 1 {
					return nil, errors.New("out of tokens")
				}
				return tokens(ctx)
			}
		})
		start := time.Now()
		for time.Since(start) < 59*time.Second {
			send(t, ana, "x")
			time.Sleep(time.Second)
		}
		becomes(t, ana, messaging.StateConnecting)
		change := becomes(t, ana, messaging.StateDisconnected)
		if _, ok := errors.AsType[*messaging.TokenError](change.Err); change.Reason != messaging.ReasonFetchTokenError || !ok {
			t.Errorf("became %+v", change)
		}
		if calls != 7 {
			t.Errorf("asked for %d tokens, want 1, then 3 before the end and 3 after it", calls)
		}
	})
}

// The new connection may bring frames before the old one has said its last.
func TestTheOldConnectionIsHeardOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		calls := 0
		r, old := s.connected(func(c *messaging.Config) {
			c.KeepAlive = -1
			c.TokenProvider = func(context.Context) (*messaging.Token, error) {
				calls++
				return &messaging.Token{Token: fmt.Sprint("t", calls), SessionExpirationTime: time.Now().Add(time.Hour)}, nil
			}
		})
		start := time.Now()
		go func() {
			young := s.accept()
			if took := time.Since(start); took < time.Hour-90*time.Second || took > time.Hour-time.Minute {
				t.Errorf("refreshed after %v", took)
			}
			young.send(`{"Type":"MESSAGE","Id":"2","Content":"two"}`)
			young.send(`{"Type":"MESSAGE","Id":"3","Content":"three"}`)
			young.serve()
		}()
		go func() {
			if code := old.closes(); code != 1000 {
				t.Errorf("the old connection was closed with %d", code)
			}
			time.Sleep(900 * time.Millisecond)
			old.send(`{"Type":"MESSAGE","Id":"1","Content":"one"}`)
			old.send(`{"Type":"MESSAGE","Id":"2","Content":"two"}`)
			old.write(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")))
		}()
		time.Sleep(time.Hour - time.Minute)
		var got []string
		for range 3 {
			got = append(got, next[*messaging.Message](t, r).Content)
		}
		if diff := cmp.Diff([]string{"one", "two", "three"}, got); diff != "" {
			t.Error(diff)
		}
		send(t, r, "four")
		if n := r.Stats(); n.Duplicates != 1 || n.Refreshes != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// A request that is under way when the connection changes may be answered by
// the old one or the new one, and fails with the new one.
func TestRequestsSurviveARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		r, old := s.connected(func(c *messaging.Config) {
			c.KeepAlive, c.RequestTimeout = -1, 2*time.Hour
			c.TokenProvider = func(context.Context) (*messaging.Token, error) {
				return &messaging.Token{Token: "t", SessionExpirationTime: time.Now().Add(time.Hour)}, nil
			}
		})
		answers := map[string]chan error{"by the old": make(chan error), "by the new": make(chan error), "by none": make(chan error)}
		for content, answer := range answers {
			go func() {
				_, err := r.SendMessage(t.Context(), messaging.SendMessageRequest{Content: content, RequestID: content})
				answer <- err
			}()
			old.request()
		}
		young := s.accept()
		synctest.Wait()
		old.send(`{"Type":"ERROR","Id":"e","RequestId":"by the old","ErrorCode":403,"ErrorMessage":"no"}`)
		if err := <-answers["by the old"]; refused(err) != messaging.ErrorForbidden {
			t.Errorf("by the old: %v", err)
		}
		old.closes()
		old.Close()
		young.send(`{"Type":"MESSAGE","Id":"m","RequestId":"by the new","Content":"x"}`)
		if err := <-answers["by the new"]; err != nil {
			t.Errorf("by the new: %v", err)
		}
		young.Close()
		if lost, ok := errors.AsType[*messaging.ConnectionError](<-answers["by none"]); !ok || !lost.Sent || !errors.Is(lost, io.EOF) {
			t.Errorf("by none: %v", lost)
		}
	})
}

// After ERROR 401 the connection is over, whatever way it ends.
func TestACloseFrameAfterTheSessionIsNotFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t)
		r, l := s.connected(nil)
		l.send(`{"Type":"ERROR","Id":"e","RequestId":"","ErrorCode":401,"ErrorMessage":"expired"}`)
		becomes(t, r, messaging.StateConnecting)
		if _, err := r.SendMessage(t.Context(), messaging.SendMessageRequest{Content: "x"}); !errors.Is(err, messaging.ErrNotConnected) {
			t.Errorf("a request meanwhile: %v", err)
		}
		l.send(`{"Type":"MESSAGE","Id":"m","Content":"still heard"}`)
		next[*messaging.Message](t, r)
		l.write(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")))
		l.closes()
		l.Close()
		go func() { s.accept().serve() }()
		becomes(t, r, messaging.StateConnected)
		send(t, r, "again")
	})
}
