package chat

import (
	"context"
	"sync"
	"time"

	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// cache keeps the rooms that sessions use, so that a message costs no query.
// An entry of the room's control kind drops a room; age does if that is missed.
type cache struct {
	mu    sync.Mutex // guards what follows
	rooms map[roomlog.Room]cached
	// drops tells a load that began before a drop not to keep what it read.
	drops uint64
	swept time.Time
}

type cached struct {
	room   *ivschat.Room
	loaded time.Time
}

// room returns a room that must not be changed, at most CacheAge old.
func (s *Service) room(ctx context.Context, key roomlog.Room) (*ivschat.Room, error) {
	began := time.Now()
	room, drops := s.rooms.get(key, began, s.CacheAge)
	if room != nil {
		return room, nil
	}
	room, err := s.Store.Room(ctx, store.Tenant{Account: key.Account, Region: key.Region}, key.ID)
	if err != nil {
		return nil, err
	}
	s.rooms.put(key, cached{room, began}, drops)
	return room, nil
}

// DropRoom forgets what is cached of a room; hubs call it for control entries.
func (s *Service) DropRoom(key roomlog.Room) { s.rooms.drop(key) }

func (c *cache) get(key roomlog.Room, at time.Time, age time.Duration) (*ivschat.Room, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.rooms[key]; ok && at.Sub(found.loaded) < age {
		return found.room, c.drops
	}
	return nil, c.drops
}

func (c *cache) put(key roomlog.Room, room cached, drops uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rooms == nil {
		c.rooms = map[roomlog.Room]cached{}
	}
	if c.drops == drops {
		c.rooms[key] = room
	}
	c.sweep(room.loaded)
}

func (c *cache) drop(key roomlog.Room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	delete(c.rooms, key)
}

// sweep bounds the cache to the rooms in use: once a minute, what is too old goes.
func (c *cache) sweep(now time.Time) {
	if now.Sub(c.swept) < time.Minute {
		return
	}
	c.swept = now
	for key, room := range c.rooms {
		if now.Sub(room.loaded) > time.Minute {
			delete(c.rooms, key)
		}
	}
}
