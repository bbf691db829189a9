package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/server"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a server that keeps its data and verifies signatures",
		Long: "Run a server. Data and keys are kept under --data; the first run makes an access key\n" +
			"and prints it. Settings come from flags, PARLEY_* variables and the file of --config.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(cmd.Flags(), os.Environ())
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, false)
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

func devCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a server in memory, on loopback, that takes any credentials",
		Long: "Run a server for development and CI: in memory, on loopback only, with a fixed key,\n" +
			"a room named lobby, and any other credentials accepted unverified. An access key id\n" +
			"of 12 digits is the account.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(cmd.Flags(), os.Environ())
			if err != nil {
				return err
			}
			if err := onLoopback(c.Listen); err != nil {
				return err
			}
			if !c.Explicit("log-level") {
				c.LogLevel = slog.LevelWarn
			}
			return serve(cmd.Context(), c, true)
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

// onLoopback refuses to put a server that verifies nothing on a network.
func onLoopback(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if host == "localhost" {
		return nil
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() {
		return nil
	}
	return fmt.Errorf("dev verifies no signatures and listens on loopback only, not on %q; use serve", listen)
}

func serve(ctx context.Context, c *config.Config, dev bool) error {
	giveUp, cancel := secondSignal()
	defer cancel()
	logger := newLogger(c)
	s, err := server.New(ctx, c, dev, logger)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		s.Close()
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s is in use: stop what listens there, or choose another --listen", c.Listen)
		}
		return err
	}
	lobby := ""
	if dev {
		if lobby, err = s.Seed(ctx); err != nil {
			l.Close()
			s.Close()
			return err
		}
	}
	if err := announce(os.Stdout, c, facts(s, l.Addr().String(), lobby, dev)); err != nil {
		l.Close()
		s.Close()
		return err
	}
	return s.Serve(ctx, giveUp, l)
}

// secondSignal returns a context that ends with the second signal: who asks
// twice to stop does not want to wait for the drain.
func secondSignal() (context.Context, context.CancelFunc) {
	giveUp, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		for range 2 {
			select {
			case <-giveUp.Done():
				return
			case <-signals:
			}
		}
		cancel()
	}()
	return giveUp, cancel
}

func newLogger(c *config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" || (c.LogFormat == "auto" && isTerminal(os.Stderr)) {
		return slog.New(slog.NewTextHandler(os.Stderr, options))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, options))
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// writeFile puts data at path in one step: who waits for the file never reads
// half of it.
func writeFile(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".ready-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(data); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
