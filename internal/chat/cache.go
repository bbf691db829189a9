package chat

import (
	"context"
	"errors"
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
	// retry is set when the store could not be reached: until then the room is used
	// as it is, so that of a room's senders one a second waits for the store.
	retry time.Time
}

const retryEvery = time.Second

// room returns a room that must not be changed, at most CacheAge old; while the
// store is not available, as old as it is: chat goes on in rooms that are known.
func (s *Service) room(ctx context.Context, key roomlog.Room) (*ivschat.Room, error) {
	began := time.Now()
	found, good, drops := s.rooms.get(key, began, s.CacheAge)
	if good {
		return found.room, nil
	}
	room, err := s.Store.Room(ctx, store.Tenant{Account: key.Account, Region: key.Region}, key.ID)
	if errors.Is(err, store.ErrUnavailable) && found.room != nil {
		found.retry = time.Now().Add(retryEvery)
		s.rooms.put(key, found, drops)
		return found.room, nil
	}
	if err != nil {
		return nil, err
	}
	s.rooms.put(key, cached{room: room, loaded: began}, drops)
	return room, nil
}

// DropRoom forgets what is cached of a room; hubs call it for control entries.
func (s *Service) DropRoom(key roomlog.Room) { s.rooms.drop(key) }

// get returns what there is of a room, and whether it is good enough.
func (c *cache) get(key roomlog.Room, at time.Time, age time.Duration) (found cached, good bool, drops uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.rooms[key]
	if !ok || at.Sub(found.loaded) < age || at.Before(found.retry) {
		return found, ok, c.drops
	}
	if !found.retry.IsZero() { // this caller tries
		found.retry = at.Add(retryEvery)
		c.rooms[key] = found
	}
	return found, false, c.drops
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
	if room.retry.IsZero() {
		c.sweep(room.loaded)
	}
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
