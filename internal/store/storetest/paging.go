package storetest

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

func roomOrder(t *testing.T, s *store.Store) {
	ctx := t.Context()
	// Three share each update time, and ids arrive out of order.
	const n = 24
	for i := range n {
		k := i * 7 % n
		ok(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(k), at(int64(k/3))), 0))
	}
	want := []string{}
	for group := n/3 - 1; group >= 0; group-- {
		want = append(want, resourceID(3*group), resourceID(3*group+1), resourceID(3*group+2))
	}
	for size := 1; size <= n+1; size++ {
		equal(t, ids(pages(t, s, here, store.RoomFilter{}, size, nothing)), want)
	}
	// A cursor is a place, not a room: what it names may be gone.
	ok(t, s.DeleteRoom(ctx, here, want[4]))
	page, err := s.Rooms(ctx, here, store.RoomFilter{}, store.Cursor{UpdateTime: at(n/3 - 2), ID: want[4]}, n)
	ok(t, err)
	equal(t, ids(page), want[5:])
}

func pagingUnderUpdates(t *testing.T, s *store.Store) {
	ctx := t.Context()
	const n = 30
	for i := range n {
		ok(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(i), at(int64(i/4))), 0))
	}
	now, step := int64(1_000), 0
	updated := map[string]bool{}
	rooms := pages(t, s, here, store.RoomFilter{}, 4, func() {
		for _, k := range []int{step * 11 % n, step * 5 % n} { // pages seen and not seen yet
			touch(t, s, resourceID(k), now)
			updated[resourceID(k)] = true
			now++
		}
		ok(t, s.CreateRoom(ctx, here, newRoom(here, resourceID(n+step), at(now)), 0))
		step++
	})
	wantEachOnce(t, rooms, n, updated)
}

func pagingUnderConcurrentUpdates(t *testing.T, s *store.Store) {
	const n, hot = 60, 10
	updated := map[string]bool{}
	for i := range n {
		ok(t, s.CreateRoom(t.Context(), here, newRoom(here, resourceID(i), at(int64(i))), 0))
		if i%(n/hot) == 0 {
			updated[resourceID(i)] = true
		}
	}
	done := make(chan struct{})
	var changing sync.WaitGroup
	changing.Go(func() {
		for now := int64(1_000); ; {
			for id := range updated {
				select {
				case <-done:
					return
				default:
				}
				touch(t, s, id, now)
				now++
			}
		}
	})
	defer changing.Wait()
	defer close(done)
	for range 10 {
		wantEachOnce(t, pages(t, s, here, store.RoomFilter{}, 7, nothing), n, updated)
	}
}

// touch moves the room to the front of the list.
func touch(t *testing.T, s *store.Store, id string, now int64) {
	if _, err := s.UpdateRoom(context.Background(), here, id, func(room *ivschat.Room) error {
		room.UpdateTime = at(now)
		return nil
	}); err != nil {
		t.Errorf("update room: %v", err)
	}
}

// wantEachOnce checks that no room was listed twice and that of the first n only
// those that were updated on the way are missing.
func wantEachOnce(t *testing.T, rooms []ivschat.Room, n int, updated map[string]bool) {
	t.Helper()
	seen := map[string]int{}
	for _, room := range rooms {
		seen[room.ID]++
		if seen[room.ID] > 1 {
			t.Fatalf("room %s was listed twice", room.ID)
		}
	}
	for i := range n {
		if id := resourceID(i); seen[id] == 0 && !updated[id] {
			t.Fatalf("room %s was not listed", id)
		}
	}
}

func loggingOrder(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var want []ivschat.LoggingConfiguration
	for i := range 9 {
		lc := newLogging(here, resourceID(i), at(int64(-(i / 3))))
		want = append(want, *lc)
	}
	for i := range want {
		ok(t, s.CreateLoggingConfiguration(ctx, here, &want[i*4%9], 0))
	}
	for size := 1; size <= 10; size++ {
		var got []ivschat.LoggingConfiguration
		var after store.Cursor
		for {
			page, err := s.LoggingConfigurations(ctx, here, after, size)
			ok(t, err)
			if len(page) == 0 {
				break
			}
			if got = append(got, page...); len(got) > len(want) {
				t.Fatalf("the pages do not end")
			}
			after = store.Cursor{UpdateTime: page[len(page)-1].UpdateTime, ID: page[len(page)-1].ID}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("pages of %d (-want +got):\n%s", size, diff)
		}
	}
}
