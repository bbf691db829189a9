package cluster

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Postgres is a PostgreSQL server of its own.
type Postgres struct {
	*Process
	Address string
}

// URL is the database for Parley.
func (p *Postgres) URL() string { return p.URLAt(p.Address) }

// URLAt is the same by way of a link.
func (p *Postgres) URLAt(address string) string {
	u := url.URL{Scheme: "postgres", User: url.User("parley"), Host: address, Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

// StartPostgres makes a database cluster and starts its server. PostgreSQL refuses
// to run as root, so root runs it as nobody.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	out, err := exec.Command("pg_config", "--bindir").Output()
	if err != nil {
		Missing(t, "PostgreSQL is not installed; run test/cluster/run.sh")
	}
	bin := strings.TrimSpace(string(out))
	dir, err := os.MkdirTemp("", "parley-postgres-") // t.TempDir's parents are closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attributes := unprivileged(t, dir)
	data := filepath.Join(dir, "data")
	initialize := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "parley", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initialize.SysProcAttr, initialize.Dir = attributes, dir
	if out, err := initialize.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	address := FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &Postgres{Address: address, Process: start(t, "postgres", func() *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories="+dir, "-c", "max_connections=200")
		cmd.SysProcAttr, cmd.Dir = attributes, dir
		return cmd
	})}
	Until(t, "PostgreSQL takes connections", p.Ready)
	return p
}

// Ready tells whether the server takes connections.
func (p *Postgres) Ready() bool {
	host, port, _ := strings.Cut(p.Address, ":")
	return exec.Command("pg_isready", "-q", "-h", host, "-p", port).Run() == nil
}

func unprivileged(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(uid), -1); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
}
