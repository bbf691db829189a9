package bench

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMarkersComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := runPrefix(rapid.Uint32().Draw(t, "run"))
		want := marker{
			room: rapid.Uint32Range(0, 1<<20-1).Draw(t, "room"), sender: rapid.Uint32Range(0, 1<<16-1).Draw(t, "sender"),
			seq: rapid.Uint32().Draw(t, "seq"), at: rapid.Int64Range(0, 1<<56-1).Draw(t, "at"),
		}
		find := finder{prefix: prefix, offset: rapid.IntRange(0, 50).Draw(t, "remembered")}
		text := []byte(rapid.StringMatching(`[a-z"{},:]{0,40}`).Draw(t, "before"))
		text = append(want.append(text, prefix), rapid.String().Draw(t, "after")...)
		for range 2 { // found, then remembered
			if got, ok := find.find(text); !ok || got != want {
				t.Fatalf("got %+v %t, want %+v", got, ok, want)
			}
		}
	})
}

func TestNoMarker(t *testing.T) {
	prefix := runPrefix(1)
	whole := string(marker{room: 1, sender: 2, seq: 3, at: 4}.append(nil, prefix))
	for _, text := range []string{"", prefix, whole[:len(whole)-1], whole[:len(whole)-1] + "G", runPrefix(2) + whole[prefixSize:]} {
		find := finder{prefix: prefix}
		if m, ok := find.find([]byte(text)); ok {
			t.Errorf("%q: got %+v", text, m)
		}
	}
}

// Two senders of three messages each; every viewer is written as the messages
// it gets, "a0" being the first of sender a.
func TestOrder(t *testing.T) {
	const all = "a0 b0 a1 b1 a2 b2"
	for _, tt := range []struct {
		name      string
		viewers   []string
		lost      []int // by viewer
		doubled   int
		reordered int
		backwards int
	}{
		{"all well", []string{all, all, all}, []int{0, 0, 0}, 0, 0, 0},
		{"lost in the middle", []string{all, "a0 b0 b1 a2 b2"}, []int{0, 1}, 0, 0, 0},
		// The one that lost decided the order: the others' count as out of it too.
		{"lost by who saw the rest first", []string{"a0 b0 b1 a2 b2", all}, []int{1, 0}, 0, 3, 1},
		{"lost at the end", []string{all, "a0 b0 a1"}, []int{0, 3}, 0, 0, 0},
		{"lost at the beginning", []string{all, "a1 b1 a2 b2"}, []int{0, 2}, 0, 0, 0},
		{"lost everything", []string{all, ""}, []int{0, 6}, 0, 0, 0},
		{"twice at once", []string{all, "a0 a0 b0 a1 b1 a2 b2"}, []int{0, 0}, 1, 0, 0},
		{"twice and first", []string{"a0 b0 b0 a1 b1 a2 b2", all}, []int{0, 0}, 1, 0, 0},
		{"twice much later", []string{all, all + " a0 b1"}, []int{0, 0}, 2, 0, 0},
		{"two of two senders swapped for one viewer", []string{all, "b0 a0 a1 b1 a2 b2"}, []int{0, 0}, 0, 1, 0},
		{"one sender's order changed for all", []string{"a1 a0 b0 b1 a2 b2", "a1 a0 b0 b1 a2 b2"}, []int{0, 0}, 0, 0, 1},
		{"late and never the one before", []string{all, "a0 a1 b0 a2"}, []int{0, 2}, 0, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newRoomLog([]int{3, 3})
			var got struct {
				Lost               []int
				Doubled, Reordered int
			}
			views := make([]viewer, len(tt.viewers))
			for i, messages := range tt.viewers {
				for len(messages) > 0 {
					var from rune
					var seq uint32
					fmt.Sscanf(messages, "%c%d", &from, &seq)
					messages = messages[min(3, len(messages)):]
					switch views[i].see(l, uint32(from-'a'), seq) {
					case doubled:
						got.Doubled++
					case reordered:
						got.Reordered++
					}
				}
			}
			for i := range views {
				got.Lost = append(got.Lost, views[i].lost(l, true))
			}
			if diff := cmp.Diff(tt.lost, got.Lost); diff != "" {
				t.Errorf("lost: -want +got\n%s", diff)
			}
			if got.Doubled != tt.doubled || got.Reordered != tt.reordered || l.backwards != tt.backwards {
				t.Errorf("doubled %d reordered %d backwards %d; want %d %d %d",
					got.Doubled, got.Reordered, l.backwards, tt.doubled, tt.reordered, tt.backwards)
			}
		})
	}
}

// Who joins late owes nothing of before, and everything sent after.
func TestOrderOfALateViewer(t *testing.T) {
	l := newRoomLog([]int{6})
	var first viewer
	for seq := range uint32(6) {
		first.see(l, 0, seq)
	}
	sent := func(_, seq uint32) int64 { return int64(seq) * 10 }
	for _, tt := range []struct {
		name   string
		opened int64
		begin  uint32 // the first message it sees, and then all; 6 for none
		want   int
	}{
		{"in time", 25, 3, 0},
		{"early copies of what was under way", 25, 1, 0},
		{"two sent after it joined", 25, 5, 2},
		{"nothing of three", 25, 6, 3},
		{"nothing to see", 60, 6, 0},
	} {
		v := viewer{next: late}
		for seq := tt.begin; seq < 6; seq++ {
			v.see(l, 0, seq)
		}
		if got := v.lost(l, true) + v.owed(l, tt.opened, sent); got != tt.want {
			t.Errorf("%s: lost %d, want %d", tt.name, got, tt.want)
		}
	}
}
