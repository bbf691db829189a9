// Command parley is a self-hosted chat service for live video, wire-compatible
// with Amazon IVS Chat.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by release builds.
var version = "0.1.0-dev"

func main() { os.Exit(run()) }

// usageError is a mistake in what was typed or set.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is main for tests too. The exit status is 0 for success, 2 for what has
// to be typed or set in another way, 1 for other failures.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := root()
	understood := false // cobra calls this once flags and arguments are good
	cmd.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errDenied) {
		fmt.Fprintln(os.Stderr, "parley:", err)
	}
	if _, usage := errors.AsType[usageError](err); usage || !understood {
		return 2
	}
	return 1
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "parley",
		Short:         "A self-hosted chat service that speaks the Amazon IVS Chat API",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(devCommand(), serveCommand(), configCommand(), reviewCommand(), keysCommand(), accountsCommand(), policyCommand(), logsCommand(), quotasCommand(), benchCommand())
	return cmd
}
