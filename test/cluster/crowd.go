package cluster

import (
	"context"
	"errors"
	"net/http"
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
	api      *ivschat.Client

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
	sent    int // requests, whatever came of them
	refused int // answered with an ERROR
	unknown int // never answered
	late    time.Duration
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
	c.rooms[room.ID] = &recording{Room: Room{ID: room.ID, Rate: rate}, arn: room.Arn}
	return room
}

// Join has a user join a room and record what comes, until the crowd leaves.
func (c *Crowd) Join(ctx context.Context, room *ivschat.Room, user string) (*messaging.Room, error) {
	session, err := messaging.NewRoom(messaging.Config{
		RegionOrURL: "ws://parley.test", DialContext: c.Balancer.Dial, MaxBackoff: 2 * time.Second, Buffer: 1 << 14,
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
	end := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(run) > 0 {
			r.Runs = append(r.Runs, run)
		}
		run = nil
	}
	defer end()
	for n := range session.Events(c.ctx) {
		switch n := n.(type) {
		case *messaging.Message:
			run = append(run, Entry{ID: n.ID, Sent: n.SendTime})
			c.mu.Lock()
			r.late = max(r.late, time.Since(n.SendTime))
			c.mu.Unlock()
		case *messaging.StateChange:
			if n.State != messaging.StateConnected {
				end()
			}
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
	for ctx.Err() == nil {
		sent, err := session.SendMessage(ctx, messaging.SendMessageRequest{Content: "counted"})
		_, refused := errors.AsType[*messaging.Error](err)
		c.mu.Lock()
		r.sent++
		switch {
		case err == nil:
			r.Accepted = append(r.Accepted, sent.ID)
		case refused:
			r.refused++
		default:
			r.unknown++
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// Leave ends all sessions and returns when they are gone.
func (c *Crowd) Leave() {
	c.stop()
	c.running.Wait()
}

// Counts are what came of everything.
type Counts struct {
	Rooms, Runs, Sent, Accepted, Refused, Unknown, Delivered, Logged int
	Late                                                             time.Duration // longest from SendTime to delivery
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
		n.Refused += r.refused
		n.Unknown += r.unknown
		n.Logged += len(r.Logged)
		n.Late = max(n.Late, r.late)
		for _, run := range r.Runs {
			n.Delivered += len(run)
		}
	}
	return f, n
}
