package memlog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/memlog"
	"github.com/parleychat/parley/internal/roomlog/roomlogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outbox is stable storage that can be held back and made to fail.
type outbox struct {
	mu      sync.Mutex
	fail    error
	hold    chan struct{} // nil: not held
	records []roomlog.Record
	puts    int
}

func (o *outbox) Put(_ context.Context, records []roomlog.Record) error {
	if o.hold != nil {
		<-o.hold
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.puts++
	if o.fail != nil {
		return o.fail
	}
	o.records = append(o.records, records...)
	return nil
}

func TestConformance(t *testing.T) {
	roomlogtest.Run(t, func(*testing.T) roomlog.Log { return memlog.New(memlog.Options{Outbox: &outbox{}}) })
}

var (
	where = roomlog.Room{Account: "123456789012", Region: "us-west-2", ID: "abcdABCDefgh"}
	terms = roomlog.Terms{LoggingConfigurations: []string{"arn"}}
)

func entry(id string) roomlog.Entry {
	return roomlog.Entry{Kind: roomlog.KindMessage, ID: id, Payload: []byte("{}")}
}

func TestNothingIsDeliveredBeforeItIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{hold: make(chan struct{})}
		log := memlog.New(memlog.Options{Outbox: o})
		defer log.Close()
		c := roomlogtest.NewCollector()
		_, cancel, _ := log.Subscribe(t.Context(), where, c)
		defer cancel()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if _, err := log.Append(t.Context(), where, entry(fmt.Sprint(i)), terms); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if got := c.Wait(t, 0); len(got) != 0 {
			t.Fatalf("%d entries were delivered before they were stored", len(got))
		}
		close(o.hold)
		all.Wait()
		c.Wait(t, 20)
		if len(o.records) != 20 || o.puts > 2 {
			t.Errorf("%d records in %d groups, want 20 in at most 2", len(o.records), o.puts)
		}
	})
}

func TestAFailedGroupIsRefusedAndNotDelivered(t *testing.T) {
	o := &outbox{fail: errors.New("disk full")}
	log := memlog.New(memlog.Options{Outbox: o})
	defer log.Close()
	c := roomlogtest.NewCollector()
	_, cancel, _ := log.Subscribe(t.Context(), where, c)
	defer cancel()
	if _, err := log.Append(t.Context(), where, entry("lost"), terms); !errors.Is(err, o.fail) {
		t.Fatalf("Append: %v, want the storage's error", err)
	}
	o.mu.Lock()
	o.fail = nil
	o.mu.Unlock()
	if _, err := log.Append(t.Context(), where, entry("kept"), terms); err != nil {
		t.Fatal(err)
	}
	if got := c.Wait(t, 1); len(got) != 1 || got[0].ID != "kept" {
		t.Errorf("delivered %v, want only the entry that was stored", got)
	}
}

func TestAFullQueueIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{hold: make(chan struct{})}
		log := memlog.New(memlog.Options{Outbox: o, MaxWaiting: 3})
		defer log.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		// The first is being stored, three wait.
		for i := range 4 {
			all.Go(func() { log.Append(ctx, where, entry(fmt.Sprint(i)), terms) })
			synctest.Wait()
		}
		if _, err := log.Append(t.Context(), where, entry("over"), terms); !errors.Is(err, roomlog.ErrBusy) {
			t.Errorf("Append: %v, want ErrBusy", err)
		}
		cancel()
		all.Wait()
		close(o.hold)
	})
}

func TestLoggedRoomsNeedAnOutbox(t *testing.T) {
	log := memlog.New(memlog.Options{})
	defer log.Close()
	if _, err := log.Append(t.Context(), where, entry("m"), terms); err == nil {
		t.Error("an entry of a logged room was taken without an outbox")
	}
}

func TestIdleRoomsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New(memlog.Options{Idle: time.Minute})
		defer log.Close()
		if _, err := log.Append(t.Context(), where, entry("m"), roomlog.Terms{}); err != nil {
			t.Fatal(err)
		}
		if got, _ := log.Read(t.Context(), where, 0, 10); len(got) != 1 {
			t.Fatalf("read %d entries, want 1", len(got))
		}
		time.Sleep(3 * time.Minute) // the bubble's clock
		if got, _ := log.Read(t.Context(), where, 0, 10); len(got) != 0 {
			t.Errorf("read %d entries of a room idle for minutes, want none", len(got))
		}
	})
}

func TestTheTailIsTheNewestEntries(t *testing.T) {
	log := memlog.New(memlog.Options{Tail: 5, TailBytes: 40})
	defer log.Close()
	for i := range 100 {
		e := entry(fmt.Sprint(i))
		want := min(i+1, 5)
		if i%10 >= 7 { // large enough that few fit
			e.Payload = make([]byte, 30)
		}
		if _, err := log.Append(t.Context(), where, e, roomlog.Terms{}); err != nil {
			t.Fatal(err)
		}
		got, err := log.Read(t.Context(), where, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for j, g := range got {
			bytes += len(g.Payload)
			if g.ID != fmt.Sprint(i+1-len(got)+j) {
				t.Fatalf("after %d: entry %d of %d is %s", i, j, len(got), g.ID)
			}
		}
		if len(got) == 0 || len(got) > want || len(got) > 1 && bytes > 40 {
			t.Fatalf("after %d: %d entries of %d bytes", i, len(got), bytes)
		}
		if i%10 == 6 && len(got) != want {
			t.Fatalf("after %d: %d entries, want %d", i, len(got), want)
		}
	}
}
