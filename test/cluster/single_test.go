//go:build cluster

package cluster

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/parleychat/parley/ivschat"
)

// A single node needs nothing beside it; what is checked of clusters holds for it,
// through restarts too.
func TestASingleNodeKeepsThePromises(t *testing.T) {
	node := StartNode(t, "node", "--quotas", "default")
	balancer := &Balancer{}
	balancer.Use(node)
	crowd := NewCrowd(t, balancer)
	var rooms []*ivschat.Room
	for range 3 {
		rooms = append(rooms, crowd.MakeRoom(t, 20))
	}
	ctx, stop := context.WithTimeout(t.Context(), 6*time.Second)
	defer stop()
	var sending sync.WaitGroup
	for _, room := range rooms {
		for _, user := range []string{"a", "b", "c"} {
			session, err := crowd.Join(ctx, room, user)
			if err != nil {
				t.Fatal(err)
			}
			sending.Go(func() { crowd.Send(ctx, room, session, 120*time.Millisecond) })
		}
	}
	node.Kill()
	node.Start(t)
	Until(t, "the node is ready again", node.Ready)
	sending.Wait()
	crowd.Leave()
	findings, counts := crowd.Check(func(string) []string { return nil })
	t.Logf("%+v", counts)
	if findings.Bad() || counts.Accepted == 0 || counts.Delivered < 2*counts.Accepted {
		t.Errorf("%+v", findings)
	}
}

func TestTheToolsStart(t *testing.T) {
	StartPostgres(t)
	servers := StartNATS(t, 3)
	servers[0].Kill()
	servers[0].Start(t)
	Until(t, "a server that was killed is back", servers[0].Healthy)
}
