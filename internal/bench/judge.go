package bench

import "fmt"

// judge says what of the run is a failure whatever was asserted.
func (r *Report) judge() {
	say := func(n int, format string, args ...any) {
		if n > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
		}
	}
	c := r.Connections
	say(total(c.Failed), "%d connections failed: %s", total(c.Failed), reasons(c.Failed))
	say(total(c.ClosedEarly), "the service ended %d healthy connections: %s", total(c.ClosedEarly), reasons(c.ClosedEarly))
	if m := r.Messages; m != nil {
		say(m.Lost, "%d deliveries were lost", m.Lost)
		say(m.Doubled, "%d deliveries came twice", m.Doubled)
		say(m.Reordered, "%d deliveries came out of order", m.Reordered)
		say(m.Misrouted, "%d deliveries came into the wrong room", m.Misrouted)
		say(m.Unanswered, "%d sends had no answer", m.Unanswered)
		say(total(m.Unsent), "%d messages could not be sent: %s", total(m.Unsent), reasons(m.Unsent))
	}
	if o := r.Operations; o != nil {
		say(total(o.Failed), "%d calls failed: %s", total(o.Failed), reasons(o.Failed))
	}
}

// memory fills in what connections cost the server in memory.
func (r *Report) memory(empty, full reading, conns int) {
	if conns > 0 && empty.known && full.known {
		r.BytesPerConnection = float64(full.server.rss-empty.server.rss) / float64(conns)
	}
}
