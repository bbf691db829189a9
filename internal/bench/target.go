package bench

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleychat/parley/ivschat"
)

// Target is what is measured and from where.
type Target struct {
	API      ivschat.API
	Endpoint string // of the control plane, for the report and the checks
	// More are the cluster's other nodes, API and Endpoint being the first's: URLs has
	// one for each node then, in their order, and calls go to all in turn.
	More      []Node
	URLs      []string       // of messaging: ws:// or wss://
	Locals    []netip.Addr   // source addresses; none for the system's choice
	ServerPID []int          // whose cost to read, one for each node; none looks for them if the target is this machine, -1 does not
	OwnHost   bool           // the user says that a target elsewhere is theirs
	Loops     int            // receiver loops; 0 for one per two cores
	Portable  bool           // a goroutine per connection even where raw sockets work
	Workers   int            // concurrent calls of the control plane while setting up
	Prefix    string         // of the names of rooms made for the run
	RootCAs   *x509.CertPool // whom to trust for wss; nil for the system's
	Dialect   *Dialect       // of a server that is no chat service, and has no API

	turn atomic.Int64
}

// Node is a node of a cluster.
type Node struct {
	API      ivschat.API
	Endpoint string
}

// api returns the API of the next node in turn.
func (t *Target) api() ivschat.API {
	n := int(t.turn.Add(1)) % (1 + len(t.More))
	if n == 0 {
		return t.API
	}
	return t.More[n-1].API
}

// endpoints are those of all nodes.
func (t *Target) endpoints() []string {
	all := []string{t.Endpoint}
	for _, n := range t.More {
		all = append(all, n.Endpoint)
	}
	return all
}

// MessagingURL derives the messaging URL from the control plane's: Parley
// serves both on one port.
func MessagingURL(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("endpoint %q is no URL", endpoint)
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("endpoint %q is no http or https URL", endpoint)
	}
	return u.String(), nil
}

// Check refuses what must not be loaded, or what this machine cannot carry.
func (t *Target) Check(conns int) error {
	if n := 1 + len(t.More); n > 1 && len(t.URLs) != n {
		return fmt.Errorf("%d nodes need as many messaging URLs, in their order; there are %d", n, len(t.URLs))
	}
	if n := 1 + len(t.More); len(t.ServerPID) > 1 && len(t.ServerPID) != n {
		return fmt.Errorf("%d process ids are given for %d nodes: give one for each, or none", len(t.ServerPID), n)
	}
	for _, raw := range slices.Concat(t.endpoints(), t.URLs) {
		if err := t.mayLoad(raw); err != nil {
			return err
		}
	}
	limit, err := openFiles()
	if err != nil {
		return fmt.Errorf("read the limit on open files: %w", err)
	}
	// What we need besides: the control plane's connections, epoll sets, files.
	if spare := t.workers() + 64; conns+spare > limit {
		return fmt.Errorf("%d connections do not fit: this process may open %d files, and needs %d of them for itself; raise ulimit -n or ask for at most %d",
			conns, limit, spare, max(0, limit-spare))
	}
	room := ports() * max(1, len(t.sources(conns))) * max(1, len(t.URLs))
	if conns > room {
		return fmt.Errorf("%d connections do not fit: one source address has %d ports for one destination; add addresses with --local-addr or --url",
			conns, ports())
	}
	return nil
}

// sources returns the addresses to connect from; none for the system's choice.
// Linux looks for a free port in time that grows once half of them are taken.
// All of 127.0.0.0/8 is this machine there, so a target on it gets as many
// addresses as it takes to stay below.
func (t *Target) sources(conns int) []netip.Addr {
	half := ports() / 2 * max(1, len(t.URLs))
	if len(t.Locals) > 0 || !rawSupported || conns <= half {
		return t.Locals
	}
	for _, raw := range t.URLs {
		p, err := resolve(raw)
		if err != nil || !p.addr.Addr().Is4() || !p.addr.Addr().IsLoopback() {
			return nil
		}
	}
	var list []netip.Addr
	for i := range min(250, conns/half+1) {
		list = append(list, netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i)}))
	}
	return list
}

// mayLoad lets through this machine, and what the user says is theirs.
func (t *Target) mayLoad(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("%q is no URL", raw)
	}
	if t.OwnHost {
		return nil
	}
	if u.Hostname() == "localhost" {
		return nil
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s is not this machine: a load test of somebody else's service is an attack. If it is yours, say --i-own-this-host", u.Hostname())
}

func (t *Target) workers() int {
	if t.Workers > 0 {
		return t.Workers
	}
	return 16
}

// servers returns the pids to read costs of, 0 for none, one for each node.
func (t *Target) servers() (pids []int) {
	for i, endpoint := range t.endpoints() {
		switch {
		case len(t.ServerPID) == 0:
			pids = append(pids, serverOf(endpoint))
		case len(t.ServerPID) == 1 && t.ServerPID[0] <= 0:
			pids = append(pids, 0)
		case i < len(t.ServerPID):
			pids = append(pids, max(t.ServerPID[i], 0))
		}
	}
	return pids
}

func serverOf(endpoint string) int {
	u, err := url.Parse(endpoint)
	if err != nil {
		return 0
	}
	addrs, err := net.LookupHost(u.Hostname())
	if err != nil || len(addrs) == 0 {
		return 0
	}
	if a, err := netip.ParseAddr(addrs[0]); err != nil || !a.IsLoopback() {
		return 0
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return 0
	}
	return listener(port)
}

// roomRate is the highest message rate a room can have (spec: quotas.md).
const roomRate = 100

// makeRooms creates the run's rooms.
func (t *Target) makeRooms(ctx context.Context, n int) ([]string, error) {
	arns := make([]string, n)
	err := t.parallel(ctx, n, func(ctx context.Context, i int) error {
		rate := int32(roomRate)
		name := fmt.Sprintf("%s-%d", t.Prefix, i)
		r, err := t.api().CreateRoom(ctx, &ivschat.CreateRoomInput{Name: &name, MaximumMessageRatePerSecond: &rate})
		if err != nil {
			return fmt.Errorf("create a room for the run: %w", err)
		}
		arns[i] = r.Arn
		return nil
	})
	return arns, err
}

// dropRooms deletes rooms that were made, even after ctx has ended.
func (t *Target) dropRooms(ctx context.Context, arns []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return t.parallel(ctx, len(arns), func(ctx context.Context, i int) error {
		if arns[i] == "" {
			return nil
		}
		if _, err := t.api().DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: arns[i]}); err != nil {
			return fmt.Errorf("delete the run's room %s: %w", arns[i], err)
		}
		return nil
	})
}

// tokenFor issues a chat token, for three hours so that no session ends within
// a run.
func (t *Target) tokenFor(ctx context.Context, arn, user string, sends bool) (*ivschat.CreateChatTokenOutput, error) {
	minutes := int32(180)
	in := &ivschat.CreateChatTokenInput{RoomIdentifier: arn, UserID: user, SessionDurationInMinutes: &minutes}
	if sends {
		in.Capabilities = []ivschat.Capability{ivschat.CapabilitySendMessage}
	}
	out, err := t.api().CreateChatToken(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("create a chat token: %w", err)
	}
	return out, nil
}

// parallel calls f for 0 to n-1 from the target's workers, until one fails.
func (t *Target) parallel(ctx context.Context, n int, f func(context.Context, int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work := make(chan int)
	var group sync.WaitGroup
	errs := make([]error, t.workers())
	for w := range errs {
		group.Go(func() {
			for i := range work {
				if err := f(ctx, i); err != nil {
					errs[w] = err
					cancel()
					return
				}
			}
		})
	}
	for i := range n {
		select {
		case work <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	group.Wait()
	// Those that the first failure cancelled say less than it.
	var cancelled error
	for _, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled):
			cancelled = err
		default:
			return err
		}
	}
	if cancelled == nil {
		cancelled = ctx.Err()
	}
	return cancelled
}
