package chatlogfaults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// entry is what a viewer got, or a record of it.
type entry struct {
	id, text string
	at       time.Time
}

// ledger is what senders sent and viewers got.
type ledger struct {
	mu      sync.Mutex
	sent    int
	refused map[messaging.ErrorCode]int
	got     map[string][]entry // by logged room, in the order of delivery
	plain   int                // deliveries in the room that is not logged
}

func newLedger() *ledger {
	return &ledger{refused: map[messaging.ErrorCode]int{}, got: map[string][]entry{}}
}

// delivered counts what viewers of logged rooms got.
func (l *ledger) delivered() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, got := range l.got {
		n += len(got)
	}
	return n
}

func (l *ledger) unlogged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.plain
}

func (l *ledger) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused[messaging.ErrorInternal]
}

func (l *ledger) note(room string, n messaging.Notice) {
	var e entry
	switch n := n.(type) {
	case *messaging.Message:
		e = entry{n.ID, n.Content, n.SendTime}
	case *messaging.Event:
		e = entry{n.ID, n.Name, n.SendTime}
	default:
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if room == "" {
		l.plain++
		return
	}
	l.got[room] = append(l.got[room], e)
}

// answered counts a request in a logged room and how it was refused. What became
// of one without an answer nobody knows.
func (l *ledger) answered(room string, err error) {
	if room == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	if refusal, ok := errors.AsType[*messaging.Error](err); ok {
		l.refused[refusal.Code]++
	}
}

// chat has a viewer and a sender in each room until stop is called.
func (r *rig) chat() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var chatting sync.WaitGroup
	for id, arn := range r.logged {
		chatting.Go(func() { r.talk(ctx, arn, id) })
	}
	chatting.Go(func() { r.talk(ctx, r.plain, "") })
	return sync.OnceFunc(func() {
		cancel()
		chatting.Wait()
	})
}

func (r *rig) talk(ctx context.Context, arn, id string) {
	viewer, sender := r.join(ctx, arn, "viewer"), r.join(ctx, arn, "sender")
	if viewer == nil || sender == nil {
		return
	}
	var viewing sync.WaitGroup
	viewing.Go(func() {
		for notice := range viewer.Events(ctx) {
			r.note(id, notice)
		}
	})
	for i := 0; ctx.Err() == nil; i++ {
		var err error
		if i%16 == 15 {
			_, err = r.client().SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: arn, EventName: fmt.Sprint("goal ", i)})
		} else {
			_, err = sender.SendMessage(ctx, messaging.SendMessageRequest{Content: content(i, r.long)})
		}
		r.answered(id, err)
		if err != nil {
			select { // the room's rate, a failure, or the end
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	viewing.Wait()
	viewer.Close()
	sender.Close()
}

func (r *rig) join(ctx context.Context, arn, user string) *messaging.Room {
	room, err := messaging.NewRoom(messaging.Config{
		RegionOrURL: "ws" + r.endpoint[len("http"):],
		TokenProvider: messaging.TokensFrom(r.client(), &ivschat.CreateChatTokenInput{
			RoomIdentifier: arn, UserID: user, Capabilities: []ivschat.Capability{ivschat.CapabilitySendMessage},
		}),
	})
	if err != nil {
		r.t.Error(err)
		return nil
	}
	if err := room.Connect(ctx); err != nil {
		if ctx.Err() == nil {
			r.t.Error(err)
		}
		return nil
	}
	return room
}

// content is what would break records that are put together carelessly, of most
// lengths, or always of almost the greatest.
func content(i int, long bool) string {
	n := i * 37 % 450
	if long {
		n = 450
	}
	return fmt.Sprintf("%d \"quoted\" \\ {\"Id\":\"no\"}\r\n\u2028<b>&amp; %s", i, strings.Repeat("😀", n))
}

// hold prints what became of what was sent, and fails if anything that a viewer
// got is lost, out of order or not what he got.
func (l *ledger) hold(t *testing.T, what string, logged *records, dead map[string]bool) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	all := result{broken: len(logged.broken)}
	delivered := 0
	for room, got := range l.got {
		delivered += len(got)
		all.add(compare(without(got, dead), logged.of(room, got)))
	}
	fmt.Printf("%s: sent %d, refused %v, delivered %d, logged %d, doubled %d, dead letters %d, lost %d, out of order %d, broken %d, altered %d\n",
		what, l.sent, l.refused, delivered, logged.count(), all.doubled, len(dead), all.lost, all.reordered, all.broken, all.altered)
	if delivered == 0 {
		t.Errorf("%s: nothing was delivered", what)
	}
	if all.lost+all.reordered+all.broken+all.altered > 0 {
		t.Errorf("%s: %d records lost, %d out of order, %d broken %.200q, %d altered", what, all.lost, all.reordered, all.broken, logged.broken, all.altered)
	}
}

func without(got []entry, dead map[string]bool) (rest []entry) {
	for _, e := range got {
		if !dead[e.id] {
			rest = append(rest, e)
		}
	}
	return rest
}

// sendEvents tells whether SendEvent fails in every logged room as it should when
// nothing can be logged: by the service's fault.
func (r *rig) sendEvents() bool {
	for _, arn := range r.logged {
		_, err := r.client().SendEvent(r.t.Context(), &ivschat.SendEventInput{RoomIdentifier: arn, EventName: "refused"})
		if err == nil {
			return false
		}
		if _, ok := errors.AsType[*ivschat.InternalServerException](err); !ok {
			r.t.Errorf("SendEvent: %v", err)
		}
	}
	return true
}
