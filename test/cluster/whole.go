package cluster

import (
	"fmt"
	"sync"
	"testing"

	"github.com/parleychat/parley/ivschat"
)

// Stream is the name of a cluster's room logs.
const Stream = "parley"

// Cluster is Parley nodes on NATS servers and PostgreSQL, and the ways between them.
type Cluster struct {
	Postgres *Postgres
	NATS     []*NATS
	Nodes    []*Node
	Balancer *Balancer
	// Broker[i] are node i's ways to the NATS servers, Database[i] that to PostgreSQL.
	Broker   [][]*Link
	Database []*Link
	logs     string
	logging  map[string]string // ARNs, by bucket
	failed   []string
}

// Say has a failure told last, after what the processes printed.
func (c *Cluster) Say(format string, args ...any) {
	c.failed = append(c.failed, fmt.Sprintf(format, args...))
}

// Start starts a cluster of three of each, whose chat logs are files in a directory
// that the nodes share.
func Start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	const nodes, servers = 3, 3
	c := &Cluster{Balancer: &Balancer{}, logs: t.TempDir(), logging: map[string]string{}}
	t.Cleanup(func() {
		for _, what := range c.failed {
			t.Log(what)
		}
	})
	c.Postgres = StartPostgres(t)
	c.NATS = StartNATS(t, servers)
	for range nodes {
		var links []*Link
		for _, s := range c.NATS {
			links = append(links, NewLink(t, s.Address))
		}
		c.Broker = append(c.Broker, links)
		c.Database = append(c.Database, NewLink(t, c.Postgres.Address))
	}
	c.Nodes = make([]*Node, nodes)
	var starting sync.WaitGroup // together: migrations and the stream are made once
	for i := range nodes {
		urls := ""
		for _, l := range c.Broker[i] {
			urls += ",nats://" + l.Address
		}
		own := append([]string{
			"--store", c.Postgres.URLAt(c.Database[i].Address), "--roomlog", urls[1:], "--roomlog-limit", "256MiB",
			"--chatlog-dir", c.logs, "--chatlog-object-interval", "300ms",
		}, settings...)
		starting.Go(func() { c.Nodes[i] = StartNode(t, fmt.Sprintf("node%d", i), own...) })
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	c.Balancer.Use(c.Nodes...)
	return c
}

// Leader returns the NATS server that leads the stream.
func (c *Cluster) Leader(t testing.TB) (leader *NATS) {
	t.Helper()
	Until(t, "the stream has a leader", func() bool {
		for _, s := range c.NATS {
			if s.Leads(Stream) {
				leader = s
				return true
			}
		}
		return false
	})
	return leader
}

// LoggingConfiguration returns the one whose bucket is a directory of that name.
func (c *Cluster) LoggingConfiguration(t testing.TB, bucket string) string {
	t.Helper()
	if arn, ok := c.logging[bucket]; ok {
		return arn
	}
	made, err := c.Nodes[0].Client().CreateLoggingConfiguration(t.Context(), &ivschat.CreateLoggingConfigurationInput{
		DestinationConfiguration: &ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: bucket}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.logging[bucket] = made.Arn
	return made.Arn
}

// Logged returns the ids of what is logged of each room, in the order in which it
// came into the bucket.
func (c *Cluster) Logged(t testing.TB, bucket string) map[string][]string {
	t.Helper()
	return readLogs(t, c.logs, bucket)
}
