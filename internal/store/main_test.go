package store

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(writerPath); path != "" {
		if err := crashWriter(path, os.Getenv(writerSync)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	if raceEnabled {
		// The detector makes SQLite some thirty times slower and sees no more in
		// a hundred rounds of one goroutine than in ten. The command line wins.
		if err := flag.Set("rapid.checks", "10"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// unavailable skips a test that this machine cannot run, but not where all of
// them must.
func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("cannot run here: "+format, args...)
	}
	t.Skipf("SKIPPED, cannot run here: "+format, args...)
}
