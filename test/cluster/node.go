package cluster

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/parleychat/parley/ivschat"
)

// The access key of every node.
const (
	KeyID  = "PARLEYCLUSTERKEY0001"
	Secret = "parley-cluster-secret-0001"
	master = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
)

// Node is a Parley server.
type Node struct {
	*Process
	Address string
	Data    string
	ready   string
}

// Ready tells whether the node takes new work.
func (n *Node) Ready() bool {
	text, err := os.ReadFile(n.ready)
	var said struct{ API string }
	return err == nil && json.Unmarshal(text, &said) == nil && said.API == "http://"+n.Address
}

// Waits tells whether the node, which starts, said that it waits for something.
func (n *Node) Waits(what string) bool {
	_, said, ok := strings.Cut(n.Log(), "the server starts as soon as")
	return ok && strings.Contains(said, what)
}

// Client calls this node's control plane.
func (n *Node) Client(change ...func(*ivschat.Options)) *ivschat.Client {
	o := ivschat.Options{
		Region: "us-west-2", BaseEndpoint: aws.String("http://" + n.Address),
		Credentials: credentials.NewStaticCredentialsProvider(KeyID, Secret, ""),
	}
	for _, c := range change {
		c(&o)
	}
	return ivschat.New(o)
}

// Answers tells whether the node answers 200 at a path.
func (n *Node) Answers(path string) bool {
	response, err := http.Get("http://" + n.Address + path)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// StartNode starts a node with settings beside those that every one has.
func StartNode(t testing.TB, name string, settings ...string) *Node {
	t.Helper()
	binary := tool(t, "TEST_PARLEY_BINARY")
	n := &Node{Address: FreeAddress(t), Data: t.TempDir(), ready: filepath.Join(t.TempDir(), "ready.json")}
	settings = append([]string{"--drain-timeout", "2s", "--expiry-grace", "500ms"}, settings...)
	n.Process = start(t, name, func() *exec.Cmd {
		os.Remove(n.ready)
		cmd := exec.Command(binary, append([]string{"serve", "--data", n.Data, "--listen", n.Address, "--ready-file", n.ready,
			"--banner", "none", "--log-level", "warn"}, settings...)...)
		cmd.Env = append(os.Environ(), "PARLEY_ACCESS_KEY_ID="+KeyID, "PARLEY_SECRET_ACCESS_KEY="+Secret, "PARLEY_MASTER_KEY="+master)
		return cmd
	})
	Until(t, name+" is ready", n.Ready)
	return n
}

// Balancer spreads connections over the nodes that are in.
type Balancer struct {
	mu    sync.Mutex // guards nodes
	nodes []*Node
}

// Use has the balancer spread over these nodes from now on.
func (b *Balancer) Use(nodes ...*Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = nodes
}

// Dial connects to one of the nodes, whatever the address says; it tries others
// if one refuses.
func (b *Balancer) Dial(ctx context.Context, network, _ string) (conn net.Conn, err error) {
	b.mu.Lock()
	nodes := append([]*Node(nil), b.nodes...)
	b.mu.Unlock()
	rand.Shuffle(len(nodes), func(i, k int) { nodes[i], nodes[k] = nodes[k], nodes[i] })
	var d net.Dialer
	for _, n := range nodes {
		if conn, err = d.DialContext(ctx, network, n.Address); err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return nil, err
}

// URLs joins the URLs of servers as a setting has them.
func URLs(servers []*NATS) string {
	var all []string
	for _, s := range servers {
		all = append(all, s.URL())
	}
	return strings.Join(all, ",")
}
