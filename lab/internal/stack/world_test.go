package stack

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// world is a datapath in a few lines: hosts whose packets an event loop carries to
// the host that has the destination, over one path with a delay, loss and an MTU.
// Its clock is real, or jumps when there is nothing to do.
type world struct {
	tb       testing.TB
	virtual  bool
	delay    time.Duration
	loss     float64
	forget   bool // do not keep what was sent
	verified bool // packets arrive with checksums known to be right
	mtu      int  // of the way between hosts, which sockets are not told (a router's)

	mu    sync.Mutex
	rng   *rand.Rand
	now   time.Time // of the virtual clock
	queue events
	turn  int
	poke  chan struct{}
	done  chan struct{}
	ended chan struct{}
	hosts []*host
	sent  [][]byte // every packet, in order
	metas []Meta
}

type event struct {
	at      time.Time
	turn    int
	f       func()
	stopped *bool
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].turn < q[j].turn
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	e := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return e
}

func newWorld(tb testing.TB, virtual bool) *world {
	w := &world{
		tb: tb, virtual: virtual, rng: rand.New(rand.NewPCG(1, 2)), now: time.Unix(1e9, 0),
		poke: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.run()
	tb.Cleanup(func() {
		for _, h := range w.hosts {
			h.stack.Close()
		}
		close(w.done)
		<-w.ended
	})
	return w
}

func (w *world) clock() time.Time {
	if !w.virtual {
		return time.Now()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) after(d time.Duration, f func()) func() bool {
	stopped := new(bool)
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.now
	if !w.virtual {
		at = time.Now()
	}
	w.turn++
	heap.Push(&w.queue, event{at.Add(max(d, 0)), w.turn, f, stopped})
	select {
	case w.poke <- struct{}{}:
	default:
	}
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		was := *stopped
		*stopped = true
		return !was
	}
}

// run is the event loop.
func (w *world) run() {
	defer close(w.ended)
	quiet := 0
	for {
		w.mu.Lock()
		now := w.now
		if !w.virtual {
			now = time.Now()
		}
		wait := time.Hour
		var next *event
		for len(w.queue) > 0 && *w.queue[0].stopped {
			heap.Pop(&w.queue)
		}
		if len(w.queue) > 0 {
			wait = w.queue[0].at.Sub(now)
			if w.virtual && wait > 0 {
				// Programs get a moment of real time to react; then the clock jumps.
				if quiet++; quiet > 5 {
					w.now, wait = w.queue[0].at, 0
				} else {
					wait = 50 * time.Microsecond
				}
			}
			if wait <= 0 {
				e := heap.Pop(&w.queue).(event)
				*e.stopped = true
				next = &e
			}
		}
		w.mu.Unlock()
		if next != nil {
			quiet = 0
			next.f()
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-w.done:
			timer.Stop()
			return
		case <-w.poke:
		case <-timer.C:
		}
		timer.Stop()
		if w.virtual {
			for _, h := range w.hosts {
				h.stack.Settle()
			}
		}
	}
}

// host implements Network.
type host struct {
	w       *world
	stack   *Stack
	addrs   []netip.Addr
	mtu     int                         // of eth0
	route   func(f *rpdb.Flow, p *Path) // changes decisions
	arrival func(a *Arrival, p []byte)  // changes where packets arrive
	sysctls map[string]string
}

const (
	lo   = 1
	eth0 = 2
	eth1 = 3
	vrf  = 9
)

func (w *world) host(addrs ...string) *host {
	h := &host{w: w, mtu: 1500, sysctls: make(map[string]string)}
	for _, a := range addrs {
		h.addrs = append(h.addrs, netip.MustParseAddr(a))
	}
	h.stack = New(h)
	w.mu.Lock()
	w.hosts = append(w.hosts, h)
	w.mu.Unlock()
	return h
}

func (h *host) has(a netip.Addr) bool {
	for _, x := range h.addrs {
		if x == a {
			return true
		}
	}
	return a.IsLoopback()
}

func (h *host) Route(f *rpdb.Flow) Path {
	var p Path
	p.Src = f.Src
	switch {
	case h.has(f.Dst):
		p.Type, p.OIF, p.MTU = rpdb.Local, lo, 65536
		if !f.Src.IsValid() || f.Src.IsUnspecified() {
			if p.Src = f.Dst; f.Dst.IsLoopback() && f.Dst.Is4() {
				p.Src = netip.MustParseAddr("127.0.0.1")
			}
		}
	case f.Dst == netip.MustParseAddr("10.0.0.255"):
		p.Type, p.OIF, p.MTU = rpdb.Broadcast, eth0, h.mtu
	case f.Dst.IsMulticast():
		p.Type, p.OIF, p.MTU = rpdb.Multicast, eth0, h.mtu
	default:
		p.Type, p.OIF, p.MTU = rpdb.Unicast, eth0, h.mtu
	}
	if p.Type != rpdb.Local && (!f.Src.IsValid() || f.Src.IsUnspecified()) {
		for _, a := range h.addrs {
			if a.Is4() == f.Dst.Is4() {
				p.Src = a
				break
			}
		}
	}
	if f.OIF != 0 {
		p.OIF = f.OIF
	}
	if h.route != nil {
		h.route(f, &p)
	}
	return p
}

func (h *host) AddrType(a netip.Addr, oif int) rpdb.RouteType {
	switch {
	case a == netip.IPv6Loopback() && oif != 0 && oif != lo:
		return rpdb.Unicast
	case h.has(a):
		return rpdb.Local
	case a == netip.MustParseAddr("10.0.0.255"):
		return rpdb.Broadcast
	case a.IsMulticast():
		return rpdb.Multicast
	}
	return rpdb.Unicast
}

func (h *host) Link(index int, name string) (Link, bool) {
	for _, l := range []Link{
		{Index: lo, Name: "lo", MTU: 65536},
		{Index: eth0, Name: "eth0", MTU: h.mtu},
		{Index: eth1, Name: "eth1", MTU: h.mtu, Master: vrf},
		{Index: vrf, Name: "red", MTU: 65575, VRF: true},
	} {
		if l.Index == index || index == 0 && l.Name == name {
			return l, true
		}
	}
	return Link{}, false
}

func (h *host) Sysctl(path string) (string, bool) {
	v, ok := h.sysctls[path]
	return v, ok
}

func (h *host) Now() time.Time                                         { return h.w.clock() }
func (h *host) AfterFunc(d time.Duration, f func()) (stop func() bool) { return h.w.after(d, f) }
func (h *host) Seed() uint64                                           { return 7 }

func (h *host) Send(p []byte, m Meta) rpdb.Errno {
	h.Output(p, m)
	return rpdb.OK
}

func (h *host) Output(p []byte, m Meta) {
	w := h.w
	w.mu.Lock()
	if !w.forget {
		w.sent = append(w.sent, p)
		w.metas = append(w.metas, m)
	}
	lost := w.rng.Float64() < w.loss
	w.mu.Unlock()
	a, ok := parse(p, 0, len(p))
	if !ok {
		w.tb.Errorf("not an IP packet: % x", p)
		return
	}
	delay := w.delay
	if h.has(a.dst) {
		delay, lost = 0, false
	}
	if !lost {
		w.after(delay, func() { w.carry(h, a.dst, p, m) })
	}
}

func upper(p []byte) (proto uint8, at int) {
	if p[0]>>4 == 4 {
		return p[9], int(p[0]&15) * 4
	}
	return p[6], ipv6Header
}

// carry delivers a packet, or tells its sender what went wrong.
func (w *world) carry(from *host, dst netip.Addr, p []byte, m Meta) {
	v4 := dst.Is4()
	if to := from; !from.has(dst) {
		if w.mtu != 0 && len(p) > w.mtu && (!v4 || p[6]&0x40 != 0) {
			typ, code := uint8(icmp6TooBig), uint8(0)
			if v4 {
				typ, code = icmpUnreach, icmpFragNeeded
			}
			from.icmp(typ, code, uint32(w.mtu), p)
			return
		}
		to = nil
		for _, h := range w.hosts {
			if h.has(dst) && !dst.IsLoopback() {
				to = h
			}
		}
		if dst == netip.MustParseAddr("10.0.0.255") || dst.IsMulticast() {
			for _, h := range w.hosts {
				if h != from {
					h.deliver(p, rpdb.Broadcast)
				}
			}
			return
		}
		if to == nil {
			return // a black hole
		}
		if !to.deliver(p, rpdb.Local) {
			from.unreachable(p)
		}
		return
	}
	if !from.deliver(p, rpdb.Local) {
		from.unreachable(p)
	}
}

func (h *host) deliver(p []byte, typ rpdb.RouteType) bool {
	in := Arrival{IIF: eth0, Type: typ, Time: h.Now(), LinkBroadcast: typ != rpdb.Local}
	in.Proto, in.Upper = upper(p)
	in.Verified = h.w.verified
	if a, _ := parse(p, 0, len(p)); h.has(a.src) {
		in.IIF = lo
	}
	if h.arrival != nil {
		h.arrival(&in, p)
	}
	return h.stack.Deliver(p, in)
}

func (h *host) unreachable(p []byte) {
	if p[0]>>4 == 4 {
		h.icmp(icmpUnreach, 3, 0, p)
	} else {
		h.icmp(icmp6Unreach, 4, 0, p)
	}
}

// icmp tells the host's sockets of an error.
func (h *host) icmp(typ, code uint8, info uint32, p []byte) {
	n := len(p)
	a, _ := parse(p, 0, len(p))
	h.stack.ICMPError(ICMPError{
		Offender: a.dst, Type: typ, Code: code, Info: info, Quoted: p[:min(n, 548)], IIF: eth0, Time: h.Now(),
	})
}

// packets are the packets sent so far that f accepts.
func (w *world) packets(f func(p []byte) bool) [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out [][]byte
	for _, p := range w.sent {
		if f(p) {
			out = append(out, p)
		}
	}
	return out
}

func segments(flags, mask byte) func(p []byte) bool {
	return func(p []byte) bool {
		proto, n := upper(p)
		return proto == rpdb.ProtoTCP && flagsOf(p[n:])&mask == flags
	}
}

func addrPort(format string, args ...any) netip.AddrPort {
	return netip.MustParseAddrPort(fmt.Sprintf(format, args...))
}
