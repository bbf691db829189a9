//go:build linux

package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/parleychat/parley/internal/bench"
	"github.com/parleychat/parley/ivschat"
)

// site is where a server runs.
type site struct {
	build string // the directory of the programs
	dir   string // a directory of its own, empty
	port  int
}

func (s site) addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// peer is a server to measure.
type peer struct {
	name    string
	program string // in the build directory; "" for this program itself
	// envelope is what a delivery has besides the content of the message, in a
	// room whose number has one digit.
	envelope int
	command  func(site, string) (*exec.Cmd, error)
	path     string         // of the WebSocket endpoint
	dialect  *bench.Dialect // nil for IVS's own
}

func peers() []peer {
	return []peer{
		{name: "raw", envelope: 4, command: rawCommand, path: "/", dialect: numbered()},
		{name: "uws", program: "bun", envelope: 4, command: uwsCommand, path: "/", dialect: numbered()},
		{name: "nats", program: "nats-server", envelope: len("MSG r0 1 108\r\n\r\n") + 4, command: natsCommand, path: "/", dialect: natsDialect()},
		{name: "centrifugo", program: "centrifugo", command: centrifugoCommand, path: "/connection/websocket", dialect: centrifugoDialect(),
			envelope: len(`{"push":{"channel":"r0","pub":{"data":"","info":{"user":"","client":"00000000-0000-0000-0000-000000000000"}}}}`) + 4},
		{name: "parley", program: "parley", command: parleyCommand, path: "/",
			envelope: len(`{"Type":"MESSAGE","Id":"000000000000","RequestId":"00000000","Attributes":{},"Content":"",`+
				`"SendTime":"2006-01-02T15:04:05.000000000Z","Sender":{"UserId":"bench-0","Attributes":{}}}`) + 4},
	}
}

// content is how long a message is so that its delivery is a frame of so many
// bytes, the run's own mark permitting.
func (p peer) content(frame int) int { return max(bench.MinPayload, frame-p.envelope) }

func (p peer) target(s site, pid int) *bench.Target {
	t := &bench.Target{
		Endpoint: "http://" + s.addr(), URLs: []string{"ws://" + s.addr() + p.path}, ServerPID: []int{pid}, Prefix: "peers", Dialect: p.dialect,
	}
	if p.dialect == nil {
		t.API = ivschat.New(ivschat.Options{
			Region: "us-west-2", BaseEndpoint: aws.String(t.Endpoint),
			Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		})
	}
	return t
}

// numbered is the dialect of the two servers here that have none of their own.
func numbered() *bench.Dialect {
	return &bench.Dialect{
		Join: func(room int) []byte { return fmt.Appendf(nil, "j%d", room) },
		Send: func(dst []byte, room int, content []byte) []byte {
			dst = strconv.AppendInt(append(dst, 'm'), int64(room), 10)
			return append(append(dst, ' '), content...)
		},
	}
}

// rawArgument makes this program the raw server.
const rawArgument = "serve-raw"

func rawCommand(s site, _ string) (*exec.Cmd, error) {
	self, err := os.Executable()
	return exec.Command(self, rawArgument, s.addr()), err
}

//go:embed uws.js
var uwsScript []byte

func uwsCommand(s site, bun string) (*exec.Cmd, error) {
	script := filepath.Join(s.dir, "uws.js")
	return exec.Command(bun, script, strconv.Itoa(s.port)), os.WriteFile(script, uwsScript, 0o600)
}

// natsCommand asks for pings once an hour: the receiver answers no PING that is
// not WebSocket's.
func natsCommand(s site, program string) (*exec.Cmd, error) {
	config := fmt.Sprintf("listen: 127.0.0.1:-1\nping_interval: \"1h\"\nwebsocket {\n  listen: %q\n  no_tls: true\n  compression: false\n}\n", s.addr())
	file := filepath.Join(s.dir, "nats.conf")
	return exec.Command(program, "-c", file), os.WriteFile(file, []byte(config), 0o600)
}

func natsDialect() *bench.Dialect {
	return &bench.Dialect{
		Binary: true,
		Join: func(room int) []byte {
			return fmt.Appendf(nil, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB r%d 1\r\n", room)
		},
		Send: func(dst []byte, room int, content []byte) []byte {
			return fmt.Appendf(dst, "PUB r%d %d\r\n%s\r\n", room, len(content), content)
		},
	}
}

// centrifugoCommand: pings as for NATS; history and presence are off, which is
// the default.
func centrifugoCommand(s site, program string) (*exec.Cmd, error) {
	config, err := json.Marshal(map[string]any{
		"address": "127.0.0.1", "port": s.port, "log_level": "error", "allowed_origins": []string{},
		"allow_anonymous_connect_without_token": true, "allow_subscribe_for_client": true, "allow_subscribe_for_anonymous": true,
		"allow_publish_for_client": true, "allow_publish_for_anonymous": true,
		"websocket_compression": false, "ping_interval": "1h", "pong_timeout": "1m",
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "centrifugo.json")
	return exec.Command(program, "-c", file), os.WriteFile(file, config, 0o600)
}

func centrifugoDialect() *bench.Dialect {
	return &bench.Dialect{
		Join: func(room int) []byte {
			return fmt.Appendf(nil, "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"r%d\"}}", room)
		},
		Send: func(dst []byte, room int, content []byte) []byte {
			return fmt.Appendf(dst, `{"id":3,"publish":{"channel":"r%d","data":"%s"}}`, room, content)
		},
	}
}

const (
	accessKey = "PARLEYPEERS000000001"
	secretKey = "only-for-this-benchmark-on-loopback"
)

func parleyCommand(s site, program string) (*exec.Cmd, error) {
	cmd := exec.Command(program, "serve", "--data", filepath.Join(s.dir, "data"), "--listen", s.addr(), "--quotas", "none", "--log-level", "warn")
	cmd.Env = append(os.Environ(), "PARLEY_ACCESS_KEY_ID="+accessKey, "PARLEY_SECRET_ACCESS_KEY="+secretKey)
	return cmd, nil
}
