package main

import (
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func waitFile(ts *testscript.TestScript, neg bool, files []string) {
	if neg || len(files) == 0 {
		ts.Fatalf("usage: waitfile file...")
	}
	deadline := time.After(30 * time.Second)
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for _, file := range files {
		for {
			if info, err := os.Stat(ts.MkAbs(file)); err == nil && info.Size() > 0 {
				break
			}
			select {
			case <-deadline:
				ts.Fatalf("%s did not appear", file)
			case <-poll.C:
			}
		}
	}
}
