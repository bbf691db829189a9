package chatlog_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/chatlog"
	stored "github.com/parleychat/parley/internal/store"
)

// The outbox drops its oldest records while a batch of them is under way, and
// others come: what is left goes out, once.
func TestWhatIsDroppedHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		dropped := false
		b.places["a"].fails(func(batch chatlog.Batch) (chatlog.Outcome, error) {
			if !dropped {
				dropped = true
				b.shipper.Dropped(b.outbox.drop(3))
				b.send("room", "3", first)
				b.send("room", "4", first)
			}
			return chatlog.Outcome{}, nil
		})
		for _, entry := range []string{"0", "1", "2"} {
			b.send("room", entry, first)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		b.want("a", "room", "0", "1", "2", "3", "4")
		b.shipper.Dropped(b.outbox.drop(3)) // nothing is there
		b.send("room", "5", first)
		b.shipper.Dropped(b.outbox.drop(1))
		b.send("room", "6", first)
		time.Sleep(time.Minute)
		synctest.Wait()
		b.want("a", "room", "0", "1", "2", "3", "4", "6")
		if b.outbox.left() != 0 {
			t.Errorf("%d records left", b.outbox.left())
		}
	})
}

// drop takes the first n records out, as the store does for want of room.
func (o *outbox) drop(n int) (dropped []stored.OutboxWaiting) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n = min(n, len(o.records))
	for _, r := range o.records[:n] {
		for lc := range o.lacks[r.ID] {
			dropped = append(dropped, stored.OutboxWaiting{LoggingConfiguration: lc, RoomID: r.RoomID, Records: 1, Bytes: int64(len(r.Payload))})
		}
		delete(o.lacks, r.ID)
	}
	o.records = o.records[n:]
	return dropped
}
