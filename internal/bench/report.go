package bench

import (
	"io"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is everything a run found out.
type Report struct {
	Command     string            `json:"command"`
	Started     time.Time         `json:"started"`
	Interrupted bool              `json:"interrupted"`
	Flags       map[string]string `json:"flags"`
	Machine     Machine           `json:"machine"`
	Endpoint    string            `json:"endpoint"`
	Messaging   []string          `json:"messaging,omitempty"`

	Connections Connections        `json:"connections"`
	Messages    *Messages          `json:"messages,omitempty"`
	Operations  *Operations        `json:"operations,omitempty"`
	Window      Window             `json:"window"`
	Latency     map[string]Latency `json:"latency_ms"` // by name: connect, ack, deliver, send_lag, operation

	Nodes     []NodeReport `json:"nodes,omitempty"` // of a cluster; Server is all of them together
	Server    *Cost        `json:"server,omitempty"`
	Generator *Cost        `json:"generator,omitempty"`
	// CPU-seconds per million of what the run counts (Unit), over the window.
	Unit                string  `json:"unit"` // delivery, handshake or operation
	CPUPerMillion       float64 `json:"cpu_per_million"`
	GeneratorPerMillion float64 `json:"generator_cpu_per_million"`
	BytesPerConnection  float64 `json:"server_bytes_per_connection,omitempty"`

	Problems   []string    `json:"problems"` // why the run failed, in sentences
	Assertions []Assertion `json:"assertions,omitempty"`

	histograms map[string]*hdrhistogram.Histogram
}

// NodeReport is a node's part.
type NodeReport struct {
	Endpoint      string  `json:"endpoint"`
	Messaging     string  `json:"messaging"`
	Connections   int     `json:"connections"` // opened
	Deliveries    int     `json:"deliveries"`  // in the window
	Server        *Cost   `json:"server,omitempty"`
	CPUPerMillion float64 `json:"cpu_per_million,omitempty"`
}

// Machine is where the generator ran.
type Machine struct {
	Cores      int     `json:"cores"`
	GOMAXPROCS int     `json:"gomaxprocs"`
	Loops      int     `json:"loops,omitempty"`
	Coalesce   float64 `json:"coalesce_ms"` // how long receivers let deliveries gather: at most what latencies are too long
	Kernel     string  `json:"kernel"`
	Arch       string  `json:"arch"`
	Go         string  `json:"go"`
}

// Connections is what became of them.
type Connections struct {
	Wanted      int            `json:"wanted"`
	Opened      int            `json:"opened"`
	Failed      map[string]int `json:"failed"` // by reason
	Seconds     float64        `json:"seconds"`
	PerSecond   float64        `json:"per_second"`
	Left        int            `json:"left"`         // ended as we asked, before the end
	ClosedEarly map[string]int `json:"closed_early"` // healthy ones that the service ended, by reason
	Stalled     int            `json:"stalled"`      // that never read
	StalledEnds map[string]int `json:"stalled_ends"` // of those, by reason
}

// Messages counts sends and deliveries of the whole run, warm-up included.
type Messages struct {
	Planned    int            `json:"planned"`
	Sent       int            `json:"sent"`
	Accepted   int            `json:"accepted"` // that a viewer got
	Refused    map[string]int `json:"refused"`  // ERROR frames by code
	Throttled  int            `json:"throttled"`
	Unanswered int            `json:"unanswered"` // neither own copy nor ERROR
	Unsent     map[string]int `json:"unsent"`     // by reason

	Delivered int `json:"delivered"`
	Expected  int `json:"expected"`
	Lost      int `json:"lost"`
	Doubled   int `json:"doubled"`
	Reordered int `json:"reordered"`
	Misrouted int `json:"misrouted"` // of another room
	Foreign   int `json:"foreign"`   // not of this run
}

// Operations counts calls of the control plane.
type Operations struct {
	Operation string         `json:"operation"`
	Workers   int            `json:"workers"`
	Done      int            `json:"done"`
	Failed    map[string]int `json:"failed"`
	PerSecond float64        `json:"per_second"`
}

// Window is the measured time: without connecting and warm-up.
type Window struct {
	Seconds       float64 `json:"seconds"`
	Sent          int     `json:"sent"`
	Units         int     `json:"units"` // deliveries, handshakes or operations
	PerSecond     float64 `json:"per_second"`
	SentPerSecond float64 `json:"sent_per_second"`
	Reads         int     `json:"reads"` // that returned data
	Bytes         int     `json:"bytes"`
	FramesPerRead float64 `json:"frames_per_read"`
	Wakeups       int     `json:"wakeups"`
}

// Latency is a distribution, in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	Min   float64 `json:"min"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99.9"`
	Max   float64 `json:"max"`
}

// Cost is what a process used over the window.
type Cost struct {
	PID           int     `json:"pid,omitempty"`
	CPUSeconds    float64 `json:"cpu_seconds"`
	UserSeconds   float64 `json:"user_seconds"`
	SystemSeconds float64 `json:"system_seconds"`
	CPUPercent    float64 `json:"cpu_percent"`
	RSSBefore     int64   `json:"rss_before_bytes"`
	RSSAfter      int64   `json:"rss_after_bytes"`
	Threads       int     `json:"threads"`
}

func newReport(command, unit string, t *Target) *Report {
	var nodes []NodeReport
	for i, endpoint := range t.endpoints() {
		if len(t.More) > 0 {
			nodes = append(nodes, NodeReport{Endpoint: endpoint, Messaging: t.URLs[i]})
		}
	}
	return &Report{
		Nodes: nodes, Command: command, Started: time.Now().UTC(), Unit: unit, Endpoint: t.Endpoint, Messaging: t.URLs,
		Machine: Machine{
			Cores: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0), Kernel: kernel(), Arch: runtime.GOARCH, Go: runtime.Version(),
		},
		Connections: Connections{Failed: map[string]int{}, ClosedEarly: map[string]int{}, StalledEnds: map[string]int{}},
		Latency:     map[string]Latency{}, Problems: []string{}, histograms: map[string]*hdrhistogram.Histogram{},
	}
}

func (r *Report) latency(name string, h *hdrhistogram.Histogram) {
	if h.TotalCount() == 0 {
		return
	}
	r.histograms[name] = h
	ms := func(ns int64) float64 { return float64(ns) / 1e6 }
	r.Latency[name] = Latency{
		Count: h.TotalCount(), Min: ms(h.Min()), Mean: h.Mean() / 1e6, P50: ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)),
		P99: ms(h.ValueAtQuantile(99)), P999: ms(h.ValueAtQuantile(99.9)), Max: ms(h.Max()),
	}
}

// measure fills in the window and the costs from readings at its two ends.
func (r *Report) measure(before, after reading, units int, m meter) {
	seconds := after.at.Sub(before.at).Seconds()
	r.Window.Seconds, r.Window.Units = seconds, units
	if seconds > 0 {
		r.Window.PerSecond = float64(units) / seconds
		r.Window.SentPerSecond = float64(r.Window.Sent) / seconds
	}
	r.Generator = cost(before.own, after.own, 0)
	if before.known && after.known {
		pid := 0
		if len(m.servers) == 1 {
			pid = m.servers[0]
		}
		r.Server = cost(before.server, after.server, pid)
	}
	costs := []*Cost{r.Generator, r.Server}
	for i := range r.Nodes {
		if n := &r.Nodes[i]; before.known && after.known {
			n.Server = cost(before.each[i], after.each[i], m.servers[i])
			costs = append(costs, n.Server)
			if n.Deliveries > 0 {
				n.CPUPerMillion = n.Server.CPUSeconds / float64(n.Deliveries) * 1e6
			}
		}
	}
	for _, c := range costs {
		if c != nil && seconds > 0 {
			c.CPUPercent = 100 * c.CPUSeconds / seconds
		}
	}
	if units == 0 {
		return
	}
	r.GeneratorPerMillion = r.Generator.CPUSeconds / float64(units) * 1e6
	if r.Server != nil {
		r.CPUPerMillion = r.Server.CPUSeconds / float64(units) * 1e6
	}
}

// fill takes over what the engine counted of connections.
func (r *Report) fill(e *engine, c counts) {
	s := e.snapshot()
	r.Machine.Loops = len(e.loops)
	r.Connections.Opened, r.Connections.Left = int(s.opened), int(s.left)
	for i := range r.Nodes {
		r.Nodes[i].Connections = int(s.nodes[i].opened)
	}
	r.Connections.Failed, r.Connections.ClosedEarly, r.Connections.StalledEnds = c.failed, c.ends, c.stalledEnds
	if r.Connections.PerSecond == 0 && r.Connections.Seconds > 0 {
		r.Connections.PerSecond = float64(s.opened) / r.Connections.Seconds
	}
	r.latency("connect", e.merged(func(l *loop) *hdrhistogram.Histogram { return l.connect }))
}

func total(m map[string]int) (n int) {
	for v := range maps.Values(m) {
		n += v
	}
	return n
}

// Names returns the latencies there are, in the order they happen.
func (r *Report) Names() []string {
	order := latencies()
	return slices.DeleteFunc(order, func(name string) bool { _, ok := r.Latency[name]; return !ok })
}

// WriteHistograms writes the distributions as an HdrHistogram log, in
// nanoseconds, a tag for each.
func (r *Report) WriteHistograms(w io.Writer) error {
	log := hdrhistogram.NewHistogramLogWriter(w)
	if err := log.OutputLogFormatVersion(); err != nil {
		return err
	}
	if err := log.OutputLegend(); err != nil {
		return err
	}
	for _, name := range r.Names() {
		h := r.histograms[name]
		h.SetTag(name)
		h.SetStartTimeMs(r.Started.UnixMilli())
		h.SetEndTimeMs(r.Started.Add(time.Duration(r.Window.Seconds * float64(time.Second))).UnixMilli())
		if err := log.OutputIntervalHistogram(h); err != nil {
			return err
		}
	}
	return nil
}
