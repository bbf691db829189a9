package natslog

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"

	"github.com/parleychat/parley/internal/roomlog"
)

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	for name, e := range map[string]stored{
		"a message": {Entry: roomlog.Entry{Kind: roomlog.KindMessage, ID: "a", Time: time.Unix(5, 678).UTC(), Prev: 7, Payload: []byte(`{"Id":"a"}`)},
			LoggingConfigurations: []string{"one", "two"}},
		"a user": {Entry: roomlog.Entry{Kind: roomlog.KindDisconnect, UserID: "a\n\"b\x00", Time: time.Unix(5, 0).UTC(), Payload: []byte{}}},
		"none":   {Entry: roomlog.Entry{Kind: roomlog.KindControl, Time: time.Unix(5, 0).UTC()}},
	} {
		data, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeBody(data)
		if diff := cmp.Diff(e, got, cmp.AllowUnexported(stored{}), cmpopts.EquateComparable(time.Time{})); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, err := encode(stored{Entry: roomlog.Entry{Kind: roomlog.KindMessage, ID: "a", Payload: []byte("{}")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decodeBody(data)
		if err != nil {
			return
		}
		again, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeBody(again)
		if err != nil || back.ID != e.ID || !bytes.Equal(back.Payload, e.Payload) || back.Prev != e.Prev {
			t.Fatalf("%+v comes back as %+v, %v", e, back, err)
		}
	})
}

func FuzzHear(f *testing.F) {
	f.Add(end, []byte("18446744073709551615"), "1")
	f.Add(plain, []byte{}, "x")
	f.Fuzz(func(t *testing.T, which string, data []byte, place string) {
		l := &Log{}
		l.ctx, l.stop = t.Context(), func() {}
		r := newRoom(l, roomlog.Room{})
		r.catching = true
		before := r.last
		if err := r.hear(which, &nats.Msg{Data: data, Header: nats.Header{"Nats-Sequence": {place}}}); err != nil && r.again || r.last != before {
			t.Errorf("%q has the room read: %v", data, err)
		}
	})
}
