package datapath

import (
	"net/netip"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Host carries the packets of one namespace. It implements stack.Network.
type Host struct {
	e  *Engine
	ns *netns.Namespace

	transport stack.Transport
	onClose   func()

	// The rest belongs to the event loop.
	view        *netns.View
	compiled    compiled
	links       map[int]*link
	taps        []*Tap
	waiting     map[waitKey][]*packet // for a neighbour
	limits      limits
	partial     map[fragKey]*reassembly
	partialCost int // memory
	nextID      uint32
	confirms    map[netip.Addr]bool
	flow        rpdb.Flow // of the present lookup: none is allocated
	quoted      rpdb.Flow // that its packet, an ICMP error, quotes
}

// Host returns the datapath of a namespace of the world; that of one that was closed has no
// devices, and nobody keeps it. It may be called from any goroutine.
func (e *Engine) Host(ns *netns.Namespace) *Host {
	e.hostsMu.Lock()
	defer e.hostsMu.Unlock()
	h := e.hosts[ns]
	if h == nil && ns.Closed() {
		return &Host{e: e, ns: ns}
	}
	if h == nil {
		h = &Host{e: e, ns: ns}
		h.nextID = uint32(h.Seed() >> 32)
		e.hosts[ns] = h
	}
	return h
}

// Forget ends the datapath of a namespace that was closed, and its sockets. It does not
// wait for them; [Engine.Close] does.
func (e *Engine) Forget(ns *netns.Namespace) {
	e.hostsMu.Lock()
	h := e.hosts[ns]
	delete(e.hosts, ns)
	e.hostsMu.Unlock()
	if h == nil {
		return
	}
	e.post(job{f: func() {
		for _, l := range h.links {
			if l.host == h {
				l.host = nil
				delete(e.links, l.id)
				delete(e.vxlans, l.id)
			}
		}
		h.links, h.waiting, h.partial = nil, nil, nil
		e.start(h.close)
	}})
}

func (h *Host) close() {
	if h.onClose != nil {
		h.onClose()
	}
}

// SetTransport gives the host its sockets. close is called when the host ends. It must
// be called before packets arrive, or from the event loop ([Engine.Do]).
func (h *Host) SetTransport(t stack.Transport, close func()) { h.transport, h.onClose = t, close }

// Transport returns the sockets of the host, nil if it has none.
func (h *Host) Transport() stack.Transport { return h.transport }

// Namespace returns the namespace of the host.
func (h *Host) Namespace() *netns.Namespace { return h.ns }

// Engine returns the engine of the host's world.
func (h *Host) Engine() *Engine { return h.e }

// now brings what the loop knows of the namespace up to date, and returns it.
func (h *Host) now() *netns.View {
	v := h.ns.View()
	if v != h.view {
		h.refresh(v)
	}
	return v
}

// refresh takes over a new view.
func (h *Host) refresh(v *netns.View) {
	old := h.view
	h.view = v
	if old != nil && len(old.Devices) == len(v.Devices) && (len(v.Devices) == 0 || old.Devices[0] == v.Devices[0]) {
		return // only neighbours changed
	}
	before := h.links
	devices := v.Devices
	if h.ns.Closed() { // lo is still there
		devices = nil
	}
	h.links = make(map[int]*link, len(devices))
	for _, d := range devices {
		l := h.e.links[d.ID]
		if l == nil {
			l = newLink(h.e, d.ID)
			h.e.links[d.ID] = l
		}
		l.host, l.dev = h, d
		if d.VXLAN != nil {
			h.e.vxlans[l.id] = l
		}
		h.links[d.Index] = l
	}
	for _, l := range before {
		if l.host == h && h.links[l.dev.Index] != l {
			l.host = nil
			delete(h.e.links, l.id)
			delete(h.e.vxlans, l.id)
		}
	}
}

// lookup decides on a flow by the present state.
func (h *Host) lookup(f rpdb.Flow) rpdb.Decision {
	h.flow = f
	return h.compiled.of(h.view.Database, h.e.config.CompileAfter).Lookup(&h.flow)
}

// lookup6 is lookup for what this host sends by IPv6 (ip6_dst_lookup_tail).
func (h *Host) lookup6(f rpdb.Flow) rpdb.Decision {
	d := h.lookup(f)
	lookupWithSource6(h.view, &f, &d)
	return d
}

// lookupWithSource6 looks for a way again if none was found for a packet without a source:
// the error counts for nothing then, and the packet gets the source that it would have
// on any device (ip6_dst_lookup_tail, ip6_route_get_saddr).
func lookupWithSource6(v *netns.View, f *rpdb.Flow, d *rpdb.Decision) {
	if d.Err == rpdb.OK || f.Src.IsValid() && !f.Src.IsUnspecified() {
		return
	}
	vrf := 0
	if dev := v.Device(f.OIF); dev != nil {
		if dev.IsVRF() {
			vrf = dev.Index
		} else if m := v.Device(dev.Master); m != nil && m.IsVRF() {
			vrf = m.Index
		}
	}
	src := v.Database.SourceOn(vrf, f.Dst, rpdb.ScopeGlobal)
	if !src.IsValid() {
		d.Err = rpdb.EADDRNOTAVAIL
		return
	}
	with := *f
	with.Src, with.Bound = src, f.Bound || f.OIF != 0
	*d = v.Database.Lookup(&with)
}

// linkOf returns the link of an ifindex, nil if there is none.
func (h *Host) linkOf(index int) *link {
	h.now()
	return h.links[index]
}

// find returns the link of a device wherever it is, nil if it is gone.
func (e *Engine) find(id uint64) *link {
	l := e.links[id]
	if l != nil && l.host != nil {
		l.host.now()
		if l.host != nil {
			return l
		}
	}
	for _, ns := range e.world.Namespaces() {
		e.Host(ns).now()
	}
	if l = e.links[id]; l != nil && l.host != nil {
		return l
	}
	return nil
}

// Now implements stack.Network.
func (h *Host) Now() time.Time { return h.e.clock.Now() }

// AfterFunc implements stack.Network.
func (h *Host) AfterFunc(d time.Duration, f func()) (stop func() bool) { return h.e.AfterFunc(d, f) }

// Seed implements stack.Network.
func (h *Host) Seed() uint64 { return h.e.config.Seed + uint64(h.ns.FD())*0x9e3779b97f4a7c15 }

// Sysctl implements stack.Network.
func (h *Host) Sysctl(path string) (string, bool) {
	v, err := h.ns.Sysctl(path)
	return v, err == nil
}

// Link implements stack.Network.
func (h *Host) Link(index int, name string) (stack.Link, bool) {
	v := h.ns.View()
	for _, d := range v.Devices {
		if d.Index == index || index == 0 && d.Name == name {
			out := stack.Link{Index: d.Index, Name: d.Name, MTU: int(d.MTU), VRF: d.IsVRF()}
			if m := v.Device(d.Master); m != nil && m.IsVRF() {
				out.Master = m.Index
			}
			return out, true
		}
	}
	return stack.Link{}, false
}

// Route implements stack.Network.
func (h *Host) Route(f *rpdb.Flow) stack.Path {
	v := h.ns.View()
	p := stack.Path{Decision: v.Database.Lookup(f)}
	if f.Dst.Is6() {
		lookupWithSource6(v, f, &p.Decision)
	}
	if p.Err == rpdb.OK && p.Drop == rpdb.NoDrop {
		p.MTU, p.Locked = h.pathMTU(v, &p.Decision, f.Dst)
		p.Hops = h.defaultHops(v, &p.Decision, f.Dst.Is6())
		if p.UsesRoute && p.Decision.Route != nil {
			if m, _, ok := metricOf(&p.Decision, nla.RTAXAdvMSS); ok {
				p.AdvMSS = int(m)
			}
		}
	}
	return p
}

// AddrType implements stack.Network.
func (h *Host) AddrType(a netip.Addr, oif int) rpdb.RouteType { return h.ns.AddrType(a, oif) }

// Output implements stack.Network.
func (h *Host) Output(b []byte, m stack.Meta) {
	p := &packet{buf: b, meta: m, mark: m.Mark, local: true}
	h.e.send(job{host: h, p: p})
}

// Send implements stack.Network.
func (h *Host) Send(b []byte, m stack.Meta) rpdb.Errno {
	p := &packet{buf: b, meta: m, mark: m.Mark, local: true}
	left := make(chan sending, 1)
	h.e.send(job{host: h, p: p, left: left})
	select {
	case s := <-left:
		if s == lost {
			return rpdb.ENOBUFS
		}
	case <-h.e.quit:
	}
	return rpdb.OK
}

// sent takes up a packet of a socket.
func (h *Host) sent(p *packet) sending {
	switch {
	case len(p.buf) == 0:
		return sentOn
	case p.buf[0]>>4 == 6:
		return h.output6(p)
	}
	return h.output4(p)
}
