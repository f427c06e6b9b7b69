package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Flags of a device by router advertisements (IF_RA_*).
const (
	raReceived6 = 0x20
	raOther6    = 0x80 // IF_RA_OTHERCONF
	raManaged6  = 0x40
)

const (
	raHeader = 16 // of an advertisement, to its options (struct ra_msg)

	// Flags in the header of an advertisement.
	raManagedBit, raOtherBit = 0x80, 0x40

	// Preferences of routers (ICMPV6_ROUTER_PREF_*).
	raPrefInvalid = 2
)

// advertisement is a router advertisement that is taken up.
type advertisement struct {
	n       *Namespace
	d       *device
	from    netip.Addr
	m       []byte
	options raOptions
	route   *route6 // the default route by the router, nil if there is none
	router  *neigh  // nil: not looked for yet
	tell    bool    // the device's IPv6 part changed
	verify  bool    // lifetimes of addresses changed
}

// HeardRouter takes up a router advertisement that a device received
// (ndisc_router_discovery): from is the link-local address of the router, m the message from
// its ICMPv6 header on. It sets routes, addresses and settings as far as the settings of the
// device let it.
func (n *Namespace) HeardRouter(dev int, from netip.Addr, m []byte) {
	n.expire()
	w := n.world
	w.rtnl.RLock()
	defer w.rtnl.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.byIndex(dev)
	if d == nil || d.inet6 == nil || !from.IsLinkLocalUnicast() || len(m) < raHeader {
		return
	}
	options, ok := parseRAOptions(m[raHeader:])
	if !ok {
		return
	}
	w.record(Change{Kind: ChangeRouter, Namespace: n.FD(), Data: encodeRouter(dev, from, m)})
	ra := &advertisement{n: n, d: d, from: from, m: m, options: options}
	accepts := d.inet6.acceptsRA()
	if accepts {
		ra.flags()
		ra.defaultRouter()
		ra.times()
	}
	if ra.neighbour() && accepts {
		ra.routes()
		ra.prefixes()
		ra.mtu()
	}
	if ra.tell {
		n.notifyIfInfo6(d)
	}
	n.changes.Add(1)
	n.runDAD6()
	if ra.verify {
		n.verify6()
	}
	w.changed()
}

// encodeRouter is the data of a change: the router, the ifindex, the message.
func encodeRouter(dev int, from netip.Addr, m []byte) []byte {
	return append(binary.AppendUvarint(from.AsSlice(), uint64(dev)), m...)
}

// flags notes what the router says of other ways to get an address.
func (ra *advertisement) flags() {
	old := ra.d.in6.flags
	if old&rsSent6 != 0 {
		ra.d.in6.flags |= raReceived6
	}
	old = ra.d.in6.flags
	ra.d.in6.flags &^= raManaged6 | raOther6
	if ra.m[5]&raManagedBit != 0 {
		ra.d.in6.flags |= raManaged6
	}
	if ra.m[5]&raOtherBit != 0 {
		ra.d.in6.flags |= raOther6
	}
	ra.tell = old != ra.d.in6.flags
}

// ours reports whether the router has an address of this host, which does not count.
func (ra *advertisement) ours() bool {
	return ra.d.conf6[conf6RAFromLocal] == 0 && ra.n.hasAddr6(ra.from, ra.d, false, rpdb.IFATentative)
}

// defaultRouter adds, changes or removes the default route by the router.
func (ra *advertisement) defaultRouter() {
	n, c := ra.n, &ra.d.conf6
	lifetime := int32(binary.BigEndian.Uint16(ra.m[6:]))
	if c[conf6RADefaultRouter] == 0 || lifetime != 0 && lifetime < c[conf6RAMinLifetime] || ra.ours() {
		return
	}
	pref := rpdb.RouterPref(ra.m[5] >> 3 & 3)
	if pref == raPrefInvalid || c[conf6RARouterPref] == 0 {
		pref = rpdb.PrefMedium
	}
	metric := uint32(c[conf6RAMetric])
	r := n.defaultRouter6(ra.d, ra.from)
	if r != nil {
		ra.lookUpRouter()
	}
	if r != nil && (lifetime == 0 || r.metric != metric) {
		_ = n.remove6(r, byKernel())
		r = nil
	}
	switch {
	case r == nil && lifetime != 0:
		_ = n.addRoute6(&config6{
			table: n.tableOf6(ra.d, tableMain), metric: metric, dev: ra.d.Index, dst: netip.IPv6Unspecified(), src: netip.IPv6Unspecified(),
			gateway: ra.from, flags: flagAddrconf | flagDefault | flagExpires, pref: pref, protocol: rpdb.ProtoRA, typ: rpdb.Unicast,
			expires: seconds(uint32(lifetime)), cause: byKernel(),
		})
		if r = n.defaultRouter6(ra.d, ra.from); r == nil {
			return
		}
		if ra.lookUpRouter(); ra.router != nil {
			ra.router.flags |= ntfRouter
		}
	case r != nil && r.pref != pref:
		r.pref = pref
		n.notifyRoute6(r, rtnl.RTMNewRoute, byKernel(), flagReplace)
	}
	if r != nil {
		n.setExpires6(r, uint32(lifetime))
	}
	ra.route = r
	if hops := int32(ra.m[4]); c[conf6RAMinHopLimit] < 256 && hops != 0 && c[conf6RAMinHopLimit] <= hops {
		c[conf6HopLimit] = hops
		if r != nil {
			r.metrics = r.metrics.with(nla.RTAXHopLimit, uint32(hops))
		}
	}
}

// defaultRouter6 is the default route by a router that advertised itself
// (rt6_get_dflt_router).
func (n *Namespace) defaultRouter6(d *device, gw netip.Addr) *route6 {
	t := n.fib6.table(n.tableOf6(d, tableMain))
	if t == nil {
		return nil
	}
	const both = flagAddrconf | flagDefault
	for r := t.root.leaf; r != nil; r = r.next {
		if r.nhid == 0 && r.nh.Dev == d.Index && r.flags&both == both && r.nh.Gateway == gw {
			return r
		}
	}
	return nil
}

// setExpires6 gives a route a lifetime in seconds, which may be rpdb.Forever
// (fib6_set_expires, fib6_clean_expires).
func (n *Namespace) setExpires6(r *route6, lifetime uint32) {
	if lifetime == rpdb.Forever {
		r.flags &^= flagExpires
		return
	}
	r.flags, r.expires = r.flags|flagExpires, n.world.now()+seconds(lifetime)
	n.collectLater6(r)
}

// purgeDefaultRouters6 removes the default routes by routers that advertised themselves, as a
// host that begins to forward does (rt6_purge_dflt_routers).
func (n *Namespace) purgeDefaultRouters6() {
	for _, t := range n.fib6.tables {
		for r := t.root.leaf; r != nil; {
			next := r.next
			d := n.byIndex(r.nh.Dev)
			if r.flags&(flagDefault|flagAddrconf) != 0 && r.nhid == 0 && (d == nil || d.conf6[conf6AcceptRA] != 2) {
				_ = n.remove6(r, byKernel())
			}
			r = next
		}
	}
}

// lookUpRouter finds or makes the neighbour that the router is (ip6_neigh_lookup).
func (ra *advertisement) lookUpRouter() {
	if ra.router = ra.n.neighs.find(ra.d, ra.from); ra.router == nil {
		ra.router, _ = ra.n.createNeigh(ra.d, ra.from, 0)
	}
}

// neighbour learns the hardware address of the router. It reports whether the rest of the
// advertisement counts.
func (ra *advertisement) neighbour() bool {
	if ra.router == nil {
		ra.lookUpRouter()
	}
	if ra.router == nil {
		return true
	}
	news := NeighNews{State: rpdb.NUDStale, Override: true, WeakOverride: true, RouterTold: true, Router: true}
	if o := ra.options.source; o != nil {
		n := len(ra.d.Address)
		if n == 0 || (n+2+7)/8*8 != len(o) {
			return false
		}
		news.LLAddr = o[2 : 2+n]
	}
	ra.n.learnNeigh(ra.router, news)
	return true
}

// times takes over how long neighbours are taken to be reachable, and how often they are asked.
func (ra *advertisement) times() {
	p := &ra.d.neigh6
	// A span of milliseconds that fits the kernel's ticks, and is no shorter than the least.
	span := func(ms uint32, least int32) (int32, bool) {
		t := int64(ms) * hz / 1000
		return max(int32(min(t, 1<<31-1)), least), ms != 0
	}
	changed := false
	if t, told := span(binary.BigEndian.Uint32(ra.m[12:]), hz/100); told {
		p[neighRetrans], changed = t, true
	}
	if t, told := span(binary.BigEndian.Uint32(ra.m[8:]), hz/10); told && t != p[neighReachable] {
		p[neighReachable], p[neighGCStale], changed = t, 3*t, true
	}
	if changed {
		ra.d.in6.retrans = uint32(p[neighRetrans]) * (1000 / hz)
		ra.d.in6.reachable = uint32(p[neighReachable]) * (1000 / hz)
		ra.d.in6.stamp = ra.n.world.uptime()
		ra.tell = true
	}
}

// mtu takes over the MTU of the link.
func (ra *advertisement) mtu() {
	o, d := ra.options.mtu, ra.d
	if len(o) < 8 || d.conf6[conf6RAMTU] == 0 {
		return
	}
	mtu := binary.BigEndian.Uint32(o[4:])
	if d.in6.raMTU != mtu {
		d.in6.raMTU, ra.tell = mtu, true
	}
	if mtu < minMTU6 || mtu > d.MTU || uint32(d.conf6[conf6MTU]) == mtu {
		return
	}
	d.conf6[conf6MTU] = int32(mtu)
	if ra.route != nil {
		ra.route.metrics = ra.route.metrics.with(nla.RTAXMTU, mtu)
	}
	ra.n.changeRouteMTU6(d, mtu)
}
