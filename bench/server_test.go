package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/server"
)

// serve starts a whole server, verifying and on disk unless dev, and returns
// its address and a room's ARN.
func serve(b *testing.B, dev bool) (s *server.Server, address, arn string) {
	b.Helper()
	c := config.Default()
	c.Data, c.Quotas = filepath.Join(b.TempDir(), "data"), "none"
	c.ExpiryGrace, c.DrainTimeout = 10*time.Millisecond, 10*time.Millisecond
	c.AccessKeyID, c.SecretAccessKey, c.AccountID = accessKeyID, secret, account
	s, err := server.New(b.Context(), c, dev, slog.New(slog.DiscardHandler))
	must(b, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ctx, l) }()
	b.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	address = l.Addr().String()
	w := dial(b, address)
	defer w.Close()
	must(b, w.call(wire(b, signed(b, address, "CreateRoom", `{"name":"stage"}`)), http.StatusOK))
	_, after, _ := bytes.Cut(w.body, []byte(`"arn":"`))
	end := bytes.IndexByte(after, '"')
	if end < 0 {
		b.Fatalf("no room in %s", w.body)
	}
	return s, address, string(after[:end])
}

// client is a connection that costs little beside the server in its process.
type client struct {
	net.Conn
	in   *bufio.Reader
	body []byte // of the last answer
}

func dial(b testing.TB, address string) *client {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	return &client{Conn: c, in: bufio.NewReader(c)}
}

// call sends a request's bytes and reads the answer, whose length it must tell.
func (c *client) call(request []byte, status int) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	code, err := strconv.Atoi(string(line[len("HTTP/1.1 "):len("HTTP/1.1 200")]))
	if err != nil {
		return err
	}
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == len("\r\n") {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	c.body = append(c.body[:0], make([]byte, length)...)
	if _, err := io.ReadFull(c.in, c.body); err != nil {
		return err
	}
	if code != status {
		return fmt.Errorf("status %d: %s", code, c.body)
	}
	return nil
}

// cpu returns what the process has used.
func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// report adds the rate and the CPU time, the client's included, to a benchmark.
func report(b *testing.B, used time.Duration, what string) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), what+"/s")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N)/1000, "cpu-ms/"+what)
}
