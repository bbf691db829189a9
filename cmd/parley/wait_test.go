package main

import (
	"encoding/json"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/parleychat/parley/internal/edge/edgetest"
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

func makeCertificate(ts *testscript.TestScript, neg bool, files []string) {
	if neg || len(files) != 3 {
		ts.Fatalf("usage: makecert ca cert key")
	}
	authority, err := edgetest.NewAuthority()
	ts.Check(err)
	ts.Check(edgetest.Put(ts.MkAbs(files[0]), authority.PEM()))
	ts.Check(authority.Write(1, ts.MkAbs(files[1]), ts.MkAbs(files[2])))
}
