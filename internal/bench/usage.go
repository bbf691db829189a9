package bench

import (
	"os"
	"time"
)

// usage is what a process has used up to a moment.
type usage struct {
	cpu          time.Duration // all of it
	user, system time.Duration // its parts, in ticks
	rss          int64
	threads      int
}

// meter reads the server's and our own usage.
type meter struct{ server int } // pid, 0 for none

// reading is a meter's at one moment.
type reading struct {
	at          time.Time
	server, own usage
	known       bool // of the server
}

func (m meter) read() reading {
	r := reading{at: time.Now()}
	if m.server != 0 {
		u, err := sampleProcess(m.server)
		r.server, r.known = u, err == nil
	}
	r.own, _ = sampleProcess(os.Getpid()) // zeros where it cannot be had
	return r
}

// cost is the difference of two readings, for the report.
func cost(before, after usage, pid int) *Cost {
	return &Cost{
		PID: pid, CPUSeconds: (after.cpu - before.cpu).Seconds(),
		UserSeconds: (after.user - before.user).Seconds(), SystemSeconds: (after.system - before.system).Seconds(),
		RSSBefore: before.rss, RSSAfter: after.rss, Threads: after.threads,
	}
}
