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

// meter reads the servers' and our own usage.
type meter struct{ servers []int } // pids, 0 for one that cannot be read

// reading is a meter's at one moment.
type reading struct {
	at          time.Time
	server, own usage
	each        []usage // of the servers; server is their sum
	known       bool    // of all servers
}

func (m meter) read() reading {
	r := reading{at: time.Now()}
	r.known = len(m.servers) > 0
	for _, pid := range m.servers {
		u, err := usage{}, error(nil)
		if pid != 0 {
			u, err = sampleProcess(pid)
		}
		r.known = r.known && pid != 0 && err == nil
		r.each = append(r.each, u)
		r.server.cpu += u.cpu
		r.server.user += u.user
		r.server.system += u.system
		r.server.rss += u.rss
		r.server.threads += u.threads
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
