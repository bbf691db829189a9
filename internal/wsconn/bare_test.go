package wsconn

import (
	"net"
	"testing"
)

// wrapper gives up the connection below when it is done.
type wrapper struct {
	net.Conn
	done bool
}

func (w wrapper) Bare() (net.Conn, bool) { return w.Conn, w.done }
func (w wrapper) NetConn() net.Conn      { return w.Conn }

func TestAWrapperThatIsDoneIsTakenOff(t *testing.T) {
	below, other := net.Pipe()
	defer below.Close()
	defer other.Close()
	if got := bare(wrapper{below, true}); got != below {
		t.Errorf("done: %T", got)
	}
	busy := wrapper{below, false}
	if got := bare(busy); got != net.Conn(busy) {
		t.Errorf("not done: %T", got)
	}
	if got := bare(below); got != below {
		t.Errorf("no wrapper: %T", got)
	}
	if got := bottom(wrapper{wrapper{below, false}, false}); got != below {
		t.Errorf("the bottom of two: %T", got)
	}
}
