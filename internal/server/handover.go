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
	node string            // this node's name among them, who hear their own words too

	mu    sync.Mutex // guards what follows
	left  map[leaver]left
	order []leaver // oldest first
}

type leaver struct {
	room   roomlog.Room
	userID string
}

type left struct {
	place    uint64
	at       time.Time
	sessions int // that are not back
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
	Node    string `json:"n"`
	Account string `json:"a"`
	Region  string `json:"r"`
	Room    string `json:"i"`
	UserID  string `json:"u"`
	Place   uint64 `json:"p,omitzero"`
	Back    bool   `json:"b,omitzero"` // one began: no farewell any more
}

// Left implements session.Handover.
func (h *handover) Left(room roomlog.Room, userID string, place uint64) {
	h.spread(farewell{Account: room.Account, Region: room.Region, Room: room.ID, UserID: userID, Place: place})
}

// Back implements session.Handover.
func (h *handover) Back(room roomlog.Room, userID string) {
	h.spread(farewell{Account: room.Account, Region: room.Region, Room: room.ID, UserID: userID, Back: true})
}

func (h *handover) spread(f farewell) {
	h.take(f)
	if h.tell == nil {
		return
	}
	f.Node = h.node
	word, err := json.Marshal(f)
	if err == nil { // a user's name may be any text that is valid
		h.tell(word)
	}
}

// hear takes in what a node tells.
func (h *handover) hear(word []byte) {
	var f farewell
	if json.Unmarshal(word, &f) == nil && f.Node != h.node {
		h.take(f)
	}
}

func (h *handover) take(f farewell) {
	h.mu.Lock()
	defer h.mu.Unlock()
	who := leaver{roomlog.Room{Account: f.Account, Region: f.Region, ID: f.Room}, f.UserID}
	if f.Back {
		if l := h.left[who]; l.sessions > 0 {
			l.sessions--
			h.left[who] = l
		}
		return
	}
	now := time.Now()
	for len(h.order) > 0 && (len(h.order) >= handoverMost || now.Sub(h.left[h.order[0]].at) > handoverFor) {
		delete(h.left, h.order[0])
		h.order = h.order[1:]
	}
	if h.left == nil {
		h.left = map[leaver]left{}
	}
	l, again := h.left[who]
	if !again {
		h.order = append(h.order, who)
	}
	if l.sessions > 0 && now.Sub(l.at) < handoverTogether {
		f.Place = min(f.Place, l.place)
	} else {
		l.sessions = 0
	}
	h.left[who] = left{f.Place, now, l.sessions + 1}
}

// Since implements session.Handover.
func (h *handover) Since(room roomlog.Room, userID string) (place uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l, ok := h.left[leaver{room, userID}]
	return l.place, ok && l.sessions > 0 && time.Since(l.at) <= handoverFor
}
