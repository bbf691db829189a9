// Package hub delivers the entries of room logs to the sessions on this node:
// it keeps the members of each room and fans entries out to their sockets.
// It assumes that a Conn's Write never waits, and it knows frames as bytes.
//
// Lock order: room.mu, then Hub.mu or (inside the room log) the log's room,
// then shard.mu. Nothing is written to a socket under any of them.
package hub

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
)

// Conn is a session's socket.
type Conn interface {
	// Write sends whole frames or queues them, in call order, without waiting.
	// It may keep the slice, which does not change any more. False: the
	// connection is ending.
	Write(frames []byte) bool
	// WriteThenClose is Write, then a Close frame.
	WriteThenClose(frames []byte, code uint16, reason string)
}

// Options of a hub. Zero values take the defaults named here.
type Options struct {
	// ShardSize is the most members of a shard, the unit of fan-out: 256.
	ShardSize int
	// Workers write to sockets: GOMAXPROCS.
	Workers int
	// MaxPending is how many bytes may wait in a shard before its room counts
	// as overloaded: 256 KiB.
	MaxPending int
	// Window is how long the entries of a busy room may wait to share a write to
	// each member, in a room of thousands up to ten times as long; 0 is never.
	Window time.Duration
	// Delivered, if not nil, is told of each flush how many entries of a kind
	// it gave to members. It must not block.
	Delivered func(kind roomlog.Kind, n int)
	// Control is called with each KindControl entry of a room that has members
	// here. It must not block.
	Control func(roomlog.Room)
}

// Hub is the members of all rooms on this node.
type Hub struct {
	options Options
	log     roomlog.Log
	began   time.Time  // the zero of turns
	mu      sync.Mutex // guards rooms
	rooms   map[roomlog.Room]*room
	work    workQueue
	workers sync.WaitGroup
}

// closeDisconnected is the Close code of a disconnected user's connections
// (spec: messaging.md §4.1).
const closeDisconnected = 1000

// New starts a hub that follows the given log. Close it.
func New(log roomlog.Log, o Options) *Hub {
	if o.ShardSize == 0 {
		o.ShardSize = 256
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.MaxPending == 0 {
		o.MaxPending = 256 << 10
	}
	if o.Control == nil {
		o.Control = func(roomlog.Room) {}
	}
	if o.Delivered == nil {
		o.Delivered = func(roomlog.Kind, int) {}
	}
	h := &Hub{options: o, log: log, began: time.Now(), rooms: map[roomlog.Room]*room{}}
	h.work.init()
	for range o.Workers {
		h.workers.Go(h.drainShards)
	}
	return h
}

// Close stops the workers after they have written what is pending. Members
// should have left.
func (h *Hub) Close() {
	h.work.close()
	h.workers.Wait()
}

// Join makes the connection a member of the room: it gets every entry appended
// after Join returned, and none that was appended before Join was called.
func (h *Hub) Join(ctx context.Context, key roomlog.Room, userID string, c Conn) (*Member, error) {
	for {
		r := h.room(key)
		m, err := r.join(ctx, userID, c)
		if err != nil {
			return nil, fmt.Errorf("join room %s: %w", key.ID, err)
		}
		if m != nil {
			return m, nil
		}
		// The room's last member left between the two steps: take the new room.
	}
}

func (h *Hub) room(key roomlog.Room) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[key]
	if r == nil {
		r = &room{hub: h, key: key, gap: time.Second}
		h.rooms[key] = r
	}
	return r
}

func (h *Hub) forget(r *room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rooms[r.key] == r {
		delete(h.rooms, r.key)
	}
}

// Overloaded tells whether deliveries to the room are so far behind that its
// sends are to be refused: shed at the door, never in the middle.
func (h *Hub) Overloaded(key roomlog.Room) bool {
	h.mu.Lock()
	r := h.rooms[key]
	h.mu.Unlock()
	return r != nil && r.overloaded(h.options.MaxPending)
}

// Members returns how many members the room has on this node.
func (h *Hub) Members(key roomlog.Room) int {
	h.mu.Lock()
	r := h.rooms[key]
	h.mu.Unlock()
	if r == nil {
		return 0
	}
	return int(r.size.Load())
}

func (h *Hub) drainShards() {
	for {
		s := h.work.take()
		if s == nil {
			return
		}
		s.flush()
	}
}
