// Package cluster runs a whole cluster on loopback for tests: NATS servers,
// PostgreSQL and Parley nodes, each a process of its own, and links between them
// that can be cut. The binaries are named by TEST_PARLEY_BINARY and
// TEST_NATS_SERVER; PostgreSQL is the system's.
package cluster

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that a test runs, and may kill and run again.
type Process struct {
	Name    string
	command func() *exec.Cmd
	log     *output

	mu  sync.Mutex // guards what follows
	cmd *exec.Cmd  // nil while it does not run
	end chan struct{}
}

// output keeps the last of what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() > 1<<20 {
		o.text.Reset()
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// lastLines is how much of a process's output a failure shows.
const lastLines = 12

// end is the last lines of the output, without what a program repeats while it is
// asked whether it is ready.
func (o *output) end(n int) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(o.String()), "\n"), func(line string) bool {
		return strings.Contains(line, "Healthcheck failed") || strings.Contains(line, "not yet accepting connections") ||
			strings.Contains(line, "Consistent recovery state")
	})
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// start runs a command that can be run again. It ends with the test, whose
// failure shows the last of its output.
func start(t testing.TB, name string, command func() *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Name: name, command: command, log: &output{}}
	p.Start(t)
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s printed, at last:\n%s", name, p.log.end(lastLines))
		}
	})
	return p
}

// Start runs the process again after it ended.
func (p *Process) Start(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.end = p.command(), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	go func(cmd *exec.Cmd, end chan struct{}) {
		cmd.Wait() // how it ended is told by what it did
		close(end)
	}(p.cmd, p.end)
}

// Signal sends a signal to the process, if it runs.
func (p *Process) Signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		p.cmd.Process.Signal(s)
	}
}

// Kill ends the process without a last word, and waits.
func (p *Process) Kill() { p.Stop(syscall.SIGKILL) }

// Stop ends the process by a signal, and waits.
func (p *Process) Stop(s syscall.Signal) {
	p.Signal(syscall.SIGCONT)
	p.Signal(s)
	p.mu.Lock()
	end := p.end
	p.mu.Unlock()
	<-end
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = nil
}

// Pause stops the process where it is until Resume.
func (p *Process) Pause() { p.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() { p.Signal(syscall.SIGCONT) }

// Log is the last of what the process printed.
func (p *Process) Log() string { return p.log.String() }

// given are the ports that FreeAddress returned.
var given sync.Map

// FreeAddress returns an address on loopback that nobody listens on, another each
// time. Its port is not one of those that the system gives to outgoing connections:
// one of them could have it while a process that was killed is to listen again.
func FreeAddress(t testing.TB) string {
	t.Helper()
	const first, ports = 10_000, 20_000
	for range 100 {
		address := fmt.Sprint("127.0.0.1:", first+rand.IntN(ports))
		if _, again := given.LoadOrStore(address, true); again {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// Until waits for a condition, for half a minute at most.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !Within(30*time.Second, ok) {
		t.Fatalf("waited in vain: %s", what)
	}
}

// Within waits for a condition for that long at most.
func Within(d time.Duration, ok func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		if ok() {
			return true
		}
	}
	return ok()
}

// tool is a binary that the environment names.
func tool(t testing.TB, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		Missing(t, fmt.Sprintf("%s is not set; run test/cluster/run.sh", variable))
	}
	return path
}

// Missing skips a test for want of a tool, loudly; with CI=true it fails.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip("SKIPPED: " + what)
}
