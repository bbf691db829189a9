package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/parleychat/parley/ivschat"
)

// APIOptions is a load of calls of one operation, one after the other from
// each worker: the latencies are those of a closed loop.
type APIOptions struct {
	Operation string
	Workers   int
	For       time.Duration
	WarmUp    time.Duration
}

// APIOperations are those that can be measured.
func APIOperations() []string { return []string{"GetRoom", "CreateChatToken", "ListRooms"} }

// callOf returns a call of the operation for a room.
func callOf(operation string, t *Target, arn string) func(context.Context) error {
	switch operation {
	case "GetRoom":
		return func(ctx context.Context) error {
			_, err := t.api().GetRoom(ctx, &ivschat.GetRoomInput{Identifier: arn})
			return err
		}
	case "CreateChatToken":
		return func(ctx context.Context) error {
			_, err := t.api().CreateChatToken(ctx, &ivschat.CreateChatTokenInput{RoomIdentifier: arn, UserID: "bench"})
			return err
		}
	}
	return func(ctx context.Context) error {
		_, err := t.api().ListRooms(ctx, &ivschat.ListRoomsInput{})
		return err
	}
}

// worker's figures; merged when it has ended.
type calls struct {
	done    int
	failed  map[string]int
	latency *hdrhistogram.Histogram
}

// API measures operations of the control plane.
func API(ctx context.Context, t *Target, o APIOptions, notify func(Status)) (report *Report, err error) {
	switch {
	case !slices.Contains(APIOperations(), o.Operation):
		return nil, fmt.Errorf("there is no measurement of %q; choose %s", o.Operation, strings.Join(APIOperations(), ", "))
	case o.Workers <= 0 || o.For <= 0 || o.WarmUp < 0:
		return nil, errors.New("workers and the measured time must be over 0, the warm-up not under")
	}
	if err := t.Check(o.Workers); err != nil {
		return nil, err
	}
	arns, err := t.makeRooms(ctx, 1)
	defer func() { err = errors.Join(err, t.dropRooms(ctx, arns)) }()
	if err != nil {
		return nil, err
	}
	report = newReport("api", "operation", t)
	call := callOf(o.Operation, t, arns[0])
	if err := call(ctx); err != nil { // one that cannot work at all is not measured
		return nil, err
	}
	measureCalls(ctx, report, o, meter{t.servers()}, call, notify)
	report.Interrupted = ctx.Err() != nil
	report.judge()
	return report, nil
}

func measureCalls(ctx context.Context, report *Report, o APIOptions, m meter, call func(context.Context) error, notify func(Status)) {
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	var measured atomic.Bool
	var done atomic.Int64
	all := make([]calls, o.Workers)
	var group sync.WaitGroup
	for i := range all {
		all[i] = calls{failed: map[string]int{}, latency: histogram()}
		group.Go(func() { all[i].work(run, call, &measured, &done) })
	}
	stop := ticker(notify, func(elapsed time.Duration) Status {
		n := int(done.Load())
		return Status{Phase: "run", Elapsed: elapsed, Length: o.WarmUp + o.For, Units: n, Out: float64(n) / elapsed.Seconds()}
	})
	wait(ctx, o.WarmUp)
	measured.Store(true)
	before, first := m.read(), done.Load()
	wait(ctx, o.For)
	after, last := m.read(), done.Load()
	measured.Store(false)
	cancel()
	group.Wait()
	stop()
	op := &Operations{Operation: o.Operation, Workers: o.Workers, Failed: map[string]int{}}
	latency := histogram()
	for _, c := range all {
		op.Done += c.done
		merge(op.Failed, c.failed)
		latency.Merge(c.latency)
	}
	report.Operations = op
	report.latency("operation", latency)
	report.measure(before, after, int(last-first), m)
	op.PerSecond = report.Window.PerSecond
}

// work calls until ctx ends. Calls that ctx cut short do not count.
func (c *calls) work(ctx context.Context, call func(context.Context) error, measured *atomic.Bool, done *atomic.Int64) {
	for ctx.Err() == nil {
		counts := measured.Load()
		began := time.Now()
		err := call(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.failed[reason(err)]++
			continue
		}
		done.Add(1)
		c.done++
		if counts {
			c.latency.RecordValue(int64(time.Since(began)))
		}
	}
}

// reason is a failed call as a word to count by.
func reason(err error) string {
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) {
		return coded.ErrorCode()
	}
	return label(err)
}
