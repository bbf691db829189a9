//go:build cluster

package chaos

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/parleychat/parley/test/cluster"
)

// fault is something that goes wrong and is put right again.
type fault struct {
	name  string
	begin func()
	end   func()
}

// faults chooses what goes wrong next.
type faults struct {
	*cluster.Cluster
	t    *testing.T
	rand *rand.Rand
}

func (f *faults) choose() fault {
	n, s := f.rand.IntN(len(f.Nodes)), f.rand.IntN(len(f.NATS))
	node, server, links := f.Nodes[n], f.NATS[s], f.Broker[n]
	at := func(what string, p *cluster.Process) string { return what + " " + p.Name }
	each := func(do func(*cluster.Link)) func() {
		return func() {
			for _, l := range links {
				do(l)
			}
		}
	}
	all := []fault{
		f.ended("kill", node.Process, syscall.SIGKILL),
		f.ended("stop", node.Process, syscall.SIGTERM),
		f.ended("kill", server.Process, syscall.SIGKILL),
		f.ended("stop", server.Process, syscall.SIGTERM),
		f.ended("kill", f.Postgres.Process, syscall.SIGQUIT), // immediately, its children too
		{at("pause", node.Process), node.Pause, node.Resume},
		{at("pause", server.Process), server.Pause, server.Resume},
		{at("pause", f.Postgres.Process), f.Postgres.Pause, f.Postgres.Resume},
		{fmt.Sprintf("cut %s from %s", node.Name, server.Name), links[s].Cut, links[s].Mend},
		{at("cut from all NATS servers", node.Process), each((*cluster.Link).Cut), each((*cluster.Link).Mend)},
		{at("disconnect from all NATS servers", node.Process), each(disconnect), each((*cluster.Link).Mend)},
		{at("cut from PostgreSQL", node.Process), f.Database[n].Cut, f.Database[n].Mend},
		{at("disconnect from PostgreSQL", node.Process), func() { disconnect(f.Database[n]) }, f.Database[n].Mend},
	}
	return all[f.rand.IntN(len(all))]
}

// disconnect breaks connections, and lets none be made.
func disconnect(l *cluster.Link) {
	l.Cut()
	l.Reset()
}

// ended ends a process by a signal and starts it again.
func (f *faults) ended(what string, p *cluster.Process, how syscall.Signal) fault {
	return fault{what + " " + p.Name, func() { p.Stop(how) }, func() { p.Start(f.t) }}
}

// run has things go wrong, two at once now and then, until the time is over, and
// then puts all right.
func (f *faults) run(d time.Duration, wait func(time.Duration)) (names []string) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		one := f.choose()
		names = append(names, one.name)
		one.begin()
		wait(f.upTo(6 * time.Second))
		if f.rand.IntN(4) == 0 {
			two := f.choose()
			for two.name[:4] == one.name[:4] || sameProcess(one.name, two.name) {
				two = f.choose()
			}
			names = append(names, "and "+two.name)
			two.begin()
			wait(f.upTo(3 * time.Second))
			two.end()
		}
		one.end()
		wait(f.upTo(5 * time.Second))
	}
	return names
}

func (f *faults) upTo(d time.Duration) time.Duration {
	return 200*time.Millisecond + time.Duration(f.rand.Int64N(int64(d)))
}

// sameProcess tells whether two faults are of one process, which cannot be paused,
// say, while it does not run.
func sameProcess(a, b string) bool { return lastWord(a) == lastWord(b) }

func lastWord(s string) string {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == ' ' {
			return s[i+1:]
		}
	}
	return s
}
