//go:build !linux

package bench

import (
	"errors"
	"runtime"
	"time"
)

func preciseSleep() {}

func sleepFor(nanoseconds int64) { time.Sleep(time.Duration(nanoseconds)) }

func sampleProcess(int) (usage, error) {
	return usage{}, errors.New("the cost of processes is read on Linux only")
}

func listener(int) int { return 0 }

func kernel() string { return runtime.GOOS }

// openFiles returns a number that refuses nothing: the system will say so itself.
func openFiles() (int, error) { return 1 << 30, nil }

func ports() int { return 16_000 }
