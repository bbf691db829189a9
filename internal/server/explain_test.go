package server

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/config"
)

func TestWhatKeepsAServerFromStartingIsExplained(t *testing.T) {
	c := config.Default()
	c.Data = "/srv/parley"
	s := &Server{Config: c}
	denied := s.explain(fmt.Errorf("read keys: %w", &fs.PathError{Op: "open", Path: "/srv/parley/access-key.json", Err: fs.ErrPermission}))
	if !errors.Is(denied, fs.ErrPermission) || !strings.Contains(denied.Error(), "owns /srv/parley") {
		t.Errorf("permission denied: %v", denied)
	}
	other := errors.New("other")
	if got := s.explain(other); got != other {
		t.Errorf("got %v, want it unchanged", got)
	}
	if got := s.explain(nil); got != nil {
		t.Errorf("got %v for no error", got)
	}
}
