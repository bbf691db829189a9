package server

import (
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/parleychat/parley/internal/roomlog"
)

// handover remembers where sessions stood that were told to come back, on this node
// and on others.
type handover struct {
	tell func(word []byte) // nil: there are no others

	mu    sync.Mutex // guards what follows
	left  map[leaver]left
	order []leaver // oldest first
}

type leaver struct {
	room   roomlog.Room
	userID string
}

type left struct {
	place uint64
	at    time.Time
}

const (
	// handoverFor is how long a session is expected back: clients try for some
	// seconds, and drains cut those that linger.
	handoverFor = 30 * time.Second
	// handoverTogether is how soon after each other several sessions of a user leave
	// for them to count as one, which stood where the first of them did.
	handoverTogether = 10 * time.Second
	// handoverMost bounds what is remembered.
	handoverMost = 200_000
)

// farewell is what nodes tell each other of a session.
type farewell struct {
	Account string `json:"a"`
	Region  string `json:"r"`
	Room    string `json:"i"`
	UserID  string `json:"u"`
	Place   uint64 `json:"p"`
}

// Left implements session.Handover.
func (h *handover) Left(room roomlog.Room, userID string, place uint64) {
	h.note(room, userID, place)
	if h.tell == nil {
		return
	}
	word, err := json.Marshal(farewell{room.Account, room.Region, room.ID, userID, place})
	if err == nil { // a user's name may be any text that is valid
		h.tell(word)
	}
}

// hear takes in what another node tells.
func (h *handover) hear(word []byte) {
	var f farewell
	if json.Unmarshal(word, &f) == nil {
		h.note(roomlog.Room{Account: f.Account, Region: f.Region, ID: f.Room}, f.UserID, f.Place)
	}
}

func (h *handover) note(room roomlog.Room, userID string, place uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for len(h.order) > 0 && (len(h.order) >= handoverMost || now.Sub(h.left[h.order[0]].at) > handoverFor) {
		delete(h.left, h.order[0])
		h.order = h.order[1:]
	}
	if h.left == nil {
		h.left = map[leaver]left{}
	}
	who := leaver{room, userID}
	before, again := h.left[who]
	if !again {
		h.order = append(h.order, who)
	} else if now.Sub(before.at) < handoverTogether {
		place = min(place, before.place)
	}
	h.left[who] = left{place, now}
}

// Since implements session.Handover.
func (h *handover) Since(room roomlog.Room, userID string) (place uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l, ok := h.left[leaver{room, userID}]
	return l.place, ok && time.Since(l.at) <= handoverFor
}
