package bench

import "bytes"

// MinPayload is the least content a message of a run can have: its mark.
const MinPayload = markerSize

// Dialect is how to talk to a server that knows no chat tokens, so that the
// same load and the same receivers can measure it. Its rooms are numbers, and
// messages go out over the members' own connections, as everywhere.
type Dialect struct {
	// Binary sends binary frames instead of text.
	Binary bool
	// Join is the payload that makes a connection a member of a room.
	Join func(room int) []byte
	// Send appends the payload that sends a content into a room.
	Send func(dst []byte, room int, content []byte) []byte
}

func (d *Dialect) op() byte {
	if d.Binary {
		return opBinary
	}
	return opText
}

// join is sent right behind the handshake.
func (d *Dialect) join(c *conn) error {
	return c.write(appendFrame(nil, d.op(), d.Join(c.room.index)))
}

// texts hands on what a payload has of the run: such servers put several
// messages into one.
func (d *Dialect) texts(l *loop, c *conn, p []byte, now int64) {
	prefix := []byte(l.find.prefix)
	for {
		at := bytes.Index(p, prefix)
		if at < 0 || len(p)-at < markerSize {
			return
		}
		l.text(c, p[at:at+markerSize], now)
		p = p[at+markerSize:]
	}
}
