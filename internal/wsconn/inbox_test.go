package wsconn

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gobwas/ws"
)

// recorder is a receiver that writes everything down.
type recorder struct{ log []string }

func (r *recorder) text(p []byte) { r.log = append(r.log, "text "+string(p)) }
func (r *recorder) binary()       { r.log = append(r.log, "binary") }
func (r *recorder) ping(p []byte) { r.log = append(r.log, "ping "+string(p)) }

func replay(t *testing.T, stream []byte, cut func(left int) int) []string {
	t.Helper()
	o := Options{MaxMessage: 300}.withDefaults()
	in := inbox{o: &o}
	var rec recorder
	ch := new(chunk)
	for len(stream) > 0 {
		n := cut(len(stream))
		p := slices.Clone(stream[:n])
		stream = stream[n:]
		err := in.feed(ch, p, 0, &rec)
		clear(p) // the reader's buffer goes back to the pool
		if err != nil {
			return append(rec.log, err.Error())
		}
		if len(in.partial) >= o.MaxMessage+ws.MaxHeaderSize {
			t.Fatalf("%d bytes kept of a frame that may have %d", len(in.partial), o.MaxMessage)
		}
		if len(in.message) > o.MaxMessage {
			t.Fatalf("%d bytes kept of a message", len(in.message))
		}
	}
	return rec.log
}

func FuzzFrames(f *testing.F) {
	for _, v := range conversations() {
		if len(v.send) < 1000 {
			f.Add(v.send, uint64(len(v.send)))
		}
	}
	f.Add(text(rep("x", 300)), uint64(3))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		whole := replay(t, stream, func(left int) int { return left })
		bytewise := replay(t, stream, func(int) int { return 1 })
		split := replay(t, stream, func(left int) int {
			seed = seed*6364136223846793005 + 1442695040888963407
			var b [8]byte
			binary.BigEndian.PutUint64(b[:], seed)
			return 1 + int(b[0])%left
		})
		if !slices.Equal(whole, bytewise) || !slices.Equal(whole, split) {
			t.Errorf("depends on the split:\n%q\n%q\n%q", whole, bytewise, split)
		}
	})
}
