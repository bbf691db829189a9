// Command parley is a self-hosted chat service for live video, wire-compatible
// with Amazon IVS Chat.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by release builds.
var version = "0.1.0-dev"

func main() { os.Exit(run()) }

// run is main for tests too: the exit status is 0 for success, 1 for failure.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "parley:", err)
		return 1
	}
	return 0
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "parley",
		Short:         "A self-hosted chat service that speaks the Amazon IVS Chat API",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(devCommand(), serveCommand(), configCommand(), benchCommand())
	return cmd
}
