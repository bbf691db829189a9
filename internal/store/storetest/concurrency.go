package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// together runs f n times at once and waits.
func together(n int, f func(i int)) {
	var running sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	running.Wait()
}

func concurrentQuota(t *testing.T, s *store.Store) {
	const limit = 10
	var created atomic.Int32
	together(40, func(i int) {
		err := s.CreateRoom(t.Context(), here, newRoom(here, resourceID(i), at(0)), limit)
		if err == nil {
			created.Add(1)
		} else if !errors.Is(err, store.ErrQuota) {
			t.Errorf("create room: %v", err)
		}
	})
	equal(t, created.Load(), limit)
	rooms := pages(t, s, here, store.RoomFilter{}, 50, nothing)
	equal(t, len(rooms), limit)

	// Deleted and created at once: never more than the limit, and all of it can be had.
	together(2*limit, func(i int) {
		if i < limit {
			if err := s.DeleteRoom(t.Context(), here, rooms[i].ID); err != nil {
				t.Errorf("delete room: %v", err)
			}
			return
		}
		err := s.CreateRoom(t.Context(), here, newRoom(here, resourceID(100+i), at(0)), limit)
		if err != nil && !errors.Is(err, store.ErrQuota) {
			t.Errorf("create room: %v", err)
		}
	})
	left := len(pages(t, s, here, store.RoomFilter{}, 50, nothing))
	for i := left; i < limit; i++ {
		ok(t, s.CreateRoom(t.Context(), here, newRoom(here, resourceID(200+i), at(0)), limit))
	}
	is(t, s.CreateRoom(t.Context(), here, newRoom(here, resourceID(300), at(0)), limit), store.ErrQuota)
}

func concurrentUpdates(t *testing.T, s *store.Store) {
	room := newRoom(here, resourceID(1), at(0))
	room.MaximumMessageLength = 1
	ok(t, s.CreateRoom(t.Context(), here, room, 0))
	const n = 50
	together(2*n, func(i int) {
		var err error
		if i%2 == 0 {
			_, err = s.UpdateRoom(t.Context(), here, room.ID, func(room *ivschat.Room) error {
				room.MaximumMessageLength++
				return nil
			})
		} else {
			err = s.UpdateTags(t.Context(), here, "room", room.ID, func(tags map[string]string) error {
				tags[resourceID(i)] = "x"
				return nil
			})
		}
		if err != nil {
			t.Errorf("update: %v", err)
		}
	})
	got, err := s.Room(t.Context(), here, room.ID)
	ok(t, err)
	equal(t, got.MaximumMessageLength, 1+n)
	equal(t, len(got.Tags), n)
}

func cancelled(t *testing.T, s *store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	is(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(1), at(0)), 0), context.Canceled)
	_, err := s.Room(t.Context(), here, resourceID(1))
	is(t, err, store.ErrNotFound)

	// Cancelled at any moment: an error means that it did not happen.
	together(50, func(i int) {
		ctx, cancel := context.WithCancel(t.Context())
		var cancelling sync.WaitGroup
		cancelling.Go(cancel)
		defer cancelling.Wait()
		created := s.CreateRoom(ctx, here, newRoom(here, resourceID(100+i), at(0)), 0)
		_, read := s.Room(t.Context(), here, resourceID(100+i))
		if created == nil && read != nil {
			t.Errorf("created, but: %v", read)
		}
		if created != nil && (!errors.Is(created, context.Canceled) || !errors.Is(read, store.ErrNotFound)) {
			t.Errorf("create: %v, read: %v", created, read)
		}
	})
}

func panics(t *testing.T, s *store.Store) {
	ok(t, s.CreateRoom(t.Context(), here, newRoom(here, resourceID(0), at(0)), 0))
	together(20, func(i int) {
		if i != 7 {
			if err := s.CreateRoom(t.Context(), here, newRoom(here, resourceID(1+i), at(0)), 0); err != nil {
				t.Errorf("create room: %v", err)
			}
			return
		}
		defer func() {
			if p := fmt.Sprint(recover()); !strings.Contains(p, "a bug of the caller") {
				t.Errorf("recovered %q", p)
			}
		}()
		_, err := s.UpdateRoom(t.Context(), here, resourceID(0), func(room *ivschat.Room) error {
			room.Name = "lost"
			panic("a bug of the caller")
		})
		t.Errorf("UpdateRoom returned %v", err)
	})
	got, err := s.Room(t.Context(), here, resourceID(0))
	ok(t, err)
	equal(t, got.Name, "")
	equal(t, len(pages(t, s, here, store.RoomFilter{}, 50, nothing)), 20)
}

func tokenID(n uint64) (id [16]byte) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func claims(t *testing.T, s *store.Store) {
	for round := range 2 {
		expires := time.Now().Add(time.Duration(round) * time.Hour)
		for n := range uint64(20) {
			first, err := s.ClaimToken(t.Context(), tokenID(n), expires)
			ok(t, err)
			again, err := s.ClaimToken(t.Context(), tokenID(n), expires)
			ok(t, err)
			equal(t, [2]bool{first, again}, [2]bool{round == 0, false})
		}
	}
	// So long after its expiry the ledger may have forgotten it: not a first use.
	late, err := s.ClaimToken(t.Context(), tokenID(1_000), time.Now().Add(-24*time.Hour))
	ok(t, err)
	equal(t, late, false)
}

func concurrentClaims(t *testing.T, s *store.Store) {
	const tokens, callers = 20, 64
	var firsts [tokens]atomic.Int32
	together(callers, func(i int) {
		for k := range tokens {
			n := (k + i) % tokens
			first, err := s.ClaimToken(t.Context(), tokenID(uint64(n)), time.Now().Add(time.Minute))
			if err != nil {
				t.Errorf("claim: %v", err)
			}
			if first {
				firsts[n].Add(1)
			}
		}
	})
	for n := range firsts {
		if got := firsts[n].Load(); got != 1 {
			t.Errorf("token %d was claimed %d times", n, got)
		}
	}
}

func outbox(t *testing.T, s *store.Store) {
	ctx := t.Context()
	wantSize := func(records, bytes int64) {
		t.Helper()
		r, b, err := s.OutboxSize(ctx)
		ok(t, err)
		equal(t, [2]int64{r, b}, [2]int64{records, bytes})
	}
	wantSize(0, 0)
	ok(t, s.AppendOutbox(ctx, nil, 0))
	records := []store.OutboxRecord{
		{Tenant: here, RoomID: resourceID(1), LoggingConfigurations: []string{loggingARN(here, "b"), loggingARN(here, "a")},
			EntryID: "entry0000001", Type: "MESSAGE", Time: at(123), Payload: []byte("{\"a\":\"\x00\xff\"}")},
		{Tenant: here, RoomID: resourceID(1), LoggingConfigurations: []string{}, EntryID: "entry0000002", Type: "EVENT", Time: at(122), Payload: []byte{}},
		{Tenant: store.Tenant{Account: "999999999999", Region: "eu-west-1"}, RoomID: resourceID(2),
			LoggingConfigurations: []string{}, EntryID: "entry0000003", Type: "MESSAGE", Time: at(124), Payload: make([]byte, 100_000)},
	}
	ok(t, s.AppendOutbox(ctx, records[:2], 0))
	ok(t, s.AppendOutbox(ctx, records[2:], 0))
	if !(0 < records[0].ID && records[0].ID < records[1].ID && records[1].ID < records[2].ID) {
		t.Fatalf("ids do not grow: %d %d %d", records[0].ID, records[1].ID, records[2].ID)
	}
	got, err := s.Outbox(ctx, 0, 10)
	ok(t, err)
	equal(t, got, records)
	got, err = s.Outbox(ctx, records[0].ID, 1)
	ok(t, err)
	equal(t, got, records[1:2])
	got, err = s.Outbox(ctx, records[2].ID, 10)
	ok(t, err)
	equal(t, len(got), 0)
	wantSize(3, int64(len(records[0].Payload))+100_000)
}

func concurrentOutbox(t *testing.T, s *store.Store) {
	const writers, appends = 16, 10
	var mu sync.Mutex
	want := map[int64]string{}
	together(writers, func(i int) {
		last := int64(0)
		for k := range appends {
			records := make([]store.OutboxRecord, 1+k%3)
			for j := range records {
				records[j] = store.OutboxRecord{Tenant: here, RoomID: resourceID(i), EntryID: fmt.Sprintf("%d/%d/%d", i, k, j), Type: "EVENT", Time: at(0)}
			}
			if err := s.AppendOutbox(t.Context(), records, 0); err != nil {
				t.Errorf("append: %v", err)
			}
			mu.Lock()
			for _, r := range records {
				if r.ID <= last {
					t.Errorf("id %d after %d", r.ID, last)
				}
				last = r.ID
				want[r.ID] = r.EntryID
			}
			mu.Unlock()
		}
	})
	list, err := s.Outbox(t.Context(), 0, 10_000)
	ok(t, err)
	got := map[int64]string{}
	for _, r := range list {
		got[r.ID] = r.EntryID
	}
	equal(t, got, want)
}
