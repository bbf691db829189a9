package limit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/limit"
)

func TestBucketAllowsItsRateAndABurstOfOneSecond(t *testing.T) {
	var b limit.Bucket
	start := time.Now()
	allowed := 0
	for i := range 5000 { // one a millisecond for five seconds
		if b.Allow(start.Add(time.Duration(i)*time.Millisecond), 10) {
			allowed++
		}
	}
	if allowed < 59 || allowed > 60 {
		t.Errorf("%d allowed in 5 s at 10/s with a burst of 10, want 59 or 60", allowed)
	}
	if !b.Allow(start, 0) {
		t.Error("a rate of 0 refused")
	}
}

func TestRatesAreKeptPerKeyAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r limit.Rates
		a, b := limit.Key{Account: "1", What: "x"}, limit.Key{Account: "2", What: "x"}
		if !r.Allow(a, 1) || r.Allow(a, 1) || !r.Allow(b, 1) {
			t.Error("one account's calls counted against another's")
		}
		time.Sleep(time.Second)
		if !r.Allow(a, 1) {
			t.Error("the rate did not come back after a second")
		}
		time.Sleep(3 * time.Minute)
		if !r.Allow(a, 1) || r.Allow(a, 1) {
			t.Error("a bucket is not fresh after it was forgotten")
		}
	})
}

func TestGaugeHoldsItsLimit(t *testing.T) {
	var g limit.Gauge
	k := limit.Key{Account: "1"}
	for i, want := range []bool{true, true, false} {
		if got := g.Take(k, 2); got != want {
			t.Errorf("take %d of two: %v, want %v", i+1, got, want)
		}
	}
	g.Release(k)
	if !g.Take(k, 2) {
		t.Error("refused after one was given back")
	}
	if !g.Take(k, 0) {
		t.Error("a limit of 0 refused")
	}
}

func TestProfiles(t *testing.T) {
	aws, err := limit.Lookup(limit.AWS)
	if err != nil {
		t.Fatal(err)
	}
	// spec: quotas.md §1, §2.
	for operation, rate := range map[string]int{"CreateChatToken": 200, "SendEvent": 100, "GetRoom": 5, "ListLoggingConfigurations": 3, "TagResource": 10} {
		if aws.Operations[operation] != rate {
			t.Errorf("%s: %d, want %d", operation, aws.Operations[operation], rate)
		}
	}
	if len(aws.Operations) != 17 || aws.Connections != 50_000 || aws.SendMessage != 1000 {
		t.Errorf("aws profile: %+v", aws)
	}
	byDefault, _ := limit.Lookup(limit.Default)
	if byDefault.Rooms != 50_000 || byDefault.LoggingConfigurations != 10 || byDefault.ConnectionRequests != 10 ||
		byDefault.RoomMessages != 100 || byDefault.Operations != nil || byDefault.SendMessage != 0 {
		t.Errorf("default profile: %+v", byDefault)
	}
	if none, _ := limit.Lookup(limit.None); none.RoomMessages != 0 || none.Rooms != 0 || none.ConnectionRequests != 0 {
		t.Errorf("none profile: %+v", none)
	}
	if _, err := limit.Lookup("some"); err == nil {
		t.Error("an unknown profile was found")
	}
}

func TestWhatIsGivenBackCanBeTakenAgain(t *testing.T) {
	var r limit.Rates
	k := limit.Key{Account: "1"}
	r.Return(k) // of nothing taken
	for range 3 {
		if !r.Allow(k, 1) {
			t.Fatal("refused after it was given back")
		}
		r.Return(k)
	}
	if !r.Allow(k, 1) || r.Allow(k, 1) {
		t.Error("the rate is not 1 any more")
	}
}

func TestABurstOfItsOwn(t *testing.T) {
	var b limit.Bucket
	start := time.Now()
	allowed := 0
	for range 100 {
		if b.AllowBurst(start, 10, 30) {
			allowed++
		}
	}
	if allowed != 30 {
		t.Errorf("%d at once with a burst of 30", allowed)
	}
}
