package chatlogfaults

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"
)

// storm is weather of destinations. Each kind has all its faults in an order of
// chance, some calls of each, some that go well in between, and so on.
type storm struct {
	mu     sync.Mutex
	random *rand.Rand
	kinds  map[string]*weather
}

type weather struct {
	deck  []fault // still to come
	fault fault
	calls int // still to come of it
	turns int // of the whole deck
}

func newStorm(seed uint64) *storm {
	s := &storm{random: rand.New(rand.NewPCG(seed, 0)), kinds: map[string]*weather{}}
	for _, kind := range []string{kindS3, kindLogs, kindFirehose} {
		s.kinds[kind] = &weather{}
	}
	return s
}

func (s *storm) next(kind string) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.kinds[kind]
	if w.calls > 0 {
		w.calls--
		return w.fault
	}
	if len(w.deck) == 0 {
		for _, f := range faults(s.random, kind) {
			w.deck = append(w.deck, f, fault{})
		}
		s.random.Shuffle(len(w.deck), func(i, j int) { w.deck[i], w.deck[j] = w.deck[j], w.deck[i] })
		w.turns++
	}
	w.fault, w.deck, w.calls = w.deck[0], w.deck[1:], s.random.IntN(3)
	return w.fault
}

// raged tells whether every fault of every kind has come.
func (s *storm) raged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.kinds {
		if w.turns == 0 || w.turns == 1 && len(w.deck) > 0 {
			return false
		}
	}
	return true
}

// faults are those that a kind of destination knows.
func faults(random *rand.Rand, kind string) []fault {
	all := []fault{
		{cutBefore: true}, {cutAfter: true},
		{slow: time.Duration(random.IntN(300)) * time.Millisecond},
		{slow: time.Duration(random.IntN(300)) * time.Millisecond, cutAfter: true},
		{status: 502}, {status: 503, code: "ServiceUnavailable"},
	}
	some := func(n int) []bool {
		taken := make([]bool, n)
		for i := range taken {
			taken[i] = random.IntN(3) > 0
		}
		return taken
	}
	ends := func(n int) []bool { // too new at one end, and perhaps too old at the other
		taken := make([]bool, n)
		for i := random.IntN(2); i < n-1-n/3; i++ {
			taken[i] = true
		}
		return taken
	}
	switch kind {
	case kindS3:
		return append(all, fault{status: 503, code: "SlowDown"}, fault{status: 500, code: "InternalError"}, fault{status: 403, code: "AccessDenied"},
			fault{status: 404, code: "NoSuchBucket"}, fault{status: 409, code: "ConditionalRequestConflict"})
	case kindLogs:
		return append(all, fault{status: 400, code: "ThrottlingException"}, fault{status: 500, code: "ServiceUnavailableException"},
			fault{status: 400, code: "AccessDeniedException"}, fault{status: 400, code: "ResourceNotFoundException"}, fault{forget: true}, fault{partly: ends}, fault{partly: ends})
	}
	return append(all, fault{status: 400, code: "ThrottlingException"}, fault{status: 503, code: "ServiceUnavailableException"},
		fault{status: 400, code: "AccessDeniedException"}, fault{status: 400, code: "ResourceNotFoundException"}, fault{partly: some}, fault{partly: some})
}

// Destinations that throttle, fail, cut connections before and after they took a
// batch, take parts of batches, lose streams and deny access, at random for a while.
// CHATLOG_STORM is for how many seconds at least.
func TestStorms(t *testing.T) {
	seconds := times(t, "CHATLOG_STORM", 1)
	seed := uint64(times(t, "CHATLOG_SEED", int(rand.Uint32())))
	e := newEndpoint(t)
	r := newRig(t, t.TempDir(), everywhere(), e.flags()...)
	weather := newStorm(seed)
	e.set(false, weather.next)
	stop := r.chat()
	<-time.After(time.Duration(seconds) * time.Second)
	wait(t, "every fault", weather.raged)
	stop()
	e.set(false, nil)
	r.end(syscall.SIGTERM)
	e.mu.Lock()
	what := fmt.Sprintf("storm of seed %d, %d of %d calls hit", seed, e.failed, e.calls)
	e.mu.Unlock()
	r.hold(what, e.holds(), e.old)
}
