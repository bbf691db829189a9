package cluster

import (
	"fmt"
	"slices"
	"time"
)

// Entry is a message or an event as a session got it.
type Entry struct {
	ID   string
	Sent time.Time // as the service says
}

// Run is what a session got of a room over one connection, or over several that
// overlapped: nothing may be missing in it.
type Run []Entry

// Room is all that was recorded of a room.
type Room struct {
	ID       string
	Runs     []Run
	Accepted []string // ids that a sender got as the answer to its request
	Logged   []string // ids in the chat log's destination, in its order; nil if the room is not logged
	Rate     int      // most messages within a second; 0 is not checked
}

// Findings are what is wrong; all are 0 when all is well.
type Findings struct {
	Doubled   int // entries that a session got twice over one connection
	Broken    int // places where two sessions disagree about what comes next: a gap or another order
	Unseen    int // accepted messages that no session got
	Unlogged  int // entries that somebody got, or that were accepted, and the chat log lacks
	Misplaced int // entries that the chat log has in another order
	OverRate  int // messages beyond the room's rate in some second
	Examples  []string
}

// Bad tells whether anything was found.
func (f *Findings) Bad() bool {
	return f.Doubled+f.Broken+f.Unseen+f.Unlogged+f.Misplaced+f.OverRate > 0
}

func (f *Findings) found(count *int, format string, args ...any) {
	*count++
	if len(f.Examples) < 20 {
		f.Examples = append(f.Examples, fmt.Sprintf(format, args...))
	}
}

// Check holds what was recorded of a room against what it promises: one order for
// everyone, no gaps, nothing twice, every accepted message delivered and logged.
func (f *Findings) Check(r Room) {
	seen := map[string]Entry{}
	next, before := map[string]string{}, map[string]string{}
	for _, run := range r.Runs {
		f.checkRun(r.ID, run, seen, next, before)
	}
	for _, id := range r.Accepted {
		if _, ok := seen[id]; !ok {
			f.found(&f.Unseen, "room %s: %s was accepted and nobody got it", r.ID, id)
		}
	}
	if r.Rate > 0 {
		f.checkRate(r, seen)
	}
	if r.Logged != nil {
		f.checkLog(r, seen, next)
	}
}

// checkRun adds a run's neighbours to those of the others. In one total order each
// entry has one successor and one predecessor, whoever asks.
func (f *Findings) checkRun(room string, run Run, seen map[string]Entry, next, before map[string]string) {
	inRun := map[string]bool{}
	last := ""
	for i, e := range run {
		if inRun[e.ID] {
			f.found(&f.Doubled, "room %s: %s came twice", room, e.ID)
			continue
		}
		inRun[e.ID] = true
		seen[e.ID] = e
		previous := last
		if last = e.ID; previous == "" {
			continue
		}
		if was, ok := next[previous]; ok && was != e.ID {
			f.found(&f.Broken, "room %s: after %s came %s to one, %s to another (%dth of %d since %v, sent %v, the other %v)", room, previous, was, e.ID, i, len(run), run[0].Sent.Format("05.000"), e.Sent.Format("05.000"), seen[was].Sent.Format("05.000"))
			continue
		}
		if was, ok := before[e.ID]; ok && was != previous {
			f.found(&f.Broken, "room %s: before %s came %s to one, %s to another", room, e.ID, was, previous)
			continue
		}
		next[previous], before[e.ID] = e.ID, previous
	}
}

// checkRate slides a second over the messages' times.
func (f *Findings) checkRate(r Room, seen map[string]Entry) {
	times := make([]time.Time, 0, len(seen))
	for _, e := range seen {
		times = append(times, e.Sent)
	}
	slices.SortFunc(times, time.Time.Compare)
	for i := r.Rate; i < len(times); i++ {
		if over := times[i].Sub(times[i-r.Rate]); over < time.Second {
			f.found(&f.OverRate, "room %s: %d messages in %v by %v, the rate is %d", r.ID, r.Rate+1, over, times[i], r.Rate)
		}
	}
}

// checkLog wants each entry in the chat log, the first time in the room's order.
func (f *Findings) checkLog(r Room, seen map[string]Entry, next map[string]string) {
	place := map[string]int{}
	for _, id := range r.Logged {
		if _, twice := place[id]; !twice {
			place[id] = len(place)
		}
	}
	for id := range seen {
		at, ok := place[id]
		if !ok {
			f.found(&f.Unlogged, "room %s: %s was delivered and is not in the chat log", r.ID, id)
			continue
		}
		if after, ok := place[next[id]]; ok && next[id] != "" && after < at {
			f.found(&f.Misplaced, "room %s: the chat log has %s before %s", r.ID, next[id], id)
		}
	}
	for _, id := range r.Accepted {
		if _, ok := place[id]; !ok {
			f.found(&f.Unlogged, "room %s: %s was accepted and is not in the chat log", r.ID, id)
		}
	}
}
