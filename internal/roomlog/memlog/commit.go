package memlog

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
)

// waiting is an entry that waits for stable storage, or behind one that does.
type waiting struct {
	room                  *room
	entry                 roomlog.Entry
	loggingConfigurations []string // none: only waits for its turn
	seq                   uint64   // set before done
	done                  chan error
}

// committer makes entries durable in groups: while one group is being stored
// the next one gathers, so a busy node pays one sync for many entries.
type committer struct {
	log     *Log
	mu      sync.Mutex
	more    *sync.Cond // on mu: queue grew, or closed
	queue   []*waiting
	closing bool
}

func (c *committer) init(l *Log) {
	c.log = l
	c.more = sync.NewCond(&c.mu)
}

// add queues an entry; the caller holds its room's lock, which makes the
// queue's order the room's.
func (c *committer) add(w *waiting) error {
	if len(w.loggingConfigurations) > 0 && c.log.options.Outbox == nil {
		return errors.New("room log: no outbox for entries of logged rooms")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing:
		return roomlog.ErrClosed
	case len(c.queue) >= c.log.options.MaxWaiting:
		return roomlog.ErrBusy
	}
	c.queue = append(c.queue, w)
	c.more.Signal()
	return nil
}

func (c *committer) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	c.more.Signal()
}

// run stores and delivers groups until close and an empty queue.
func (c *committer) run() {
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && !c.closing {
			c.more.Wait()
		}
		group := c.queue
		c.queue = nil
		c.mu.Unlock()
		if len(group) == 0 {
			return
		}
		c.commit(group)
	}
}

func (c *committer) commit(group []*waiting) {
	var records []roomlog.Record
	for _, w := range group {
		if len(w.loggingConfigurations) > 0 {
			records = append(records, roomlog.Record{Room: w.room.key, Entry: w.entry, LoggingConfigurations: w.loggingConfigurations})
		}
	}
	var failed error
	if len(records) > 0 {
		// Whoever waits has its own context; the group's storing has none to follow.
		failed = c.log.options.Outbox.Put(context.Background(), records)
	}
	now := time.Now()
	for _, w := range group {
		w.room.mu.Lock()
		w.room.waiting--
		var err error
		if failed != nil && len(w.loggingConfigurations) > 0 {
			err = failed
		} else {
			w.seq = w.room.deliver(c.log.seq.Add(1), w.entry, now)
		}
		w.room.mu.Unlock()
		w.done <- err
	}
}
