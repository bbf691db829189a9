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

	"github.com/coreos/go-systemd/v22/daemon"
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
			c, err := load(cmd)
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
			c, err := load(cmd)
			if err != nil {
				return err
			}
			if err := onLoopback(c.Listen); err != nil {
				return usageError{err}
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
	// Before anything is made: an access key that nobody is shown helps nobody.
	l, err := listen("listen", c.Listen)
	if err != nil {
		return err
	}
	defer l.Close()
	var metrics net.Listener
	if c.MetricsListen != "" {
		if metrics, err = listen("metrics-listen", c.MetricsListen); err != nil {
			return err
		}
		defer metrics.Close()
	}
	// Who waits for the file must not find the one of a server that is gone.
	if err := removeFile(c.ReadyFile); err != nil {
		return fmt.Errorf("ready-file: %w", err)
	}
	logger := newLogger(c)
	s, err := server.New(ctx, c, dev, logger)
	if err != nil {
		return err
	}
	if metrics != nil {
		defer s.ServeMetrics(metrics)()
	}
	if err := greet(ctx, s, l, metrics, dev); err != nil {
		s.Close()
		return err
	}
	// systemd, if it started us with Type=notify.
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		logger.Warn("systemd was not told that the server is ready", "error", err)
	}
	stopping, told := context.WithCancel(context.Background())
	context.AfterFunc(ctx, func() {
		defer told()
		daemon.SdNotify(false, daemon.SdNotifyStopping)
	})
	err = s.Serve(ctx, giveUp, l)
	if ctx.Err() != nil {
		<-stopping.Done()
	}
	return errors.Join(err, removeFile(c.ReadyFile))
}

func listen(setting, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use: stop what listens there, or choose another --%s", address, setting)
	}
	return l, err
}

func greet(ctx context.Context, s *server.Server, l, metrics net.Listener, dev bool) (err error) {
	lobby := ""
	if dev {
		if lobby, err = s.Seed(ctx); err != nil {
			return err
		}
	}
	f := facts(s, l.Addr().String(), lobby, dev)
	if metrics != nil {
		scheme := "http://"
		if s.Config.MetricsTLSCert != "" {
			scheme = "https://"
		}
		f.Metrics = scheme + reachable(metrics.Addr().String()) + "/metrics"
	}
	return announce(os.Stdout, os.Stderr, s.Config, f)
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

func removeFile(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
