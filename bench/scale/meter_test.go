//go:build cluster && linux

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// meter reads the CPU time of this process and of the NATS servers it started.
type meter struct {
	b       *testing.B
	pids    []int
	began   time.Time
	own     time.Duration
	servers []time.Duration
}

func newMeter(b *testing.B) *meter {
	b.Helper()
	m := &meter{b: b, pids: children(b, "nats-server")}
	m.reset()
	return m
}

func (m *meter) reset() {
	m.began, m.own, m.servers = time.Now(), ownCPU(syscall.RUSAGE_SELF), nil
	for _, p := range m.pids {
		m.servers = append(m.servers, processCPU(m.b, p))
	}
}

// report gives the CPU time since reset for each of n: of all servers, of the
// busiest of them, and of this process.
func (m *meter) report(n float64) {
	var all, most time.Duration
	for i, p := range m.pids {
		used := processCPU(m.b, p) - m.servers[i]
		all += used
		most = max(most, used)
	}
	us := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	m.b.ReportMetric(us(all), "servers-µs/op")
	m.b.ReportMetric(us(most), "busiest-µs/op")
	m.b.ReportMetric(us(ownCPU(syscall.RUSAGE_SELF)-m.own), "own-µs/op")
	m.b.ReportMetric(n/time.Since(m.began).Seconds(), "op/s")
}

func ownCPU(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func children(b *testing.B, name string) (pids []int) {
	b.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range list {
		comm, fields := stat(path)
		if comm == name && len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				b.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		b.Fatalf("no %s runs", name)
	}
	return pids
}

// stat reads /proc/PID/stat: the name, and the fields after it, the state first.
func stat(path string) (comm string, fields []string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil
	}
	open, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
	return string(text[open+1 : end]), strings.Fields(string(text[end+1:]))
}

// processCPU is from the scheduler, in nanoseconds: the counters of stat are ticks.
func processCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		b.Fatalf("process %d: %v", pid, err)
	}
	var sum time.Duration
	for _, t := range tasks {
		text, err := os.ReadFile(t)
		if err != nil {
			continue // the thread ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

func residentKB(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / 1024
}

// wire is a connection that speaks NATS's protocol: what a client library would
// cost must not be in what the servers cost.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func dial(b *testing.B, address string) *wire {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	w := &wire{conn, bufio.NewReaderSize(conn, 4<<10)}
	w.send(b, "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":false}\r\nPING\r\n")
	w.pong(b)
	return w
}

func (w *wire) send(b *testing.B, text string) {
	b.Helper()
	if _, err := w.Write([]byte(text)); err != nil {
		b.Fatal(err)
	}
}

func (w *wire) pong(b *testing.B) {
	b.Helper()
	for {
		line, err := w.in.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		if line == "PONG\r\n" {
			return
		}
	}
}

// next reads the next message: its line and its bytes. It answers pings.
func (w *wire) next() (line string, body []byte, err error) {
	for {
		if line, err = w.in.ReadString('\n'); err != nil {
			return "", nil, err
		}
		switch {
		case line == "PING\r\n":
			if _, err = w.Write([]byte("PONG\r\n")); err != nil {
				return "", nil, err
			}
		case strings.HasPrefix(line, "MSG "), strings.HasPrefix(line, "HMSG "):
			fields := strings.Fields(line)
			n, err := strconv.Atoi(fields[len(fields)-1])
			if err != nil {
				return "", nil, err
			}
			body = make([]byte, n+2)
			for read := 0; read < len(body); {
				k, err := w.in.Read(body[read:])
				if err != nil {
					return "", nil, err
				}
				read += k
			}
			return line, body[:n], nil
		}
	}
}
