package server

import (
	"os"
	"path/filepath"

	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/internal/config"
)

// ChatlogSettings returns the settings of the chat logs' destinations.
func ChatlogSettings(c *config.Config) chatlog.Settings {
	s := chatlog.Settings{
		Directory:      c.ChatlogDir,
		ObjectInterval: c.ChatlogObjectInterval,
		EventInterval:  c.ChatlogEventInterval,
		ObjectSize:     int(c.ChatlogObjectSize),
		LookupEnv:      os.LookupEnv,
	}
	if s.Directory == "" {
		s.Directory = filepath.Join(c.Data, "chatlogs")
	}
	for _, d := range c.ChatlogDestinations {
		s.Rules = append(s.Rules, chatlog.Rule(d))
	}
	return s
}
