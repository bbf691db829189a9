package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// NATS is a NATS server with JetStream.
type NATS struct {
	*Process
	Address    string // of clients
	monitoring string
}

// URL is where clients find the server.
func (n *NATS) URL() string { return "nats://" + n.Address }

// Healthy tells whether the server says that it is well, JetStream too.
func (n *NATS) Healthy() bool {
	response, err := http.Get("http://" + n.monitoring + "/healthz")
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// Leads tells whether the server is the leader of the stream.
func (n *NATS) Leads(stream string) bool {
	response, err := http.Get("http://" + n.monitoring + "/jsz?streams=true")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var said struct {
		Accounts []struct {
			Streams []struct {
				Name    string `json:"name"`
				Cluster struct {
					Leader string `json:"leader"`
				} `json:"cluster"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
		return false
	}
	for _, a := range said.Accounts {
		for _, s := range a.Streams {
			if s.Name == stream && s.Cluster.Leader == n.Name {
				return true
			}
		}
	}
	return false
}

// StartNATSWith starts one server with more settings.
func StartNATSWith(t testing.TB, settings string) *NATS {
	t.Helper()
	binary, address, monitor := tool(t, "TEST_NATS_SERVER"), FreeAddress(t), FreeAddress(t)
	conf := filepath.Join(t.TempDir(), "nats.conf")
	text := fmt.Sprintf("server_name: nats\nlisten: %q\nhttp: %q\njetstream { store_dir: %q }\n%s\n", address, monitor, t.TempDir(), settings)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n := &NATS{Address: address, monitoring: monitor, Process: start(t, "nats", func() *exec.Cmd { return exec.Command(binary, "-c", conf) })}
	Until(t, "the server is well", n.Healthy)
	return n
}

// StartNATS starts so many servers, as a cluster if there are several, with the
// settings of deploy/compose; clients know only the addresses they were given, so
// that links to them can be cut.
func StartNATS(t testing.TB, n int) []*NATS {
	t.Helper()
	binary := tool(t, "TEST_NATS_SERVER")
	clients, routes, monitors := addresses(t, n), addresses(t, n), addresses(t, n)
	servers := make([]*NATS, n)
	for i := range servers {
		conf := filepath.Join(t.TempDir(), "nats.conf")
		text := fmt.Sprintf(`
			server_name: nats%d
			listen: %q
			http: %q
			ping_interval: "2s", ping_max: 2, write_deadline: "2s"
			jetstream { store_dir: %q, sync_interval: always, max_mem: 256M, max_file: 1G }
		`, i, clients[i], monitors[i], t.TempDir())
		if n > 1 {
			var peers []string
			for k, r := range routes {
				if k != i {
					peers = append(peers, fmt.Sprintf("%q", "nats://"+r))
				}
			}
			text += fmt.Sprintf("cluster { name: parley, listen: %q, routes: [%s], no_advertise: true }\n", routes[i], strings.Join(peers, ", "))
		}
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		servers[i] = &NATS{Address: clients[i], monitoring: monitors[i], Process: start(t, fmt.Sprintf("nats%d", i), func() *exec.Cmd {
			return exec.Command(binary, "-c", conf)
		})}
	}
	for _, s := range servers {
		Until(t, s.Name+" is well", s.Healthy)
	}
	return servers
}

func addresses(t testing.TB, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = FreeAddress(t)
	}
	return list
}
