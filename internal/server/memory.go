package server

import (
	"context"
	"runtime/debug"
	"time"
)

// A wave of handshakes leaves garbage that the runtime would keep for its next
// growth: as much again as the sessions themselves need.
const (
	wave      = 1000 // sessions
	waveCheck = 5 * time.Second
)

// giveBackMemory returns it to the system once a wave of sessions has ended.
func (s *Server) giveBackMemory(ctx context.Context) {
	ticker := time.NewTicker(waveCheck)
	defer ticker.Stop()
	var seen, done uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		begun := s.sessions.Begun()
		if calm := begun-seen < wave/10; calm && begun-done >= wave {
			debug.FreeOSMemory()
			done = begun
		}
		seen = begun
	}
}
