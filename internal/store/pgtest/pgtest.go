//go:build unix

// Package pgtest starts a PostgreSQL server of its own for tests: Debian's
// binaries, a data directory that ends with the test, a socket in the file
// system, nobody else.
package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Server is a PostgreSQL server that a test may stop, and start again.
type Server struct {
	bin, dir  string
	settings  []string
	process   *exec.Cmd // nil while it is stopped
	output    bytes.Buffer
	attribute *syscall.SysProcAttr
	schemas   atomic.Int32
}

// Start makes a database and starts a server with settings (name=value) beside
// the defaults. It skips the test where there is no PostgreSQL, but not where
// every test must run.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin := binaries()
	if bin == "" {
		const missing = "PostgreSQL is not installed (apt-get install postgresql)"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip("SKIPPED: " + missing)
	}
	dir, err := os.MkdirTemp("", "pg-") // short, as the socket's path must be, and not below directories that are closed to others
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{bin: bin, dir: dir, settings: settings}
	t.Cleanup(func() {
		s.stop(syscall.SIGQUIT)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s.leaveRoot(t)
	initialize := s.command("initdb", "-D", s.data(), "-U", "parley", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if out, err := initialize.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.Start(t)
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, s.attribute
	return cmd
}

// Start starts the server again, and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	args := []string{"-D", s.data(), "-c", "listen_addresses=", "-c", "unix_socket_directories=" + s.dir, "-c", "max_connections=200"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	s.output.Reset()
	s.process = s.command("postgres", args...)
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	if err := s.process.Start(); err != nil {
		s.process = nil
		t.Fatalf("start PostgreSQL: %v", err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !s.answers(); <-tick.C {
		if time.Now().After(deadline) {
			s.stop(syscall.SIGQUIT)
			t.Fatalf("PostgreSQL does not answer:\n%s", s.output.String())
		}
	}
}

func (s *Server) answers() bool {
	db, err := sql.Open("pgx", s.url("public"))
	if err != nil {
		return false
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return db.PingContext(ctx) == nil
}

// Stop ends the server at once, as a crash would; what it promised it has written.
func (s *Server) Stop() { s.stop(syscall.SIGQUIT) }

func (s *Server) stop(signal syscall.Signal) {
	if s.process == nil {
		return
	}
	s.process.Process.Signal(signal)
	s.process.Wait() // however it ended
	s.process = nil
}

// Database returns the URL of an empty database: a schema of its own.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.schemas.Add(1))
	s.Execute(t, s.url("public"), "CREATE SCHEMA "+name)
	return s.url(name)
}

// Execute runs a statement in a database.
func (s *Server) Execute(t testing.TB, database, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (s *Server) url(schema string) string {
	u := url.URL{Scheme: "postgres", User: url.User("parley"), Path: "/postgres",
		RawQuery: url.Values{"host": {s.dir}, "search_path": {schema}}.Encode()}
	return u.String()
}

// binaries returns the directory of the newest PostgreSQL that is installed.
func binaries() string {
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is no mistake
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range append(debian, strings.Split(os.Getenv("PATH"), ":")...) {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	return ""
}

// leaveRoot has nobody run the server: it refuses to be root's.
func (s *Server) leaveRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(s.dir, int(uid), -1); err != nil {
		t.Fatal(err)
	}
	s.attribute = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
}
