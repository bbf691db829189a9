//go:build cluster

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// scene is rooms in which users of all nodes chat while something fails.
type scene struct {
	*Cluster
	t     *testing.T
	crowd *Crowd
	rooms []*ivschat.Room
	users [][]*messaging.Room // of each node, in each room
	ways  []*Balancer         // of each node's users
}

// bucket is where the logged rooms of all scenes are.
const bucket = "scenes"

// play has two users of each node chat in four rooms, of which two are logged,
// while something happens, then holds all that was recorded against what Parley
// promises.
func (c *Cluster) play(t *testing.T, during func(s *scene)) (counts Counts) {
	t.Helper()
	var findings Findings
	t.Cleanup(func() {
		if t.Failed() {
			c.Say("%s: %+v; %+v", t.Name(), counts, findings)
		}
	})
	s := &scene{Cluster: c, t: t, crowd: NewCrowd(t, c.Balancer), users: make([][]*messaging.Room, len(c.Nodes))}
	logging := c.LoggingConfiguration(t, bucket)
	var sending sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for _, node := range c.Nodes {
		way := &Balancer{}
		way.Use(node)
		s.ways = append(s.ways, way)
	}
	isLogged := map[string]bool{}
	for i := range 4 {
		var by []string
		if i%2 == 0 {
			by = []string{logging}
		}
		room := s.crowd.MakeRoom(t, 30, by...)
		isLogged[room.ID] = by != nil
		s.rooms = append(s.rooms, room)
		for n := range c.Nodes {
			for u := range 2 {
				session, err := s.crowd.JoinBy(ctx, s.ways[n], room, fmt.Sprintf("user-%d-%d", n, u))
				if err != nil {
					t.Fatal(err)
				}
				s.users[n] = append(s.users[n], session)
			}
		}
	}
	for n := range c.Nodes {
		for k, session := range s.users[n] {
			sending.Go(func() { s.crowd.Send(ctx, s.rooms[k/2], session, 100*time.Millisecond) })
		}
	}
	s.flows("at first")
	during(s)
	s.flows("at last")
	stop()
	sending.Wait()
	settled := s.crowd.Settle(15 * time.Second)
	s.crowd.Leave()
	look := func() bool {
		logged := c.Logged(t, bucket)
		findings, counts = s.crowd.Check(func(room string) []string {
			if !isLogged[room] {
				return nil
			}
			return append([]string{}, logged[room]...)
		})
		return findings.Unlogged == 0
	}
	Within(30*time.Second, look)
	t.Logf("%+v", counts)
	if findings.Bad() || !settled {
		t.Errorf("%+v; all was delivered: %v", findings, settled)
	}
	if counts.Unknown > counts.Drops { // each session has one request under way
		t.Errorf("%d requests were not answered, of which %d may have gone with their connections", counts.Unknown, counts.Drops)
	}
	return counts
}

// flows waits until messages are accepted again, some of them.
func (s *scene) flows(when string) {
	s.t.Helper()
	from := s.crowd.Accepted()
	Until(s.t, "messages are accepted "+when, func() bool { return s.crowd.Accepted() > from+100 })
}

// slack is what loaded machines add to what is bounded.
const slack = 10 * time.Second

// timed plays a scene that also has to be as smooth as promised. Machines that others
// use too are slow at times: once in three times is enough, of what depends on time alone.
func (c *Cluster) timed(t *testing.T, promised func(Counts) bool, during func(s *scene)) {
	t.Helper()
	for range 3 {
		if counts := c.play(t, during); t.Failed() || promised(counts) {
			return
		}
	}
	t.Error("it was not as smooth as promised, three times")
}

func TestFailures(t *testing.T) {
	c := Start(t, "--expiry-grace", "3s")
	t.Run("nothing fails", func(t *testing.T) {
		c.timed(t, func(n Counts) bool { return n.Drops+n.Unknown+n.Refused == 0 }, func(*scene) {})
	})
	t.Run("a NATS server stops", func(t *testing.T) {
		c.timed(t, func(n Counts) bool { return n.Drops+n.Unknown+n.Refused == 0 && n.Pause <= 5*time.Second }, func(s *scene) {
			leader := c.Leader(t)
			leader.Stop(syscall.SIGTERM)
			s.flows("without the leader")
			leader.Start(t)
			Until(t, "the server is back", leader.Healthy)
		})
	})
	t.Run("a NATS server that follows is killed", func(t *testing.T) {
		c.timed(t, func(n Counts) bool { return n.Drops+n.Unknown == 0 && n.Pause <= 5*time.Second }, func(s *scene) {
			follower := c.NATS[0]
			if c.Leader(t) == follower {
				follower = c.NATS[1]
			}
			follower.Kill()
			s.flows("without it")
			follower.Start(t)
			Until(t, "the server is back", follower.Healthy)
		})
	})
	// Followers wait 4 to 9 seconds until they elect another leader: NATS's constants.
	// Then sends are tried again.
	t.Run("the NATS server that leads is killed", func(t *testing.T) {
		c.timed(t, func(n Counts) bool { return n.Drops+n.Unknown == 0 && n.Pause <= 12*time.Second }, func(s *scene) {
			leader := c.Leader(t)
			leader.Kill()
			s.flows("without the leader")
			leader.Start(t)
			Until(t, "the server is back", leader.Healthy)
		})
	})
	t.Run("two of three NATS servers are killed", func(t *testing.T) {
		c.timed(t, func(n Counts) bool { return n.Drops+n.Unknown == 0 }, func(s *scene) {
			c.NATS[0].Kill()
			c.NATS[1].Kill()
			began := time.Now()
			_, err := s.users[2][0].SendMessage(t.Context(), messaging.SendMessageRequest{Content: "into nowhere"})
			refusal, ok := errors.AsType[*messaging.Error](err)
			if !ok || refusal.Code != messaging.ErrorInternal || time.Since(began) > 5*time.Second+slack {
				t.Errorf("a send was answered with %v after %v", err, time.Since(began))
			}
			for _, server := range c.NATS[:2] {
				server.Start(t)
			}
			s.flows("with all of them")
			for _, server := range c.NATS {
				Until(t, "the server is back", server.Healthy)
			}
		})
	})
	t.Run("NATS is out of reach for one node", func(t *testing.T) {
		c.timed(t, func(n Counts) bool { return n.Drops == 0 }, func(s *scene) {
			for _, l := range c.Broker[0] {
				l.Cut()
			}
			began := time.Now()
			_, err := s.users[0][0].SendMessage(t.Context(), messaging.SendMessageRequest{Content: "into nowhere"})
			refusal, ok := errors.AsType[*messaging.Error](err)
			if !ok || refusal.Code != messaging.ErrorInternal || time.Since(began) > 5*time.Second+slack {
				t.Errorf("a send on the node was answered with %v after %v", err, time.Since(began))
			}
			s.flows("on the others")
			Until(t, "the node is not ready", func() bool { return !c.Nodes[0].Answers("/readyz") })
			if !c.Nodes[0].Answers("/healthz") {
				t.Error("the node is not healthy")
			}
			if err := s.dial(0); !errors.Is(err, ws.StatusError(http.StatusServiceUnavailable)) {
				t.Errorf("a new session on the node: %v, want 503", err)
			}
			for _, l := range c.Broker[0] {
				l.Mend()
				l.Reset()
			}
			Until(t, "the node is ready", func() bool { return c.Nodes[0].Answers("/readyz") })
		})
	})
	t.Run("PostgreSQL is down", func(t *testing.T) {
		c.timed(t, func(n Counts) bool { return n.Drops+n.Unknown+n.Refused == 0 }, func(s *scene) {
			c.Postgres.Kill()
			s.flows("without it")
			node := c.Nodes[1].Client(func(o *ivschat.Options) { o.RetryMaxAttempts = 1 })
			_, err := node.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
			var problem interface{ HTTPStatusCode() int }
			if !errors.As(err, &problem) || problem.HTTPStatusCode() != http.StatusServiceUnavailable {
				t.Errorf("CreateRoom: %v, want 503", err)
			}
			if _, err := node.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: s.rooms[0].Arn, UserID: "u"}); err != nil {
				t.Errorf("CreateChatToken of a room that is known: %v", err)
			}
			if _, err := node.SendEvent(t.Context(), &ivschat.SendEventInput{RoomIdentifier: s.rooms[0].Arn, EventName: "e"}); err != nil {
				t.Errorf("SendEvent to a room that is known: %v", err)
			}
			if c.Nodes[1].Answers("/readyz") {
				t.Error("the node takes new work")
			}
			c.Postgres.Start(t)
			Until(t, "PostgreSQL is back", c.Postgres.Ready)
			Until(t, "rooms are made again", func() bool {
				_, err := node.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
				return err == nil
			})
		})
	})
	t.Run("a node is killed", func(t *testing.T) {
		c.play(t, func(s *scene) {
			for n := range c.Nodes {
				s.elsewhere(n)
			}
			c.Nodes[2].Kill()
			s.flows("without the node")
			c.Nodes[2].Start(t)
			Until(t, "the node is back", c.Nodes[2].Ready)
		})
	})
	t.Run("a node starts before it can reach anything", func(t *testing.T) {
		c.play(t, func(s *scene) {
			node := c.Nodes[0]
			s.use(c.Nodes[1:]...)
			node.Stop(syscall.SIGTERM)
			ways := append(slices.Clone(c.Broker[0]), c.Database[0])
			for _, l := range ways {
				l.Cut()
				l.Reset()
			}
			node.Start(t)
			s.flows("without the node")
			Until(t, "the node waits for PostgreSQL", func() bool { return node.Waits("PostgreSQL") })
			c.Database[0].Mend()
			Until(t, "the node waits for NATS", func() bool { return node.Waits("NATS") })
			for _, l := range ways {
				l.Mend()
			}
			Until(t, "the node is ready", node.Ready)
			s.use(c.Nodes...)
		})
	})
	t.Run("two nodes cannot reach each other, nor the same servers", func(t *testing.T) {
		c.timed(t, func(n Counts) bool { return n.Drops+n.Unknown == 0 }, func(s *scene) {
			// Nodes talk by NATS alone: each is left one server of its own.
			for n, links := range c.Broker {
				for k, l := range links {
					if k != n {
						l.Cut()
						l.Reset()
					}
				}
			}
			s.flows("in the split")
			for _, links := range c.Broker {
				for _, l := range links {
					l.Mend()
				}
			}
		})
	})
	t.Run("all nodes restart, one after the other", func(t *testing.T) {
		c.play(t, func(s *scene) {
			for n, node := range c.Nodes {
				others := append(slices.Clone(c.Nodes[:n]), c.Nodes[n+1:]...)
				s.use(others...) // as a load balancer does first
				node.Stop(syscall.SIGTERM)
				s.flows("while a node restarts")
				node.Start(t)
				Until(t, "the node is back", node.Ready)
				s.use(c.Nodes...)
			}
		})
	})
}

// dial opens a session on a node, whose token comes from another.
func (s *scene) dial(node int) error {
	s.t.Helper()
	made, err := s.Nodes[(node+1)%len(s.Nodes)].Client().CreateChatToken(s.t.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: s.rooms[0].Arn, UserID: "u"})
	if err != nil {
		s.t.Fatal(err)
	}
	dialer := ws.Dialer{Protocols: []string{made.Token}}
	conn, _, _, err := dialer.Dial(s.t.Context(), "ws://"+s.Nodes[node].Address)
	if err == nil {
		conn.Close()
	}
	return err
}

// elsewhere has the users of a node go to any of the nodes from now on.
func (s *scene) elsewhere(node int) { s.ways[node].Use(s.Nodes...) }

// use has everyone go to these nodes from now on.
func (s *scene) use(nodes ...*Node) {
	for _, way := range append(s.ways, s.Balancer) {
		way.Use(nodes...)
	}
}
