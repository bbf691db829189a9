package bench

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// ChatOptions is a load of messages: rooms of members, some of whom send.
type ChatOptions struct {
	Rooms    int
	Members  int           // of each room, senders among them
	Sizes    []int         // members by room, instead of Rooms and Members
	Rate     float64       // messages per second and room
	Window   int           // sends of one sender that may be unanswered: others wait, and are late; 0 for no limit
	Payload  int           // bytes of content
	For      time.Duration // measured
	WarmUp   time.Duration // before it, not measured
	Senders  int           // of each room; 0 for as many as the rate needs
	Arrivals Arrivals
	Seed     uint64
	Stalled  int     // viewers in addition who never read
	Churn    float64 // members per second who leave and come back
	RoomARN  string  // a room to use instead of making some
	Dialing  int     // handshakes under way at once
	// Coalesce is how long a receiver lets deliveries gather. It saves the
	// generator's CPU and adds to latencies at most itself. 0 chooses: a
	// millisecond where many deliveries come, none otherwise.
	Coalesce time.Duration
}

// busy is so many deliveries per second that a receiver had better gather them.
const busy = 10_000

// coalesce returns how long receivers let deliveries gather.
func (o ChatOptions) coalesce() time.Duration {
	members := 0
	for _, n := range o.Sizes {
		members += n
	}
	switch {
	case o.Coalesce != 0:
		return max(0, o.Coalesce)
	case float64(members)*o.Rate < busy:
		return 0
	}
	return time.Millisecond
}

// defaults of what is 0.
func (o ChatOptions) withDefaults() ChatOptions {
	if len(o.Sizes) == 0 {
		o.Sizes = make([]int, max(1, o.Rooms))
		for i := range o.Sizes {
			o.Sizes[i] = o.Members
		}
	}
	o.Rooms = len(o.Sizes)
	if o.Senders == 0 {
		// Half of what a connection may send: bursts must fit too.
		o.Senders = max(1, int(math.Ceil(o.Rate/(connectionRate/2))))
	}
	if o.Arrivals == "" {
		o.Arrivals = Poisson
	}
	if o.Payload == 0 {
		o.Payload = 64
	}
	if o.Dialing == 0 {
		o.Dialing = 256
	}
	return o
}

// maxContent is the longest message a room takes (spec: quotas.md).
const maxContent = 500

// check refuses what the service would refuse.
func (o ChatOptions) check() error {
	smallest := o.Sizes[0]
	for _, n := range o.Sizes {
		smallest = min(smallest, n)
	}
	switch {
	case o.Rate < 0 || o.Rate > roomRate:
		return fmt.Errorf("a rate of %g/s per room is not possible: a room takes at most %d messages per second; use more rooms", o.Rate, roomRate)
	case o.Rate > float64(connectionRate*o.Senders):
		return fmt.Errorf("%d senders cannot send %g/s: a connection may send %d per second; ask for at least %d senders",
			o.Senders, o.Rate, connectionRate, int(math.Ceil(o.Rate/connectionRate)))
	case smallest < o.Senders:
		return fmt.Errorf("a room of %d members has no %d senders; use more members or a lower rate", smallest, o.Senders)
	case o.Payload < markerSize || o.Payload > maxContent:
		return fmt.Errorf("a payload of %d bytes is not possible: the run's own mark takes %d, a message at most %d", o.Payload, markerSize, maxContent)
	case o.Arrivals != Even && o.Arrivals != Poisson:
		return fmt.Errorf("arrivals are %q or %q, not %q", Even, Poisson, o.Arrivals)
	case o.RoomARN != "" && o.Rooms != 1:
		return errors.New("one given room cannot stand for several: leave out the number of rooms")
	case o.For <= 0 || o.WarmUp < 0:
		return errors.New("the measured time must be over 0, the warm-up not under")
	}
	return nil
}
