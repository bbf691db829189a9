package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// preciseSleep lets the thread's sleeps end when they should.
func preciseSleep() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) } // without it they end 50 µs later

func sleepFor(nanoseconds int64) {
	ts := unix.NsecToTimespec(nanoseconds)
	_ = unix.Nanosleep(&ts, nil) // who sleeps looks at the clock again
}

// tick is the unit of times in /proc: fixed at 100 per second for user space.
const tick = 10 * time.Millisecond

// sampleProcess reads what a process has used so far.
func sampleProcess(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	// The name in parentheses may hold anything; what follows has fixed fields.
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 22 {
		return usage{}, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	field := func(n int) int64 {
		v, _ := strconv.ParseInt(string(f[n-3]), 10, 64) // the kernel writes numbers
		return v
	}
	u := usage{
		user: time.Duration(field(14)) * tick, system: time.Duration(field(15)) * tick,
		threads: int(field(20)), rss: field(24) * int64(os.Getpagesize()),
	}
	u.cpu = u.user + u.system
	// The process's CPU clock is exact where ticks are coarse.
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|2, &ts); err == nil {
		u.cpu = time.Duration(ts.Nano())
	}
	return u, nil
}

// listener finds the process that listens on a port of this machine; 0 for
// none that may be looked at.
func listener(port int) int {
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				inodes["socket:["+f[9]+"]"] = true
			}
		}
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is good
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && inodes[to] {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			return pid
		}
	}
	return 0
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// openFiles raises the limit on open files as far as it goes and returns it.
func openFiles() (int, error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, err
	}
	if r.Cur < r.Max {
		r.Cur = r.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
			return 0, err
		}
	}
	return int(min(r.Cur, 1<<30)), nil
}

// ports returns how many connections one source address can have to one destination.
func ports() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 28_000
	}
	var low, high int
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil {
		return 28_000
	}
	return high - low + 1
}
