package cluster

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// Crowd is sessions in rooms, and what they got.
type Crowd struct {
	Balancer *Balancer
	// Torn says that a session that was told to come back may have lost its connection
	// before it had another: then something may be missing between the two.
	Torn bool
	api  *ivschat.Client

	mu    sync.Mutex // guards rooms' recordings
	rooms map[string]*recording

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

// recording is what became of a room's messages.
type recording struct {
	Room
	arn     string
	sent    int                        // requests, whatever came of them
	limited int                        // answered with ERROR 429
	refused int                        // answered with another ERROR
	unknown int                        // never answered
	drops   int                        // connections that ended before the crowd left
	again   int                        // messages that a session had got before
	ends    map[*messaging.Room]string // the last entry of each session that is connected
	seen    map[string]bool            // ids that some session got
	slowest time.Duration
	late    time.Duration
	pause   time.Duration
}

// NewCrowd makes a crowd without anybody. It leaves with the test.
func NewCrowd(t testing.TB, b *Balancer) *Crowd {
	c := &Crowd{Balancer: b, rooms: map[string]*recording{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.api = ivschat.New(ivschat.Options{
		Region: "us-west-2", BaseEndpoint: aws.String("http://parley.test"),
		Credentials:      credentials.NewStaticCredentialsProvider(KeyID, Secret, ""),
		HTTPClient:       &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: b.Dial, DisableKeepAlives: true}},
		RetryMaxAttempts: 10,
	})
	t.Cleanup(c.Leave)
	return c
}

// API calls some node that is in.
func (c *Crowd) API() *ivschat.Client { return c.api }

// MakeRoom makes a room with a rate and the logging configurations.
func (c *Crowd) MakeRoom(t testing.TB, rate int, logging ...string) *ivschat.Room {
	t.Helper()
	room, err := c.api.CreateRoom(t.Context(), &ivschat.CreateRoomInput{
		MaximumMessageRatePerSecond: new(int32(rate)), LoggingConfigurationIdentifiers: logging,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rooms[room.ID] = &recording{Room: Room{ID: room.ID, Rate: rate}, arn: room.Arn, ends: map[*messaging.Room]string{}, seen: map[string]bool{}}
	return room
}

// Join has a user join a room and record what comes, until the crowd leaves.
func (c *Crowd) Join(ctx context.Context, room *ivschat.Room, user string) (*messaging.Room, error) {
	return c.JoinBy(ctx, c.Balancer, room, user)
}

// JoinBy is Join by way of a balancer of the user's own.
func (c *Crowd) JoinBy(ctx context.Context, b *Balancer, room *ivschat.Room, user string) (*messaging.Room, error) {
	session, err := messaging.NewRoom(messaging.Config{
		RegionOrURL: "ws://parley.test", DialContext: b.Dial, MaxBackoff: 2 * time.Second, Buffer: 1 << 14,
		KeepAlive: 5 * time.Second,
		TokenProvider: messaging.TokensFrom(c.api, &ivschat.CreateChatTokenInput{
			RoomIdentifier: room.Arn, UserID: user,
			Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage, ivschat.CapabilityDeleteMessage, ivschat.CapabilityDisconnectUser},
		}),
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	r := c.rooms[room.ID]
	c.mu.Unlock()
	c.running.Go(func() {
		defer session.Close()
		c.record(r, session)
	})
	return session, session.Connect(ctx)
}

// record keeps what a session gets. Where its connection broke, something may be
// missing, and a new run begins.
func (c *Crowd) record(r *recording, session *messaging.Room) {
	var run Run
	var last time.Time
	had := map[string]bool{}
	end := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(run) > 0 {
			r.Runs = append(r.Runs, run)
		}
		run = nil
	}
	defer end()
	was := false
	for n := range session.Events(c.ctx) {
		switch n := n.(type) {
		case *messaging.Message:
			run = append(run, Entry{ID: n.ID, Sent: n.SendTime})
			c.mu.Lock()
			if had[n.ID] {
				r.again++
			}
			had[n.ID] = true
			r.late = max(r.late, time.Since(n.SendTime))
			if !last.IsZero() {
				r.pause = max(r.pause, time.Since(last))
			}
			last = time.Now()
			r.ends[session] = n.ID
			r.seen[n.ID] = true
			c.mu.Unlock()
		case *messaging.StateChange:
			if n.State != messaging.StateConnected || c.Torn {
				end()
			}
			if was && n.State != messaging.StateConnected && c.ctx.Err() == nil {
				c.mu.Lock()
				r.drops++
				delete(r.ends, session)
				c.mu.Unlock()
			}
			was = n.State == messaging.StateConnected
		case *messaging.Dropped:
			end()
		}
	}
}

// Send sends messages to a room, each after the answer to the one before and a
// pause, until the context ends.
func (c *Crowd) Send(ctx context.Context, room *ivschat.Room, session *messaging.Room, pause time.Duration) {
	c.mu.Lock()
	r := c.rooms[room.ID]
	c.mu.Unlock()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for ; ctx.Err() == nil; next(ctx, tick) {
		answered, cancel := context.WithTimeout(c.ctx, 20*time.Second)
		began := time.Now()
		sent, err := session.SendMessage(answered, messaging.SendMessageRequest{Content: "counted"})
		cancel()
		refusal, refused := errors.AsType[*messaging.Error](err)
		c.mu.Lock()
		if lost, ok := errors.AsType[*messaging.ConnectionError](err); ok && !lost.Sent { // it is on its way to another node
			c.mu.Unlock()
			continue
		}
		r.sent++
		r.slowest = max(r.slowest, time.Since(began))
		switch {
		case err == nil:
			r.Accepted = append(r.Accepted, sent.ID)
		case refused && refusal.Code == messaging.ErrorThrottled:
			r.limited++
		case refused:
			r.refused++
		default:
			r.unknown++
		}
		c.mu.Unlock()
	}
}

// next waits for the next tick, or the context's end.
func next(ctx context.Context, t *time.Ticker) {
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Accepted tells how many messages were accepted so far.
func (c *Crowd) Accepted() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.rooms {
		n += len(r.Accepted)
	}
	return n
}

// Settle waits, but not for ever, until somebody has each message that was accepted
// and all sessions of a room that are connected have the same last one. Call it when nobody sends any more.
func (c *Crowd) Settle(d time.Duration) bool {
	return Within(d, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, r := range c.rooms {
			last := map[string]bool{}
			for _, id := range r.ends {
				last[id] = true
			}
			if len(last) > 1 || slices.ContainsFunc(r.Accepted, func(id string) bool { return !r.seen[id] }) {
				return false
			}
		}
		return true
	})
}

// Leave ends all sessions and returns when they are gone.
func (c *Crowd) Leave() {
	c.stop()
	c.running.Wait()
}

// Counts are what came of everything.
type Counts struct {
	Rooms, Runs, Sent, Accepted, Limited, Refused, Unknown int
	Delivered, Logged, Drops                               int
	Again                                                  int           // messages that a session got twice, over two connections
	Slowest                                                time.Duration // answer to a request
	Late                                                   time.Duration // longest from SendTime to delivery
	Pause                                                  time.Duration // longest between two messages that a session got
}

// Check holds what was recorded, once the crowd has left, against what Parley
// promises. Logged gives a logged room's records, nil for others.
func (c *Crowd) Check(logged func(roomID string) []string) (f Findings, n Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.rooms {
		r.Logged = logged(r.ID)
		f.Check(r.Room)
		n.Rooms++
		n.Runs += len(r.Runs)
		n.Sent += r.sent
		n.Accepted += len(r.Accepted)
		n.Limited += r.limited
		n.Refused += r.refused
		n.Drops += r.drops
		n.Again += r.again
		n.Slowest = max(n.Slowest, r.slowest)
		n.Unknown += r.unknown
		n.Logged += len(r.Logged)
		n.Late = max(n.Late, r.late)
		n.Pause = max(n.Pause, r.pause)
		for _, run := range r.Runs {
			n.Delivered += len(run)
		}
	}
	return f, n
}
