package store

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/ivschat"
)

// The test binary runs itself with these to get a process that can be killed.
const (
	writerPath = "PARLEY_TEST_STORE_WRITER"
	writerSync = "PARLEY_TEST_STORE_SYNC"
)

var crashTenant = Tenant{Account: "123456789012", Region: "us-west-2"}

// crashWriter opens the store and writes without end, each write's name on
// stdout as soon as it is acknowledged.
func crashWriter(path, synchronous string) error {
	fmt.Println("start")
	s, err := open(context.Background(), path, opening{synchronous: synchronous})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for range 4 {
		go func() {
			for {
				if err := crashWrites(s); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

func crashWrites(s *Store) error {
	ctx := context.Background()
	room := &ivschat.Room{ID: id.New(), Name: "stage", CreateTime: time.Now(), UpdateTime: time.Now(), Tags: map[string]string{"a": "b"}}
	if err := s.CreateRoom(ctx, crashTenant, room, 0); err != nil {
		return err
	}
	fmt.Println("room", room.ID)

	var token [16]byte
	rand.Read(token[:])
	if first, err := s.ClaimToken(ctx, token, time.Now().Add(time.Minute)); err != nil || !first {
		return fmt.Errorf("claim: %v, %w", first, err)
	}
	fmt.Println("claim", hex.EncodeToString(token[:]))

	records := make([]OutboxRecord, 3)
	for i := range records {
		records[i] = OutboxRecord{Tenant: crashTenant, RoomID: room.ID, EntryID: id.New(), Type: "MESSAGE", Payload: make([]byte, 300)}
	}
	if err := s.AppendOutbox(ctx, records, 0); err != nil {
		return err
	}
	for i := range records {
		fmt.Println("entry", records[i].EntryID)
	}
	return nil
}

// acknowledged runs a writer on the file until it has acknowledged n writes,
// has it ended, and returns all that it acknowledged.
func acknowledged(t *testing.T, path, synchronous string, n int, end func(*exec.Cmd) error) (acks []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), writerPath+"="+path, writerSync+"="+synchronous)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ending sync.WaitGroup
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // and what follows the last newline was not said
		}
		if err != nil {
			t.Error(err)
			break
		}
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "error") {
			t.Errorf("the writer stopped by itself: %s", line)
		}
		if line != "start" {
			acks = append(acks, line)
		}
		if len(acks) == n {
			n = -1
			ending.Go(func() {
				if err := end(cmd); err != nil {
					t.Errorf("end the writer: %v", err)
				}
			})
		}
	}
	ending.Wait()
	_ = cmd.Wait() // it was killed
	return acks
}

// missing opens the file after a crash, checks that it is in order, and returns
// the acknowledged writes that are not in it.
func missing(t *testing.T, path string, acks []string) (lost []string) {
	t.Helper()
	begin := time.Now()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatalf("after the crash: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if took := time.Since(begin); took > 2*time.Second && !raceEnabled {
		t.Errorf("the store took %v to open", took)
	}
	there := map[string]bool{}
	for _, query := range []string{
		"SELECT 'room ' || id FROM rooms", "SELECT 'claim ' || lower(hex(id)) FROM token_claims", "SELECT 'entry ' || entry_id FROM outbox",
	} {
		for _, name := range column(t, s.reader.DB, query) {
			there[name] = true
		}
	}
	for _, name := range acks {
		if !there[name] {
			lost = append(lost, name)
		}
	}
	for what, query := range map[string]string{
		"integrity_check":         "PRAGMA integrity_check",
		"the room count":          "SELECT CASE WHEN coalesce((SELECT n FROM resource_counts WHERE type = 'room'), 0) = (SELECT count(*) FROM rooms) THEN 'ok' END",
		"the outbox's size":       "SELECT CASE WHEN records = (SELECT count(*) FROM outbox) AND bytes = 300 * records THEN 'ok' END FROM outbox_size",
		"appends are all or none": "SELECT CASE WHEN count(*) = 0 THEN 'ok' END FROM (SELECT room_id FROM outbox GROUP BY room_id HAVING count(*) <> 3) halves",
	} {
		if got := column(t, s.reader.DB, query); len(got) != 1 || got[0] != "ok" {
			t.Errorf("%s: %q", what, got)
		}
	}
	return lost
}

func column(t *testing.T, db *sql.DB, query string) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var value sql.NullString
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.db")
	var acks []string
	for i := range 20 {
		n := mathrand.IntN(300)
		if i < 5 {
			n = 0 // while it opens, the first time a new file
		}
		acks = append(acks, acknowledged(t, path, "FULL", n, func(cmd *exec.Cmd) error {
			<-time.After(mathrand.N(20 * time.Millisecond)) // any moment
			return cmd.Process.Kill()
		})...)
		if lost := missing(t, path, acks); len(lost) > 0 {
			t.Fatalf("%d of %d acknowledged writes are missing, the first: %s", len(lost), len(acks), lost[0])
		}
	}
	if len(acks) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	t.Logf("%d acknowledged writes survived 20 kills", len(acks))

	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range acks[:min(len(acks), 100)] {
		kind, text, _ := strings.Cut(name, " ")
		switch kind {
		case "room":
			_, err = s.Room(t.Context(), crashTenant, text)
		case "claim":
			var token [16]byte
			_, err = hex.Decode(token[:], []byte(text))
			first, claimErr := s.ClaimToken(t.Context(), token, time.Now())
			if err = errors.Join(err, claimErr); first {
				err = errors.New("claimed again")
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
