//go:build linux

package main

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/bench"
)

func TestRawServerDeliversEverythingToItsRoom(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go serveRaw(l.(*net.TCPListener)) // ends with the process, as it always does

	p, s := peers()[0], site{port: l.Addr().(*net.TCPAddr).Port}
	const members, frame = 20, 154
	report, err := bench.Fanout(t.Context(), p.target(s, os.Getpid()), bench.ChatOptions{
		Rooms: 3, Members: members, Rate: 40, Window: 2, For: time.Second, Payload: p.content(frame), Arrivals: bench.Even,
	}, func(bench.Status) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) > 0 {
		t.Errorf("problems: %q", report.Problems)
	}
	m := report.Messages
	if m.Sent == 0 || m.Delivered != m.Sent*members || m.Foreign != 0 {
		t.Errorf("%d sent, %d delivered, %d foreign; want %d deliveries of each", m.Sent, m.Delivered, m.Foreign, members)
	}
	if got := report.Window.Bytes; got != report.Window.Units*frame {
		t.Errorf("%d bytes for %d deliveries, want frames of %d", got, report.Window.Units, frame)
	}
}
