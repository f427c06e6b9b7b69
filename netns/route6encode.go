package netns

import (
	"encoding/binary"
	"math"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a route (RTA_*).
const (
	rtaMax = 31

	routeHeaderLen = 12   // struct rtmsg
	rtnexthopLen   = 8    // struct rtnexthop
	rtTableCompat  = 252  // RT_TABLE_COMPAT: the number is in an attribute
	hopStaticFlags = 0x0c // RTNH_F_ONLINK | RTNH_F_OFFLOAD

)

// hopFlags6 are the flags that a message shows of a nexthop (fib_nexthop_info).
func (n *Namespace) hopFlags6(nh *rpdb.NextHop) uint32 {
	flags := nh.Flags & (rpdb.NHDead | rpdb.NHLinkDown | rpdb.NHOnlink)
	if flags&rpdb.NHLinkDown != 0 && n.ignoresLinkdown6(nh.Dev) {
		flags |= rpdb.NHDead
	}
	return flags
}

func (n *Namespace) ignoresLinkdown6(dev int) bool {
	d := n.byIndex(dev)
	return d != nil && n.inet6(d).ignoreLinkdown()
}

// fillRoute6 writes a route with all its siblings, which come after it
// (rt6_fill_node).
func (n *Namespace) fillRoute6(r *route6) []byte { return n.fillMatch6(r, 0) }

// fillMatch6 is fillRoute6 for the route that a packet from a device takes, 0 for
// none.
func (n *Namespace) fillMatch6(r *route6, iif int) []byte {
	w := &message{b: make([]byte, routeHeaderLen, 160)}
	w.u32(nla.RTATable, r.table.id)
	if r.dst.Bits() > 0 {
		w.put(nla.RTADst, r.dst.Addr().AsSlice())
	}
	if srcLen6(r) > 0 {
		w.put(nla.RTASrc, r.src.Addr().AsSlice())
	}
	if iif != 0 {
		w.u32(nla.RTAIIF, uint32(iif))
	}
	if r.prefsrc.IsValid() {
		w.put(nla.RTAPrefSrc, r.prefsrc.AsSlice())
	}
	r.metrics.put(w)
	w.u32(nla.RTAPriority, r.metric)
	typ, flags := n.fillHops6(w, r)
	w.put(nla.RTACacheInfo, words32(0, 0, uint32(n.expiry6(r)), 0, 0, 0, 0, 0))
	w.u8(nla.RTAPref, uint8(r.pref))

	h := w.b[:routeHeaderLen]
	h[0], h[1], h[2] = byte(rpdb.IPv6), byte(r.dst.Bits()), srcLen6(r)
	h[4] = rtTableCompat
	if r.table.id < 256 {
		h[4] = byte(r.table.id)
	}
	h[5], h[7] = r.protocol, byte(typ)
	binary.NativeEndian.PutUint32(h[8:], flags)
	return w.b
}

func srcLen6(r *route6) byte {
	if !r.src.IsValid() {
		return 0
	}
	return byte(r.src.Bits())
}

// fillHops6 writes the nexthops and returns the type to show and the flags.
func (n *Namespace) fillHops6(w *message, r *route6) (rpdb.RouteType, uint32) {
	switch {
	case r.ring != nil:
		w.nest(nla.RTAMultipath, func() {
			for _, s := range r.siblings() {
				n.fillLeg6(w, &s.nh)
			}
		})
		return r.typ, 0
	case r.nhid != 0:
		w.u32(nla.RTANHID, r.nhid)
		return n.fillObject6(w, r)
	}
	fillHop6(w, &r.nh, true)
	return r.typ, n.hopFlags6(&r.nh)
}

func fillHop6(w *message, nh *rpdb.NextHop, oif bool) {
	if nh.Gateway.IsValid() {
		w.put(nla.RTAGateway, nh.Gateway.AsSlice())
	}
	if oif {
		w.u32(nla.RTAOIF, uint32(nh.Dev))
	}
	if nh.Encap != nil {
		w.put(nla.RTAEncap, nh.Encap.Data)
		w.u16(nla.RTAEncapType, nh.Encap.Type)
	}
}

// fillLeg6 writes one leg of a multipath route (fib_add_nexthop).
func (n *Namespace) fillLeg6(w *message, nh *rpdb.NextHop) {
	at := len(w.b)
	w.b = append(w.b, 0, 0, byte(n.hopFlags6(nh)), byte(nh.Weight-1))
	w.b = binary.NativeEndian.AppendUint32(w.b, uint32(nh.Dev))
	fillHop6(w, nh, false)
	binary.NativeEndian.PutUint16(w.b[at:], uint16(len(w.b)-at))
}

// expiry6 is what a message says of the time left: hundredths of a second, 0 for
// ever, negative after the end (rtnl_put_cacheinfo).
func (n *Namespace) expiry6(r *route6) int32 {
	if r.flags&flagExpires == 0 {
		return 0
	}
	left := (r.expires - n.world.now()).clock()
	return int32(min(max(left, -math.MaxInt32), math.MaxInt32))
}

// notifyRoute6 tells that a route came or went (inet6_rt_notify).
func (n *Namespace) notifyRoute6(r *route6, typ netlink.HeaderType, c *cause6, flags netlink.HeaderFlags) {
	if c.silent {
		return
	}
	n.notify(c.req, GroupIPv6Route, typ, flags, n.fillRoute6(r))
}

// model returns the route as rpdb has it.
func (n *Namespace) modelRoute6(r *route6) rpdb.Route {
	out := rpdb.Route{
		Family: rpdb.IPv6, Table: r.table.id, Dst: r.dst, Src: r.src,
		Type: r.typ, Protocol: r.protocol, Priority: r.metric, PrefSrc: r.prefsrc,
		Pref: r.pref, Metrics: r.metrics.list(), NHID: r.nhid,
	}
	if r.flags&flagExpires != 0 {
		out.Expires = rpdb.Some(int64(n.expiry6(r)) * 10)
	}
	if r.nhid != 0 {
		legs, blackhole := r.object.legs6()
		if blackhole {
			out.Type = rpdb.Blackhole
		}
		out.NextHops = legs
		return out
	}
	ring := r.siblings()
	alike := true
	for _, s := range ring {
		nh := s.nh
		nh.Flags = n.hopFlags6(&nh)
		out.NextHops = append(out.NextHops, nh)
		alike = alike && s.alike(r)
	}
	if !alike {
		for i, s := range ring {
			out.Siblings = append(out.Siblings, n.modelSibling6(s, out.NextHops[i:i+1]))
		}
	}
	return out
}

// alike reports whether siblings differ in their nexthops alone.
func (r *route6) alike(o *route6) bool {
	return r.typ == o.typ && r.protocol == o.protocol && r.pref == o.pref && r.prefsrc == o.prefsrc &&
		r.expires == o.expires && (r.flags^o.flags)&flagExpires == 0 &&
		(r.metrics == o.metrics || r.metrics != nil && o.metrics != nil && *r.metrics == *o.metrics)
}

// modelSibling6 returns a leg of a multipath route as a route of its own.
func (n *Namespace) modelSibling6(r *route6, hop []rpdb.NextHop) rpdb.Route {
	out := rpdb.Route{
		Family: rpdb.IPv6, Table: r.table.id, Dst: r.dst, Src: r.src, NextHops: hop,
		Type: r.typ, Protocol: r.protocol, Priority: r.metric, PrefSrc: r.prefsrc,
		Pref: r.pref, Metrics: r.metrics.list(),
	}
	if r.flags&flagExpires != 0 {
		out.Expires = rpdb.Some(int64(n.expiry6(r)) * 10)
	}
	return out
}

// routes6 are the IPv6 routes in the order of a dump.
func (n *Namespace) routes6() []rpdb.Route {
	var out []rpdb.Route
	n.fib6.walk(func(r *route6) *route6 {
		out = append(out, n.modelRoute6(r))
		return r.lastSibling()
	})
	return out
}

// gates6 are the prefixes with sources whose holder is one from deeper down.
func (n *Namespace) gates6() (out []rpdb.Gate6) {
	var visit func(t *table6, at *node6)
	visit = func(t *table6, at *node6) {
		if at == nil {
			return
		}
		if at.subtree != nil && at.leaf == nil && !at.root && at.holder != nil && at.holder.dst.Bits() > int(at.plen) {
			out = append(out, rpdb.Gate6{Table: t.id, Dst: at.prefix(), Within: at.holder.dst})
		}
		visit(t, at.left)
		visit(t, at.right)
	}
	for _, t := range n.fib6.tables {
		visit(t, &t.root)
	}
	return out
}
