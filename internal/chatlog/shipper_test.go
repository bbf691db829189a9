package chatlog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/chatlog"
	stored "github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

const first, second = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/aaaaaaaaaaaa",
	"arn:aws:ivschat:us-west-2:123456789012:logging-configuration/bbbbbbbbbbbb"

// place is a destination that fails as it is told.
type place struct {
	limits chatlog.Limits
	mu     sync.Mutex
	fail   func(chatlog.Batch) (chatlog.Outcome, error) // nil takes everything
	took   map[string][]string                          // entry ids by room
	puts   int
}

func (p *place) Limits() chatlog.Limits { return p.limits }

func (p *place) Put(_ context.Context, b chatlog.Batch) (chatlog.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.puts++
	var outcome chatlog.Outcome
	if p.fail != nil {
		var err error
		if outcome, err = p.fail(b); err != nil {
			return outcome, err
		}
	}
	for i, r := range b.Records {
		refused := slices.ContainsFunc(outcome.Refused, func(r chatlog.Refusal) bool { return r.Index == i })
		if !refused && !slices.Contains(outcome.Again, i) {
			p.took[b.RoomID] = append(p.took[b.RoomID], r.EntryID)
		}
	}
	return outcome, nil
}

func (p *place) fails(how func(chatlog.Batch) (chatlog.Outcome, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = how
}

func (p *place) got(room string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.took[room])
}

// outbox is the store's, in memory, so that time can be fake.
type outbox struct {
	mu      sync.Mutex
	last    int64
	records []stored.OutboxRecord
	lacks   map[int64]map[string]bool
	dead    []string
	gone    map[string]bool // configurations, by id
	full    bool            // nothing can be written
}

var errFull = errors.New("database or disk is full")

func newOutbox() *outbox {
	return &outbox{lacks: map[int64]map[string]bool{}, gone: map[string]bool{}}
}

func (o *outbox) append(records ...stored.OutboxRecord) []stored.OutboxRecord {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range records {
		o.last++
		records[i].ID = o.last
		o.lacks[o.last] = map[string]bool{}
		for _, lc := range records[i].LoggingConfigurations {
			o.lacks[o.last][lc] = true
		}
	}
	o.records = append(o.records, records...)
	return records
}

func (o *outbox) OutboxWaiting(context.Context) (list []stored.OutboxWaiting, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.records {
		for lc := range o.lacks[r.ID] {
			list = append(list, stored.OutboxWaiting{LoggingConfiguration: lc, RoomID: r.RoomID, Records: 1, Bytes: int64(len(r.Payload)), Oldest: r.Time})
		}
	}
	return list, nil
}

func (o *outbox) OutboxFor(_ context.Context, lc, room string, after int64, n int) (list []stored.OutboxRecord, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.records {
		if len(list) < n && r.ID > after && r.RoomID == room && o.lacks[r.ID][lc] {
			list = append(list, r)
		}
	}
	return list, nil
}

func (o *outbox) AcceptOutbox(_ context.Context, lc, room string, from, to int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.full {
		return errFull
	}
	o.records = slices.DeleteFunc(o.records, func(r stored.OutboxRecord) bool {
		if r.RoomID == room && from <= r.ID && r.ID <= to {
			delete(o.lacks[r.ID], lc)
		}
		return len(o.lacks[r.ID]) == 0
	})
	return nil
}

func (o *outbox) RefuseOutbox(ctx context.Context, lc string, r *stored.OutboxRecord, reason string) error {
	o.mu.Lock()
	if o.full {
		o.mu.Unlock()
		return errFull
	}
	o.dead = append(o.dead, r.EntryID+": "+reason)
	o.mu.Unlock()
	return o.AcceptOutbox(ctx, lc, r.RoomID, r.ID, r.ID)
}

func (o *outbox) LoggingConfiguration(_ context.Context, t stored.Tenant, id string) (*ivschat.LoggingConfiguration, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone[id] {
		return nil, stored.ErrNotFound
	}
	return &ivschat.LoggingConfiguration{DestinationConfiguration: ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: id}}}, nil
}

func (o *outbox) left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.records)
}

type counts struct {
	mu                                 sync.Mutex
	shipped, failed, refused, orphaned int
}

func (c *counts) add(n *int, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n += by
}
func (c *counts) LogsShipped(_ string, n int)            { c.add(&c.shipped, n) }
func (c *counts) LogsFailed(string, error)               { c.add(&c.failed, 1) }
func (c *counts) LogsRefused(string)                     { c.add(&c.refused, 1) }
func (c *counts) LogsOrphaned(_ string, n int)           { c.add(&c.orphaned, n) }
func (c *counts) LogsWaiting(string, int, time.Duration) {}
func (c *counts) is(t *testing.T, shipped, refused, or int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shipped != shipped || c.refused != refused || c.orphaned != or {
		t.Errorf("%d shipped, %d refused, %d orphaned; want %d, %d, %d", c.shipped, c.refused, c.orphaned, shipped, refused, or)
	}
}

// bench is a shipper with two destinations.
type bench struct {
	t       *testing.T
	outbox  *outbox
	places  map[string]*place // by the last letter of the configuration's id
	counts  *counts
	mu      sync.Mutex // guards notices
	notices []chatlog.Notice
	shipper *chatlog.Shipper
}

func newBench(t *testing.T) *bench {
	limits := chatlog.Limits{Records: 100, Bytes: 1 << 20, Age: 10 * time.Second}
	b := &bench{t: t, outbox: newOutbox(), counts: &counts{}, places: map[string]*place{
		"a": {limits: limits, took: map[string][]string{}}, "b": {limits: limits, took: map[string][]string{}},
	}}
	b.start()
	return b
}

func (b *bench) start() {
	var err error
	b.shipper, err = chatlog.NewShipper(context.Background(), chatlog.ShipperOptions{
		Outbox: b.outbox, Observer: b.counts, Logger: slog.New(slog.DiscardHandler),
		Open: func(_, _ string, c ivschat.DestinationConfiguration) (chatlog.Destination, error) {
			return b.places[c.S3.BucketName[:1]], nil
		},
		Notify: func(n chatlog.Notice) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.notices = append(b.notices, n)
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// kill ends the shipper without a last word.
func (b *bench) kill() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	b.shipper.Close(now)
}

func (b *bench) send(room, entry string, to ...string) {
	b.shipper.Added(b.outbox.append(stored.OutboxRecord{
		Tenant: stored.Tenant{Account: "123456789012", Region: "us-west-2"}, RoomID: room, LoggingConfigurations: to,
		EntryID: entry, Type: "MESSAGE", Time: time.Now(), Payload: []byte(`{"Id":"` + entry + `"}`),
	}))
}

func (b *bench) want(place, room string, ids ...string) {
	b.t.Helper()
	if got := b.places[place].got(room); !slices.Equal(got, ids) {
		b.t.Errorf("destination %s has %v of room %s, want %v", place, got, room, ids)
	}
}

func TestRecordsWaitForEachOtherThenGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		for i := range 5 {
			b.send("room", fmt.Sprint(i), first)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		b.want("a", "room")
		time.Sleep(6 * time.Second)
		synctest.Wait()
		b.want("a", "room", "0", "1", "2", "3", "4")
		if b.places["a"].puts != 1 || b.outbox.left() != 0 {
			t.Errorf("%d puts, %d records left", b.places["a"].puts, b.outbox.left())
		}
	})
}

// The destination may have taken it: then it can tell.
func TestABatchThatIsPutAgainIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		var batches []string
		b.places["a"].fails(func(batch chatlog.Batch) (chatlog.Outcome, error) {
			ids := batch.Window.Format("05.000")
			for _, r := range batch.Records {
				ids += " " + r.EntryID
			}
			batches = append(batches, ids)
			if len(batches) < 3 {
				return chatlog.Outcome{}, errors.New("the connection was cut")
			}
			return chatlog.Outcome{}, nil
		})
		for i := range 20 {
			b.send("room", fmt.Sprint(i), first)
			time.Sleep(2 * time.Second)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if batches[0] != batches[1] || batches[1] != batches[2] {
			t.Errorf("put %q", batches)
		}
	})
}

func TestAFullBatchDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		for i := range 100 {
			if n := len(b.places["a"].got("room")); n != 0 {
				t.Fatalf("%d records came of %d", n, i)
			}
			b.send("room", fmt.Sprint(i), first)
			synctest.Wait()
		}
		if n := len(b.places["a"].got("room")); n != 100 {
			t.Errorf("%d records came, want 100", n)
		}
	})
}

func TestADestinationThatIsDownHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		b.places["a"].fails(func(chatlog.Batch) (chatlog.Outcome, error) { return chatlog.Outcome{}, chatlog.ErrAccessDenied })
		b.send("room", "0", first, second)
		time.Sleep(time.Hour)
		b.send("room", "1", first, second)
		time.Sleep(time.Hour)
		synctest.Wait()
		b.want("a", "room")
		b.want("b", "room", "0", "1")
		if b.outbox.left() != 2 {
			t.Errorf("%d records left, want 2", b.outbox.left())
		}
		b.places["a"].mu.Lock()
		if puts := b.places["a"].puts; puts < 120 || puts > 720 {
			t.Errorf("%d tries in two hours, want one a minute or so", puts)
		}
		b.places["a"].mu.Unlock()
		b.places["a"].fails(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		b.want("a", "room", "0", "1")
		b.counts.is(t, 4, 0, 0)
		if b.outbox.left() != 0 {
			t.Errorf("%d records left", b.outbox.left())
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, n := range b.notices {
			last := i == len(b.notices)-1
			if n.LoggingConfiguration != first || n.Begins != (i == 0) || (n.Err == nil) != last || !n.Since.Equal(b.notices[0].Since) {
				t.Errorf("notice %d of %d: %+v; want it failing, at first beginning to, and at last recovered", i, len(b.notices), n)
			}
		}
	})
}

func TestARoomThatFailsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		b.places["a"].fails(func(batch chatlog.Batch) (chatlog.Outcome, error) {
			if batch.RoomID == "bad" {
				return chatlog.Outcome{}, errors.New("invalid")
			}
			return chatlog.Outcome{}, nil
		})
		var sent []string
		for i := range 100 {
			sent = append(sent, fmt.Sprint(i))
			b.send("bad", fmt.Sprint(i), first)
			b.send("good", fmt.Sprint(i), first)
			time.Sleep(10*time.Second + time.Millisecond)
			synctest.Wait()
			b.want("a", "good", sent...)
		}
		b.want("a", "bad")
		if failed := b.counts.failed; failed < 12 || failed > 100 {
			t.Errorf("%d tries in a quarter of an hour, want one a minute or so", failed)
		}
		b.mu.Lock()
		for _, n := range b.notices {
			if n.Err == nil {
				t.Errorf("%+v, but a room's records do not arrive", n)
			}
		}
		b.mu.Unlock()
		b.places["a"].fails(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		b.want("a", "bad", sent...)
		if n := b.notices[len(b.notices)-1]; n.Err != nil {
			t.Errorf("the last notice is %+v, want recovered", n)
		}
	})
}

// The shipper may find records before it is told of them. What it counts must not
// be all that it knows of those that fail.
func TestRecordsThatFailBeforeTheyAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		b.send("room", "0", first)
		uncounted := b.outbox.append(stored.OutboxRecord{RoomID: "room", LoggingConfigurations: []string{first}, EntryID: "1", Time: time.Now()})
		b.places["a"].fails(func(batch chatlog.Batch) (chatlog.Outcome, error) {
			again := []int{len(batch.Records) - 1}
			return chatlog.Outcome{Again: again, Err: errors.New("throttled")}, nil
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		b.want("a", "room", "0")
		if failed := b.counts.failed; failed < 30 || failed > 360 {
			t.Errorf("%d tries in an hour, want one a minute or so", failed)
		}
		b.shipper.Added(uncounted)
		b.places["a"].fails(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		b.want("a", "room", "0", "1")
	})
}

// At the end every room has its chance, whatever becomes of the others' batches.
func TestCloseShipsWhatItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.places["a"].fails(func(batch chatlog.Batch) (chatlog.Outcome, error) {
			if batch.RoomID == "bad" {
				return chatlog.Outcome{}, errors.New("503")
			}
			return chatlog.Outcome{}, nil
		})
		b.places["a"].limits.Records = 2
		var sent []string
		b.send("bad", "0", first)
		for i := range 9 {
			sent = append(sent, fmt.Sprint(i))
			b.outbox.append(stored.OutboxRecord{RoomID: "good", LoggingConfigurations: []string{first}, EntryID: fmt.Sprint(i), Time: time.Now()})
		}
		b.kill()
		b.start() // with all of them waiting
		b.shipper.Close(t.Context())
		b.want("a", "good", sent...)
		b.want("a", "bad")
		if b.outbox.left() != 1 {
			t.Errorf("%d records left, want that of the room whose batches fail", b.outbox.left())
		}
	})
}

func TestRefusedRecordsAreKeptAsDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		b.places["a"].fails(func(batch chatlog.Batch) (o chatlog.Outcome, err error) {
			for i, r := range batch.Records {
				if r.EntryID == "1" {
					o.Refused = append(o.Refused, chatlog.Refusal{Index: i, Err: errors.New("too large")})
				}
			}
			return o, nil
		})
		for i := range 3 {
			b.send("room", fmt.Sprint(i), first)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		b.want("a", "room", "0", "2")
		if !slices.Equal(b.outbox.dead, []string{"1: too large"}) || b.outbox.left() != 0 {
			t.Errorf("dead %v, %d left", b.outbox.dead, b.outbox.left())
		}
		b.counts.is(t, 2, 1, 0)
	})
}

// The disk is full for an hour: what destinations took is not put again and again.
func TestAFullDiskDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		full := func(yes bool) {
			b.outbox.mu.Lock()
			b.outbox.full = yes
			b.outbox.mu.Unlock()
		}
		b.places["a"].fails(func(batch chatlog.Batch) (o chatlog.Outcome, err error) {
			if len(batch.Records) == 4 {
				o = chatlog.Outcome{Refused: []chatlog.Refusal{{Index: 1, Err: errors.New("too old")}}, Again: []int{3}, Err: errors.New("throttled")}
			}
			return o, nil
		})
		for i := range 4 {
			b.send("room", fmt.Sprint(i), first, second)
		}
		full(true)
		time.Sleep(time.Hour)
		b.send("room", "4", first, second)
		time.Sleep(time.Hour)
		synctest.Wait()
		b.want("a", "room", "0", "2")
		b.want("b", "room", "0", "1", "2", "3")
		full(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		b.want("a", "room", "0", "2", "3", "4")
		b.want("b", "room", "0", "1", "2", "3", "4")
		if !slices.Equal(b.outbox.dead, []string{"1: too old"}) || b.outbox.left() != 0 {
			t.Errorf("dead %v, %d left", b.outbox.dead, b.outbox.left())
		}
		b.counts.is(t, 9, 1, 0)
	})
}

func TestRecordsOfADeletedConfigurationAreDroppedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		b.outbox.gone["aaaaaaaaaaaa"] = true
		b.send("room", "0", first, second)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		b.want("b", "room", "0")
		b.counts.is(t, 1, 0, 1)
		if b.outbox.left() != 0 {
			t.Errorf("%d records left", b.outbox.left())
		}
	})
}

func TestCloseShipsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.send("room", "0", first)
		synctest.Wait()
		b.shipper.Close(t.Context())
		b.want("a", "room", "0")
	})
}

// Whatever fails and whenever the process dies: each record arrives, in its
// room's order, and what arrives twice does so because it was put again.
func TestNothingIsLostThroughFailuresAndRestarts(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			b := newBench(t)
			down, luck := false, rand.New(rand.NewPCG(seed, 2))
			b.places["a"].fails(func(chatlog.Batch) (chatlog.Outcome, error) {
				if down || luck.IntN(3) == 0 {
					return chatlog.Outcome{}, errors.New("503")
				}
				return chatlog.Outcome{}, nil
			})
			sent := map[string][]string{}
			for i := range 1000 {
				room := fmt.Sprint("room", random.IntN(3))
				sent[room] = append(sent[room], fmt.Sprint(i))
				b.send(room, fmt.Sprint(i), first, second)
				time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
				switch random.IntN(100) {
				case 0:
					b.kill()
					b.start()
				case 1:
					b.places["a"].mu.Lock()
					down = !down
					b.places["a"].mu.Unlock()
				}
			}
			b.places["a"].fails(nil)
			time.Sleep(time.Hour)
			synctest.Wait()
			for room, ids := range sent {
				b.want("a", room, ids...)
				b.want("b", room, ids...)
			}
			if b.outbox.left() != 0 {
				t.Errorf("%d records left", b.outbox.left())
			}
			b.kill()
		})
	}
}

func TestRecordsAreAsTheSpecShowsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer b.kill()
		var text []byte
		b.places["a"].fails(func(batch chatlog.Batch) (chatlog.Outcome, error) {
			text = batch.Records[0].JSON
			return chatlog.Outcome{}, nil
		})
		const payload = `{"Type":"EVENT","Id":"1OjMY6p8h4uv","RequestId":"","EventName":"aws:DELETE_MESSAGE","Attributes":{"MessageID":"I4fme01f7HYM"},"SendTime":"2022-10-14T20:08:11.258800067Z"}`
		b.shipper.Added(b.outbox.append(stored.OutboxRecord{
			RoomID: "room", LoggingConfigurations: []string{first}, EntryID: "1OjMY6p8h4uv", Type: "EVENT",
			Time: time.Date(2022, 10, 14, 20, 8, 11, 258800067, time.UTC), Payload: []byte(payload),
		}))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		want := `{"event_timestamp":"2022-10-14T20:08:11.258Z","type":"EVENT","payload":` + payload + `,"version":"1.0"}`
		if string(text) != want || !json.Valid(text) {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	})
}
