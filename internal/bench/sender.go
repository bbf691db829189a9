package bench

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// room is a room of the run.
type room struct {
	index   int
	arn     string
	log     *roomLog
	senders []*sender
}

// sender is a connection that sends.
type sender struct {
	room  *room
	index int
	conn  *conn
	at    []int64 // when each is meant to be sent, after base

	// Guarded by the mu of the connection's loop.
	base     int64 // the beginning of the timeline on the engine's clock
	answered []bool
	answers  int

	// The sending goroutine's until it has ended, save sent.
	times []int64 // when each was sent, on the engine's clock; 0 for not at all
	sent  atomic.Int64
}

// sending carries out a plan.
type sending struct {
	engine  *engine
	rooms   []*room
	plan    *plan
	prefix  string
	payload int
	base    int64
	lag     *hdrhistogram.Histogram // how late sends were: our own fault
	unsent  map[string]int
	from    int64 // of the measured sends
	window  int64 // see ChatOptions
}

// run sends until the plan or ctx is at its end. It has a thread of its own,
// which ends with it: the runtime's timers are a millisecond coarse.
func (s *sending) run(ctx context.Context) {
	runtime.LockOSThread()
	preciseSleep()
	pad := strings.Repeat("x", max(0, s.payload-markerSize))
	var content, text, frame []byte
	for _, p := range s.plan.sends {
		at := s.base + p.at
		if !s.sleep(ctx, at) {
			return
		}
		from := s.rooms[p.room].senders[p.sender]
		if !s.admit(ctx, from) {
			return
		}
		content = marker{room: p.room, sender: p.sender, seq: p.seq, at: at}.append(content[:0], s.prefix)
		content = append(content, pad...)
		if d := s.engine.dialect; d != nil {
			text = d.Send(text[:0], int(p.room), content)
			frame = appendFrame(frame[:0], d.op(), text)
		} else {
			text = append(text[:0], `{"Action":"SEND_MESSAGE","RequestId":"`...)
			text = appendHex(text, uint64(p.seq), seqSize)
			text = append(text, `","Content":"`...)
			text = append(text, content...)
			text = append(text, `"}`...)
			frame = appendFrame(frame[:0], opText, text)
		}
		now := s.engine.now()
		from.times[p.seq] = now
		from.sent.Add(1) // before the answer can come
		if err := from.conn.write(frame); err != nil {
			from.times[p.seq] = 0
			from.sent.Add(-1)
			s.unsent[label(err)]++
			continue
		}
		if at >= s.from {
			s.lag.RecordValue(now - at)
		}
	}
}

// sleep waits for a time on the engine's clock; false means that ctx has ended.
func (s *sending) sleep(ctx context.Context, at int64) bool {
	const slice = int64(50e6) // how late an interruption may be noticed
	for {
		if ctx.Err() != nil {
			return false
		}
		left := at - s.engine.now()
		if left <= 0 {
			return true
		}
		sleepFor(min(left, slice))
	}
}

// admit waits until a sender may send again; false means that ctx has ended.
func (s *sending) admit(ctx context.Context, from *sender) bool {
	for s.window > 0 && from.unanswered() >= s.window {
		if ctx.Err() != nil {
			return false
		}
		sleepFor(int64(time.Millisecond))
	}
	return true
}

func (s *sender) unanswered() int64 {
	s.conn.loop.mu.Lock()
	defer s.conn.loop.mu.Unlock()
	if s.conn.state != open {
		return 0
	}
	return s.sent.Load() - int64(s.answers)
}
