package bench_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/bench"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/ivschattest"
)

// door is another address of a server, which for its clients is another node.
func door(t *testing.T, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var carrying sync.WaitGroup
	carrying.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", u.Host)
			if err != nil {
				from.Close()
				continue
			}
			carrying.Go(func() { io.Copy(to, from); to.Close() })
			carrying.Go(func() { io.Copy(from, to); from.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); carrying.Wait() })
	return "http://" + l.Addr().String()
}

// cluster is a server with three addresses.
func cluster(t *testing.T) *bench.Target {
	t.Helper()
	srv := ivschattest.New(t)
	tg := &bench.Target{API: srv.Client(), Endpoint: srv.URL, URLs: []string{srv.WebSocketURL}, Prefix: "bench-test"}
	transport := &http.Transport{}
	for range 2 {
		at := door(t, srv.URL)
		o := srv.Client().Options()
		o.BaseEndpoint, o.HTTPClient = &at, &http.Client{Transport: transport}
		tg.More = append(tg.More, bench.Node{API: ivschat.New(o), Endpoint: at})
		tg.URLs = append(tg.URLs, "ws"+strings.TrimPrefix(at, "http"))
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Client().CloseIdleConnections()
	})
	return tg
}

func TestNodesShareTheLoad(t *testing.T) {
	tg := cluster(t)
	r, err := bench.Fanout(t.Context(), tg, bench.ChatOptions{
		Rooms: 3, Members: 10, Rate: 20, For: 500 * time.Millisecond, WarmUp: 100 * time.Millisecond, Seed: 1,
	}, quiet)
	clean(t, r, err)
	if len(r.Nodes) != 3 {
		t.Fatalf("nodes: %+v", r.Nodes)
	}
	deliveries := 0
	for i, n := range r.Nodes {
		if n.Connections != 10 || n.Deliveries == 0 || n.Endpoint == "" || n.Messaging != tg.URLs[i] {
			t.Errorf("node %d: %+v", i, n)
		}
		deliveries += n.Deliveries
	}
	if deliveries != r.Window.Units {
		t.Errorf("the nodes have %d deliveries, all together %d", deliveries, r.Window.Units)
	}
	same, other, all := r.Latency["deliver_same"].Count, r.Latency["deliver_other"].Count, r.Latency["deliver"].Count
	// Of a room's ten members four or three are on the sender's node.
	if same+other != all || other < same || same == 0 {
		t.Errorf("%d deliveries on the sender's node, %d on others, %d in all", same, other, all)
	}
}

func TestNodesTakeHandshakesAndCallsInTurn(t *testing.T) {
	tg := cluster(t)
	r, err := bench.Connect(t.Context(), tg, bench.CrowdOptions{Conns: 30, Rooms: 2, Dialing: 10, Rounds: 2}, quiet)
	clean(t, r, err)
	for i, n := range r.Nodes {
		if n.Connections != 20 {
			t.Errorf("node %d has %d handshakes of 60", i, n.Connections)
		}
	}
	r, err = bench.API(t.Context(), tg, bench.APIOptions{Operation: "GetRoom", Workers: 3, For: 200 * time.Millisecond}, quiet)
	clean(t, r, err)
	if len(r.Nodes) != 3 || r.Operations.Done == 0 {
		t.Errorf("%+v, %+v", r.Nodes, r.Operations)
	}
}

func TestNodesThatDoNotFit(t *testing.T) {
	tg := cluster(t)
	tg.URLs = tg.URLs[:2]
	if err := tg.Check(1); err == nil || !strings.Contains(err.Error(), "3 nodes") {
		t.Errorf("two messaging URLs for three nodes: %v", err)
	}
	tg = cluster(t)
	tg.ServerPID = []int{1, 2}
	if err := tg.Check(1); err == nil || !strings.Contains(err.Error(), "3 nodes") {
		t.Errorf("two processes for three nodes: %v", err)
	}
	tg.ServerPID, tg.More[1].Endpoint = nil, "http://chat.example.com"
	if err := tg.Check(1); err == nil || !strings.Contains(err.Error(), "chat.example.com") {
		t.Errorf("a node that is not this machine: %v", err)
	}
}
