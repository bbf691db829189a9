package chatlogfaults

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/parleychat/parley/ivschat"
)

// Whenever the server is killed: what any viewer got is in both destinations in
// the end, in the room's order, none of it broken. CHATLOG_KILLS is how often.
func TestKilledServersLoseNothing(t *testing.T) {
	kills := times(t, "CHATLOG_KILLS", 8)
	data := t.TempDir()
	r := newRig(t, data, []ivschat.DestinationConfiguration{toBucket(), toLogGroup()})
	for range kills {
		before := r.delivered()
		stop := r.chat()
		wait(t, "a delivery", func() bool { return r.delivered() > before })
		<-time.After(rand.N(400 * time.Millisecond)) // the moment of death
		r.end(syscall.SIGKILL)
		stop()
		r.start()
	}
	r.end(syscall.SIGTERM)
	r.hold(fmt.Sprintf("killed %d times", kills), files(t, filepath.Join(data, "chatlogs")), 0)
}
