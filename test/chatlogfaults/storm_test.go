package chatlogfaults

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// storm is weather of destinations: of each kind some calls go well, then some
// fail in one way, then others in another. It is called under the endpoint's lock.
func storm(seed uint64) func(kind string) fault {
	random := rand.New(rand.NewPCG(seed, 0))
	type weather struct {
		calls int
		fault fault
	}
	now := map[string]*weather{}
	return func(kind string) fault {
		w := now[kind]
		if w == nil {
			w = &weather{}
			now[kind] = w
		}
		if w.calls == 0 {
			*w = weather{1 + random.IntN(6), fault{}}
			if bad := faults(random, kind); random.IntN(2) == 0 {
				w.fault = bad[random.IntN(len(bad))]
			}
		}
		w.calls--
		return w.fault
	}
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
	switch kind {
	case kindS3:
		return append(all, fault{status: 503, code: "SlowDown"}, fault{status: 500, code: "InternalError"}, fault{status: 403, code: "AccessDenied"},
			fault{status: 404, code: "NoSuchBucket"}, fault{status: 409, code: "ConditionalRequestConflict"})
	case kindLogs:
		return append(all, fault{status: 400, code: "ThrottlingException"}, fault{status: 500, code: "ServiceUnavailableException"},
			fault{status: 400, code: "AccessDeniedException"}, fault{status: 400, code: "ResourceNotFoundException"}, fault{forget: true},
			fault{partly: func(n int) []bool { // too old at one end, too new at the other
				taken := make([]bool, n)
				from := random.IntN(2)
				for i := from; i < n-random.IntN(n-from+1); i++ {
					taken[i] = true
				}
				return taken
			}})
	}
	return append(all, fault{status: 400, code: "ThrottlingException"}, fault{status: 503, code: "ServiceUnavailableException"},
		fault{status: 400, code: "AccessDeniedException"}, fault{status: 400, code: "ResourceNotFoundException"}, fault{partly: some}, fault{partly: some})
}

// Destinations that throttle, fail, cut connections before and after they took a
// batch, take parts of batches, lose streams and deny access, at random for a while.
// CHATLOG_STORM is for how many seconds.
func TestStorms(t *testing.T) {
	seconds := times(t, "CHATLOG_STORM", 6)
	seed := uint64(times(t, "CHATLOG_SEED", int(rand.Uint32())))
	e := newEndpoint(t)
	r := newRig(t, t.TempDir(), everywhere(), e.flags()...)
	e.set(false, storm(seed))
	stop := r.chat()
	<-time.After(time.Duration(seconds) * time.Second)
	stop()
	e.set(false, nil)
	r.end(syscall.SIGTERM)
	e.mu.Lock()
	what := fmt.Sprintf("storm of seed %d, %d of %d calls hit", seed, e.failed, e.calls)
	e.mu.Unlock()
	r.hold(what, e.holds(), e.old)
}
