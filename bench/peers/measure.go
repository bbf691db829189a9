//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/parleychat/parley/internal/bench"
)

// work is a load, the same for all.
type work struct {
	name    string
	rooms   int
	members int     // of each room
	rate    float64 // messages per second and room
	// window is how many messages of one sender may be under way. It is there for
	// loads that not every server can carry: such a server then takes its own
	// pace and loses nobody, and its latency shows how late it is.
	window int
}

func works() []work {
	return []work{
		{name: "p1", rooms: 1, members: 10_000, rate: 5},
		{name: "p2", rooms: 1, members: 1_000, rate: 50},
		{name: "p3", rooms: 100, members: 100, rate: 5},
		{name: "p4", rooms: 1, members: 10_000, rate: 100, window: 2},
		{name: "saturate", rooms: 10, members: 1_000, rate: 100, window: 2},
	}
}

// result is one run.
type result struct {
	Work   string        `json:"work"`
	Peer   string        `json:"peer"`
	Repeat int           `json:"repeat"`
	Error  string        `json:"error,omitempty"` // why there is no report, or half of one
	Report *bench.Report `json:"report,omitempty"`
	// RSS by connection after all have joined and been still for a while.
	IdleBytes float64 `json:"idle_bytes_per_connection"`
	// What a delivery is on the wire, the frame's header included.
	DeliveryBytes float64 `json:"bytes_per_delivery"`
}

// still is how long a server is left alone before its memory is read.
const still = 2 * time.Second

// measure starts a peer, puts the work on it and stops it.
func (o options) measure(ctx context.Context, p peer, w work) (result, error) {
	r := result{Work: w.name, Peer: p.name}
	dir, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	s := site{build: o.build, dir: dir}
	if s.port, err = freePort(); err != nil {
		return r, err
	}
	server, err := start(ctx, p, s)
	if err != nil {
		return r, err
	}
	defer server.stop()

	empty, err := rss(server.pid())
	if err != nil {
		return r, err
	}
	// Told on a goroutine that Fanout waits for before it sends anything.
	notify := func(status bench.Status) {
		if status.Phase != "connect" || !status.End || status.Opened == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(still):
		}
		if full, err := rss(server.pid()); err == nil {
			r.IdleBytes = float64(full-empty) / float64(status.Opened)
		}
	}
	r.Report, err = bench.Fanout(ctx, p.target(s, server.pid()), bench.ChatOptions{
		Rooms: w.rooms, Members: min(w.members, o.members), Rate: w.rate, Window: w.window, Payload: p.content(o.frame),
		For: o.length, WarmUp: 2 * time.Second, Arrivals: bench.Even, Seed: 1,
	}, notify)
	select {
	case <-server.ended:
		err = errors.Join(err, fmt.Errorf("the server ended in the run: %s", server.cmd.ProcessState))
	default:
	}
	if err != nil {
		return r, errors.Join(err, server.complaint())
	}
	if r.Report.Window.Units > 0 {
		r.DeliveryBytes = float64(r.Report.Window.Bytes) / float64(r.Report.Window.Units)
	}
	return r, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// process is a server that was started here.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func start(ctx context.Context, p peer, s site) (*process, error) {
	program := ""
	if p.program != "" {
		program = filepath.Join(s.build, p.program)
		if _, err := os.Stat(program); err != nil {
			return nil, fmt.Errorf("%s is not there: bench/peers/run.sh gets it", program)
		}
	}
	cmd, err := p.command(s, program)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	x := &process{cmd: cmd, log: log.Name(), ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ends the server with the thread that started it, which must
		// live as long, then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(x.ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	if err := x.listens(ctx, s.addr()); err != nil {
		x.stop()
		return nil, errors.Join(err, x.complaint())
	}
	return x, nil
}

func (x *process) pid() int { return x.cmd.Process.Pid }

// listens waits until the server does, and then a moment for it to come to rest.
func (x *process) listens(ctx context.Context, addr string) error {
	const pause = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			c.Close()
			time.Sleep(still / 2)
			return nil
		}
		select {
		case <-x.ended:
			return errors.New("the server ended at once")
		case <-ctx.Done():
			return fmt.Errorf("the server does not listen: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
}

func (x *process) stop() {
	x.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-x.ended:
	case <-time.After(5 * time.Second):
		x.cmd.Process.Kill()
		<-x.ended
	}
}

// complaint is the end of what the server wrote.
func (x *process) complaint() error {
	text, err := os.ReadFile(x.log)
	if err != nil || len(text) == 0 {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Errorf("the server said: %s", bytes.Join(lines[max(0, len(lines)-5):], []byte("\n")))
}

// rss is a process's resident memory.
func rss(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, errors.New("statm is too short")
	}
	pages, err := strconv.Atoi(fields[1])
	return pages * os.Getpagesize(), err
}
