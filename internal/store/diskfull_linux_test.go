package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		unavailable(t, "mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "parley.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}

	var mu sync.Mutex
	var acks []string
	fill := func(round string, writers, writes int) (errs []error) {
		var running sync.WaitGroup
		for i := range writers {
			running.Go(func() {
				for k := range writes {
					entry := fmt.Sprintf("%s/%d/%d", round, i, k)
					err := s.AppendOutbox(t.Context(), []OutboxRecord{{Tenant: crashTenant, EntryID: entry, Payload: make([]byte, 10_000)}}, 0)
					mu.Lock()
					if err == nil {
						acks = append(acks, entry)
					} else {
						errs = append(errs, err)
					}
					mu.Unlock()
				}
			})
		}
		running.Wait()
		return errs
	}
	entries := func() map[string]bool {
		set := map[string]bool{}
		for _, entry := range column(t, s.reader.DB, "SELECT entry_id FROM outbox") {
			set[entry] = true
		}
		return set
	}
	want := func() map[string]bool {
		set := map[string]bool{}
		for _, entry := range acks {
			set[entry] = true
		}
		return set
	}

	errs := fill("full", 8, 100)
	if len(errs) == 0 || len(acks) == 0 {
		t.Fatalf("%d writes on a disk of 4 MiB, %d errors", len(acks), len(errs))
	}
	for _, err := range errs {
		if !strings.Contains(err.Error(), "full") {
			t.Fatalf("the error does not say that the disk is full: %v", err)
		}
	}
	if diff := cmp.Diff(want(), entries()); diff != "" {
		t.Fatalf("on a full disk (-acknowledged +there):\n%s", diff)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}

	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if errs := fill("space", 8, 20); len(errs) > 0 {
		t.Fatalf("with space again: %v", errs[0])
	}
	t.Logf("%d writes, %d refused, %d more in %v after there was space again", len(acks)-160, len(errs), 160, time.Since(begin))
	if first, err := s.ClaimToken(t.Context(), [16]byte{1}, time.Now()); !first || err != nil {
		t.Errorf("claim: %v, %v", first, err)
	}
	if diff := cmp.Diff(want(), entries()); diff != "" {
		t.Errorf("with space again (-acknowledged +there):\n%s", diff)
	}
	if got := column(t, s.reader.DB, "PRAGMA integrity_check"); len(got) != 1 || got[0] != "ok" {
		t.Errorf("integrity_check: %q", got)
	}
	records, _, err := s.OutboxSize(t.Context())
	if err != nil || records != int64(len(acks)) {
		t.Errorf("the outbox counts %d records, %v, and has %d", records, err, len(acks))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if diff := cmp.Diff(want(), entries()); diff != "" {
		t.Errorf("opened again (-acknowledged +there):\n%s", diff)
	}
}
