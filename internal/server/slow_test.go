package server_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/gobwas/ws"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/ivschat"
)

// deaf opens a session whose client never reads: its kernel takes little for it.
func (r *running) deaf(room *ivschat.Room, user string) net.Conn {
	r.t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		failed := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
		if failed != nil {
			return failed
		}
		return err
	}}
	nc, err := d.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { nc.Close() })
	upgrade := ws.Dialer{Protocols: []string{r.token(room, user)}}
	if _, _, err := upgrade.Upgrade(nc, &url.URL{Scheme: "ws", Host: r.addr}); err != nil {
		r.t.Fatal(err)
	}
	return nc
}

// Viewers that do not read are closed with 1013, or cut if they do not even take
// that, and counted; those that read get everything, in order, meanwhile.
func TestSlowViewersAreClosedAndTheOthersGetEverything(t *testing.T) {
	for _, reader := range []string{"auto", "goroutine"} {
		t.Run(reader, func(t *testing.T) {
			t.Parallel() // most of it is waiting for the timeout of those who take nothing
			r := start(t, func(c *config.Config) {
				c.Quotas, c.Reader, c.SendQueue, c.SendBuffer = "none", reader, 16<<10, 4<<10
			})
			metrics := r.metrics()
			room := r.room()
			healthy := r.connect(room, "healthy")
			const slow = 20
			var deaf []net.Conn
			for i := range slow {
				deaf = append(deaf, r.deaf(room, fmt.Sprint("deaf", i)))
			}
			client := r.client()
			send := func(name string) {
				t.Helper()
				_, err := client.SendEvent(t.Context(), &ivschat.SendEventInput{
					RoomIdentifier: room.Arn, EventName: name, Attributes: map[string]string{"padding": strings.Repeat("x", 3000)},
				})
				if err != nil {
					t.Fatal(err)
				}
				if f := r.read(healthy); f.EventName != name {
					t.Fatalf("got %+v, want %s", f, name)
				}
			}
			for i := range 100 { // 300 KB, more than all queues and kernels take
				send(fmt.Sprint("app:", i))
			}
			await(t, metrics, `connections_closed_total{reason="slow"}`, slow)
			send("app:after")
			for _, nc := range deaf {
				got, err := io.ReadAll(nc)
				if err == nil && !strings.Contains(string(got), "too slow") {
					t.Errorf("a slow viewer was ended without a reset and without the reason, after %d bytes", len(got))
				}
			}
		})
	}
}
