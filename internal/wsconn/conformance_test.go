package wsconn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"
)

// conversation is what a client sends and the frames it must get back. A Close
// 1000 is sent behind unless the server is expected to have had enough.
type conversation struct {
	name   string
	send   []byte
	want   []string
	reason string // default client_close
}

func ok(name string, send []byte, want ...string) conversation {
	return conversation{name, join(send, closing(1000, "")), append(want, "close 1000", "end"), "client_close"}
}

func fails(name string, send []byte, code int, want ...string) conversation {
	reason := map[int]string{1009: "too_big", 1008: "flood"}[code]
	if reason == "" {
		reason = "protocol"
	}
	return conversation{name, send, append(want, fmt.Sprintf("close %d", code), "end"), reason}
}

func conversations() []conversation {
	var all []conversation
	add := func(c ...conversation) { all = append(all, c...) }

	// Payload sizes around each length encoding.
	for _, n := range []int{0, 1, 125, 126, 127, 128, 4096, 65535, 65536, 100_000} {
		echo := "text " + short([]byte(rep("*", n)))
		add(ok(fmt.Sprintf("text of %d", n), text(rep("*", n)), echo))
		add(ok(fmt.Sprintf("binary of %d", n), binMsg(rep("\xfe", n)), "text (binary)"))
	}
	add(
		ok("longer length encoding than needed", []byte{0x81, 0xfe, 0, 2, 0, 0, 0, 0, 'h', 'i'}, "text hi"),
		fails("message over the limit", text(rep("*", 100_001)), 1009),
		fails("binary over the limit", binMsg(rep("*", 100_001)), 1009),
		fails("header alone tells it is too big", []byte{0x81, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4}, 1009),
		fails("length of 2^63-1", []byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, 1009),
		fails("length with the top bit", []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4}, 1002),
		fails("fragments over the limit in sum", join(begin(rep("a", 60_000)), last(rep("b", 40_001))), 1009),
		ok("fragments at the limit in sum", join(begin(rep("a", 60_000)), last(rep("a", 40_000))), "text a*100000"),
		ok("the limit is per message", join(text(rep("a", 90_000)), text(rep("b", 90_000))), "text a*90000", "text b*90000"),
	)

	// Pings and pongs.
	add(
		ok("empty ping", ping(""), "pong "),
		ok("ping with payload", ping("Hello, world!"), "pong Hello, world!"),
		ok("ping with binary payload", ping("\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), "pong \x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
		ok("ping of 125", ping(rep("\xfe", 125)), "pong "+short([]byte(rep("\xfe", 125)))),
		fails("ping of 126", ping(rep("\xfe", 126)), 1002),
		ok("pong unasked", pong("")),
		ok("pong with payload unasked", pong("x")),
		ok("pong then ping", join(pong("a"), ping("b")), "pong b"),
		ok("ten pings", join(ping("0"), ping("1"), ping("2"), ping("3"), ping("4"), ping("5"), ping("6"), ping("7"), ping("8"), ping("9")),
			"pong 0", "pong 1", "pong 2", "pong 3", "pong 4", "pong 5", "pong 6", "pong 7", "pong 8", "pong 9"),
		fails("pong of 126", pong(rep("x", 126)), 1002),
		fails("close of 126", frame(ws.OpClose, true, "\x03\xe8"+rep("*", 124)), 1002),
	)

	// Reserved bits.
	for rsv := byte(1); rsv <= 7; rsv++ {
		for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary, ws.OpPing, ws.OpClose} {
			h := ws.Header{Fin: true, Rsv: rsv, OpCode: op, Masked: true}
			add(fails(fmt.Sprintf("rsv %d on opcode %d", rsv, op), join(text("a"), encode(h, ""), ping("never")), 1002, "text a"))
		}
	}

	// Reserved opcodes.
	for _, op := range []ws.OpCode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		add(
			fails(fmt.Sprintf("opcode %d", op), frame(op, true, ""), 1002),
			fails(fmt.Sprintf("opcode %d with payload after text", op), join(text("a"), frame(op, true, "x"), ping("never")), 1002, "text a"),
			fails(fmt.Sprintf("opcode %d amid fragments", op), join(begin("a"), frame(op, true, ""), last("b")), 1002),
		)
	}

	// Masks.
	add(
		fails("unmasked text", encode(ws.Header{Fin: true, OpCode: ws.OpText}, "hi"), 1002),
		fails("unmasked empty text", encode(ws.Header{Fin: true, OpCode: ws.OpText}, ""), 1002),
		fails("unmasked ping", encode(ws.Header{Fin: true, OpCode: ws.OpPing}, ""), 1002),
		fails("unmasked close", encode(ws.Header{Fin: true, OpCode: ws.OpClose}, "\x03\xe8"), 1002),
		fails("unmasked continuation", join(begin("a"), encode(ws.Header{Fin: true}, "b")), 1002),
		ok("mask of zeros", encode(ws.Header{Fin: true, OpCode: ws.OpText, Masked: true}, "hi"), "text hi"),
		ok("mask of ones", encode(ws.Header{Fin: true, OpCode: ws.OpText, Masked: true, Mask: [4]byte{255, 255, 255, 255}}, rep("hello", 9)), "text "+rep("hello", 9)),
	)

	// Fragmentation.
	add(
		fails("fragmented ping", join(frame(ws.OpPing, false, "a"), last("b")), 1002),
		fails("fragmented pong", join(frame(ws.OpPong, false, "a"), last("b")), 1002),
		fails("fragmented close", frame(ws.OpClose, false, "\x03\xe8"), 1002),
		ok("two fragments", join(begin("frag1"), last("frag2")), "text frag1frag2"),
		ok("three fragments", join(begin("a"), more("b"), last("c")), "text abc"),
		ok("ping between fragments", join(begin("frag1"), ping("mid"), last("frag2")), "pong mid", "text frag1frag2"),
		ok("pings between fragments", join(begin("1"), ping("p1"), more("2"), ping("p2"), more("3"), last("4")), "pong p1", "pong p2", "text 1234"),
		ok("pong between fragments", join(begin("1"), pong("p1"), last("2")), "text 12"),
		ok("close between fragments", begin("1")),
		ok("binary fragments", join(frame(ws.OpBinary, false, "1"), more("2"), last("3")), "text (binary)"),
		ok("binary fragments are no UTF-8", join(frame(ws.OpBinary, false, "\xff"), last("\xff")), "text (binary)"),
		ok("empty fragments", join(begin(""), more(""), last("")), "text "),
		ok("empty but the middle", join(begin(""), more("middle"), last("")), "text middle"),
		ok("sixteen fragments", pieces(rep("x", 16), 1), "text "+rep("x", 16)),
		fails("seventeen fragments", pieces(rep("x", 17), 1), 1008),
		ok("the count is per message", join(pieces(rep("x", 16), 1), pieces(rep("y", 16), 1)), "text "+rep("x", 16), "text "+rep("y", 16)),
		fails("final continuation of nothing", last("x"), 1002),
		fails("continuation of nothing", more("x"), 1002),
		fails("continuation after a whole message", join(text("a"), last("b")), 1002, "text a"),
		fails("continuation after a fragmented message", join(begin("a"), last("b"), last("c")), 1002, "text ab"),
		fails("text amid fragments", join(begin("a"), text("b")), 1002),
		fails("binary amid fragments", join(begin("a"), binMsg("b")), 1002),
		fails("second begin", join(begin("a"), begin("b")), 1002),
		ok("messages in a row", join(text("a"), begin("b"), last("c"), binMsg("d"), text("e")), "text a", "text bc", "text (binary)", "text e"),
	)

	add(utf8Cases()...)
	add(closeCases()...)
	add(limitCases()...)
	return all
}

func limitCases() []conversation {
	full := make([][]byte, 20)
	var pongs []string
	for i := range full {
		full[i] = ping("p")
		pongs = append(pongs, "pong p")
	}
	empties := make([][]byte, 21)
	var echoes []string
	for i := range empties {
		empties[i] = text("")
		if i < 20 {
			echoes = append(echoes, "text ")
		}
	}
	return []conversation{
		fails("ping flood", join(join(full...), ping("q")), 1008, pongs...),
		fails("pong flood", rep2(pong("x"), 21), 1008),
		fails("flood of empty messages", join(empties...), 1008, echoes...),
	}
}

func rep2(p []byte, n int) []byte {
	var all []byte
	for range n {
		all = append(all, p...)
	}
	return all
}

func utf8Cases() []conversation {
	var all []conversation
	for _, s := range []string{
		"Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\uffff", "\uFFFE",
		"\ud7ff", "\ue000", "\ufffd", "\U00010000", "\U0010ffff", "\U0010fffe", "\U0001fffe", "\U000effff",
		"😀👩‍👩‍👧‍👦", "\ufeffbom", "a\u0301",
	} {
		all = append(all,
			ok(fmt.Sprintf("utf8 %q", s), text(s), "text "+s),
			ok(fmt.Sprintf("utf8 %q split inside characters", s), pieces(s, (len(s)+13)/14), "text "+s),
		)
	}
	for _, s := range []string{
		"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", // a surrogate amid text
		"\x80", "\xbf", "\x80\xbf\x80", "\xc0", "\xc1 ", "\xfe", "\xff", "\xfe\xfe\xff\xff", "\xf5\x80\x80\x80",
		"\xc2", "\xdf ", "\xe0\xa0", "\xef\xbf", "\xf0\x90\x80", "\xf4\x8f\xbf", "\xe0\x80", // cut short
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf", // overlong
		"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80",
		"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf", // surrogates
		"\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf", // beyond U+10FFFF
		"ok\xff", "\xffok",
	} {
		all = append(all, fails(fmt.Sprintf("not utf8 %q", s), text(s), 1007))
	}
	return append(all,
		fails("not utf8 in the last fragment", join(begin("good"), more("good"), last("\xff")), 1007),
		fails("not utf8 across fragments", join(begin("\xce"), last("\xce")), 1007),
		fails("character never completed", join(begin("\xf0\x9f"), last("\x98")), 1007),
	)
}

func closeCases() []conversation {
	answered := func(name string, send []byte, want string) conversation {
		return conversation{name, send, []string{want, "end"}, "client_close"}
	}
	all := []conversation{
		answered("empty close", frame(ws.OpClose, true, ""), "close"),
		fails("close of one byte", frame(ws.OpClose, true, "\x03"), 1002),
		answered("close with the longest reason", closing(1000, rep("*", 123)), "close 1000"),
		answered("close reason in UTF-8", closing(1000, "κόσμε"), "close 1000"),
		fails("close reason not UTF-8", closing(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"), 1007),
		fails("bad code and bad reason", closing(999, "\xff"), 1002),
		answered("text after close", join(closing(1000, ""), text("late")), "close 1000"),
		answered("ping after close", join(closing(1000, ""), ping("late")), "close 1000"),
		answered("close after close", join(closing(1000, ""), closing(1001, "")), "close 1000"),
		answered("rubbish after close", join(closing(1000, ""), []byte{0xff, 0xff, 0xff}), "close 1000"),
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		all = append(all, answered(fmt.Sprintf("close %d", code), closing(code, "bye"), fmt.Sprintf("close %d", code)))
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		all = append(all, fails(fmt.Sprintf("close %d", code), closing(code, ""), 1002))
	}
	return all
}

// TestConformance follows groups 1 to 7 and 10 of the Autobahn suite.
func TestConformance(t *testing.T) {
	all := conversations()
	if len(all) < 120 {
		t.Fatalf("only %d conversations", len(all))
	}
	for _, v := range all {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			overEach(t, Options{MaxMessage: 100_000}, nil, func(t *testing.T, r *rig) {
				for _, piece := range []int{len(v.send), max(1, len(v.send)/500)} {
					c := r.connect(t)
					sent := make(chan struct{})
					go func() {
						defer close(sent)
						c.send(v.send, piece)
					}()
					got := c.frames(t)
					if strings.HasSuffix(v.name, "after close") && got[len(got)-1] != "still open" {
						got[len(got)-1] = "end" // a reset is what such a peer asks for
					}
					if diff := cmp.Diff(v.want, got); diff != "" {
						t.Errorf("in pieces of %d (-want +got):\n%s", piece, diff)
					}
					c.Close()
					<-sent
					if got := Reason(c.h.end(t)); got != v.reason {
						t.Errorf("in pieces of %d: reason %q, want %q", piece, got, v.reason)
					}
				}
			})
		})
	}
}
