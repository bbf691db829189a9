//go:build cluster

package cluster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sdkViewers are viewers with the official JavaScript SDK.
type sdkViewers struct {
	mu       sync.Mutex
	got      [][]string // ids, of each viewer
	accepted []string
	refused  []string
	connects int
	ended    []string
}

// line is what test/jssdk/viewers.js says.
type line struct {
	Viewer                            int
	ID, State, Why, Accepted, Refused string
}

func (v *sdkViewers) read(from io.Reader) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue
		}
		v.mu.Lock()
		switch {
		case l.ID != "":
			v.got[l.Viewer] = append(v.got[l.Viewer], l.ID)
		case l.Accepted != "":
			v.accepted = append(v.accepted, l.Accepted)
		case l.Refused != "":
			v.refused = append(v.refused, l.Refused)
		case l.State == "connect":
			v.connects++
		case l.State == "disconnect":
			v.ended = append(v.ended, fmt.Sprintf("viewer %d: %s", l.Viewer, l.Why))
		}
		v.mu.Unlock()
	}
}

func (v *sdkViewers) count(of func() int) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return of()
}

// listen makes the balancer an address.
func (b *Balancer) listen(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var carrying sync.WaitGroup
	carrying.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			carrying.Go(func() {
				defer from.Close()
				to, err := b.Dial(t.Context(), "tcp", "")
				if err != nil {
					return
				}
				defer to.Close()
				stop := make(chan struct{})
				go func() {
					defer close(stop)
					io.Copy(to, from)
					to.(*net.TCPConn).CloseWrite()
				}()
				io.Copy(from, to)
				from.Close()
				<-stop
			})
		}
	})
	t.Cleanup(func() { listener.Close(); carrying.Wait() })
	return listener.Addr().String()
}

func TestTheOfficialSDKLosesNothingWhenNodesRestart(t *testing.T) {
	dir := tool(t, "TEST_JSSDK")
	c := Start(t, "--expiry-grace", "3s")
	room := NewCrowd(t, c.Balancer).MakeRoom(t, 100)
	address := c.Balancer.listen(t)
	const viewers = 12
	v := &sdkViewers{got: make([][]string, viewers)}
	cmd := exec.Command("node", "viewers.js", "http://"+address, "ws://"+address+"/", room.Arn, fmt.Sprint(viewers))
	said := &output{}
	cmd.Dir, cmd.Stderr = dir, said
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+KeyID, "AWS_SECRET_ACCESS_KEY="+Secret)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { v.read(out) })
	t.Cleanup(func() {
		in.Close()
		reading.Wait()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the SDK printed, at last:\n%s", said.end(lastLines))
		}
	})

	flows := func() {
		t.Helper()
		from := v.count(func() int { return len(v.accepted) })
		Until(t, "messages are accepted", func() bool { return v.count(func() int { return len(v.accepted) }) > from+10 })
	}
	Until(t, "all are connected", func() bool { return v.count(func() int { return v.connects }) == viewers })
	start := v.count(func() int { return len(v.accepted) })
	flows()
	for n, node := range c.Nodes {
		c.Balancer.Use(append(slices.Clone(c.Nodes[:n]), c.Nodes[n+1:]...)...)
		node.Stop(syscall.SIGTERM)
		flows()
		node.Start(t)
		Until(t, "the node is back", node.Ready)
		c.Balancer.Use(c.Nodes...)
	}
	flows()
	last := v.count(func() int { return len(v.accepted) })
	complete := func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, got := range v.got {
			if !slices.Contains(got, v.accepted[last-1]) {
				return false
			}
		}
		return true
	}
	Within(10*time.Second, complete)
	v.mu.Lock()
	defer v.mu.Unlock()
	lost, doubled := 0, 0
	for i, got := range v.got {
		times := map[string]int{}
		for _, id := range got {
			if times[id]++; times[id] > 1 {
				doubled++
			}
		}
		for at, id := range v.accepted[start:last] {
			if times[id] == 0 {
				lost++
				t.Errorf("viewer %d did not get %s, the %dth of %d", i, id, at+1, last-start)
			}
		}
	}
	t.Logf("viewers %d, accepted %d, refused %q, connections %d, lost %d, doubled %d", viewers, last, v.refused, v.connects, lost, doubled)
	// While it changes connections the SDK refuses to send, and says so.
	v.refused = slices.DeleteFunc(v.refused, func(why string) bool { return why == "401" || why == "Room is not connected" })
	if len(v.ended) > 0 || len(v.refused) > 0 || v.connects < 2*viewers {
		t.Errorf("ended: %q; refused: %q; %d connections", v.ended, v.refused, v.connects)
	}
}
