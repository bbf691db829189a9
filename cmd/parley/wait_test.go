package main

import (
	"encoding/json"
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

func setEndpoint(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: endpoint file")
	}
	var ready started
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &ready))
	ts.Setenv("AWS_ENDPOINT_URL_IVSCHAT", ready.API)
}
