package conformance

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
)

// gen6 draws the ops of an IPv6 scenario (spec IPv6 section 14).
type gen6 struct {
	dice
	t *traits
	// places tells of each place in a table (table, prefixes, metric) what a later
	// sibling would hide from every dump (spec IPv6 10.3).
	places map[place6]*place6State
}

type place6 struct {
	table    uint32
	dst, src netip.Prefix
	metric   uint32
}

// place6State counts the routes of a place that cannot be siblings, and tells
// whether siblings are there, and such a route behind them.
type place6State struct {
	others           int
	siblings, closed bool
}

// newPlaces6 begins with the places where the kernel puts a route for each device.
func newPlaces6() map[place6]*place6State {
	return map[place6]*place6State{
		{rpdb.TableLocal, netip.MustParsePrefix("ff00::/8"), netip.Prefix{}, 256}: {others: len(frontDevs)},
		{rpdb.TableMain, netip.MustParsePrefix("fe80::/64"), netip.Prefix{}, 256}: {others: len(frontDevs)},
	}
}

var (
	prefixes6 = prefixes(
		"::/0", "::/0", "::/1", "2001:db8:f::/48", "2001:db8:f::/48", "2001:db8:f::/48", "2001:db8:f::/49",
		"2001:db8:f::/64", "2001:db8:f::/127", "2001:db8:f::/128", "2001:db8:f::1/128", "2001:db8:f:1::/64",
		"2001:db8::/32", "2001:db8:a::/64", "2001:db8:a::1/128", "2001:db8:b::/64", "2001:db8:50::/64", "fe80::/64",
		"fe80::/10", "ff00::/8", "ff0e::/16", "::1/128", "fd00::/8", "8000::/1", "2002::/16",
	)
	sources6  = prefixes("2001:db8:a::/64", "2001:db8:b::/64", "2001:db8:a::1/128", "::/1", "2001:db8::/32", "fd00::/8")
	gateways6 = addrs(
		"2001:db8:a::fe", "2001:db8:a::fd", "2001:db8:b::fe", "2001:db8:b::fd", "2001:db8:c::fe", "fe80::fe", "fe80::fd",
		"2001:db8:a::1", "2001:db8:f::1", "ff02::1", "::1", "3fff::1", "2001:db8:50::7",
	)
	prefSrcs6 = addrs(
		"2001:db8:a::1", "2001:db8:b::1", "2001:db8:c::1", "2001:db8:a::2", "fd00::1", "fe80::1", "::1", "3fff::1",
	)
	ruleFroms6 = prefixes(
		"2001:db8::/32", "2001:db8:a::/64", "2001:db8:a::1/128", "2001:db8:b::1/33", "::/1", "fd00::/8", "3fff::1/128",
		"8000::/1", "fe80::/10",
	)
	tables6 = []uint32{254, 254, 254, 254, 255, 100, 100, 356, 1000}
)

func (g *gen6) prelude() []Op {
	g.places = newPlaces6()
	ops := hashSysctls(g.dice, g.t, "ipv6")
	ops = append(ops, SysctlOp{"net/ipv6/conf/all/forwarding", pick(g.dice, "0", "1")})
	for _, dev := range []string{"all", "lo", "v0", "v1", "v2"} {
		for _, name := range []string{
			"ignore_routes_with_linkdown", "use_oif_addrs_only", "optimistic_dad", "use_optimistic", "use_tempaddr",
		} {
			if g.chance(18) {
				ops = append(ops, SysctlOp{"net/ipv6/conf/" + dev + "/" + name, pick(g.dice, "1", "1", "2")})
			}
		}
	}
	for i, dev := range frontDevs {
		a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, byte(0xa + i), 15: 1})
		ops = append(ops, AddrOp{Add, rpdb.Addr{
			Family: rpdb.IPv6, Index: dev, Local: a, PrefixLen: 64, Flags: rpdb.IFANoDAD,
			Valid: rpdb.Forever, Preferred: rpdb.Forever,
		}})
		if g.chance(60) {
			ops = append(ops, AddrOp{Add, rpdb.Addr{
				Family: rpdb.IPv6, Index: dev, Local: netip.MustParseAddr("fe80::1"), PrefixLen: 64, Flags: rpdb.IFANoDAD,
				Valid: rpdb.Forever, Preferred: rpdb.Forever,
			}})
		}
	}
	for range g.IntN(6) {
		ops = append(ops, AddrOp{Add, g.addr()})
	}
	if g.t.nextHops && g.chance(70) {
		ops = append(ops, firstNextHops(rpdb.IPv6, "2001:db8:a::fe", "2001:db8:b::fe")...)
	}
	return ops
}

func (g *gen6) round(n int) []Op {
	count := 10 + g.IntN(12)
	if n == 0 {
		count = 22
	}
	var ops []Op
	for range count {
		if op := g.op(n); op != nil {
			ops = append(ops, op)
		}
	}
	return ops
}

func (g *gen6) op(round int) Op {
	x := g.IntN(100)
	switch {
	case x < 4:
		return SysctlOp{"net/ipv6/conf/all/forwarding", pick(g.dice, "0", "1")}
	case x < 7:
		dev := pick(g.dice, "all", "v0", "v1", "v2", "lo")
		name := pick(g.dice, "use_oif_addrs_only", "use_tempaddr", "forwarding", "use_optimistic")
		if dev == "all" && name == "forwarding" {
			name = "use_oif_addrs_only"
		}
		return SysctlOp{"net/ipv6/conf/" + dev + "/" + name, pick(g.dice, "0", "1", "2")}
	case x < 30:
		if !g.t.noRules {
			return addRule(g.dice, g.pools(), g.t)
		}
	case x < 36:
		return g.delRule()
	case x < 42:
		return g.delRoute()
	case x < 52:
		if g.t.nextHops {
			return g.nextHop()
		}
	case x < 58:
		if g.t.neighs {
			return neighOp(g.dice, pick(g.dice, gateways6[:7]...), pick(g.dice, frontDevs...))
		}
	case x < 66:
		if g.t.lateAddrs || round == 0 {
			return AddrOp{pick(g.dice, Add, Add, Add, Del), g.addr()}
		}
	case x < 70:
		if g.t.lateAddrs || round == 0 {
			return g.event()
		}
	}
	return g.routeOp()
}

func (g *gen6) event() Op {
	switch g.IntN(12) {
	case 0:
		if g.t.lateIgnore {
			return SysctlOp{
				"net/ipv6/conf/" + pick(g.dice, "all", "v0", "v1") + "/ignore_routes_with_linkdown", pick(g.dice, "0", "1"),
			}
		}
	case 1:
		return SysctlOp{"net/ipv6/conf/" + pick(g.dice, "v2", "v1") + "/disable_ipv6", pick(g.dice, "0", "0", "1")}
	case 2:
		return LinkOp{Index: rpdb.Loopback, Up: true}
	case 3:
		if g.chance(40) {
			return LinkOp{Index: rpdb.Loopback, Down: true}
		}
	case 4:
		return LinkOp{Index: devP2, MTU: pick[uint32](g.dice, 1000, 1500)}
	}
	return linkEvent(g.dice)
}

func (g *gen6) pools() rulePools {
	return rulePools{rpdb.IPv6, ruleFroms6, prefixes6, []uint32{254, 254, 254, 255, 255, 100, 100, 356, 1000, 999}}
}

// delRule may delete rules even in scenarios without added ones: that leaves the
// IPv6 fast path on.
func (g *gen6) delRule() Op {
	if g.t.noRules && g.chance(85) {
		return g.routeOp()
	}
	return delRule(g.dice, g.pools(), g.t)
}

func (g *gen6) addr() rpdb.Addr {
	type t struct {
		dev   int
		local string
		plen  uint8
		peer  string
	}
	x := pick(g.dice,
		t{devV0, "2001:db8:a::1", 64, ""}, t{devV0, "2001:db8:a::2", 64, ""}, t{devV0, "2001:db8:a::3", 128, ""},
		t{devV0, "2001:db8:a:0:8000::1", 65, ""}, t{devV1, "2001:db8:a::9", 64, ""}, t{devV1, "2001:db8:b::1", 64, ""},
		t{devV1, "2001:db8:b::5", 64, "2001:db8:b::99"}, t{devV2, "2001:db8:c::5", 127, ""},
		t{devV0, "fd00::1", 64, ""}, t{devV1, "fd00::2", 8, ""}, t{devV2, "2002:102:304::1", 48, ""},
		t{devV1, "2001:0:1::1", 64, ""}, t{devV0, "fe80::1", 64, ""}, t{devV1, "fe80::2", 64, ""}, t{devV2, "fe80::3", 10, ""},
		t{rpdb.Loopback, "2001:db8:99::1", 128, ""}, t{rpdb.Loopback, "fd00::77", 64, ""}, t{devV1, "fec0::1", 64, ""},
		t{devV2, "::ffff:1.2.3.4", 128, ""}, t{devV1, "2001:10::1", 28, ""}, t{devV0, "3ffe::1", 16, ""},
		t{devV0, "2001:db8:f::1", 48, ""}, t{devP0, "2001:db8:a::fe", 64, ""}, t{devV0, "2001:db8:7::1", 64, ""},
	)
	a := rpdb.Addr{
		Family: rpdb.IPv6, Index: x.dev, Local: netip.MustParseAddr(x.local), PrefixLen: x.plen, Flags: rpdb.IFANoDAD,
	}
	if x.peer != "" {
		a.Peer = netip.MustParseAddr(x.peer)
	}
	if g.chance(12) {
		a.Flags |= rpdb.IFANoPrefixRoute
	}
	if g.chance(12) {
		a.Metric = pick[uint32](g.dice, 1, 1024, 300)
	}
	if g.chance(15) { // deprecated
		a.Valid, a.Preferred = rpdb.Forever, 0
	} else {
		a.Valid, a.Preferred = rpdb.Forever, rpdb.Forever
	}
	return a
}

func (g *gen6) hop(typ rpdb.RouteType) rpdb.NextHop {
	h := rpdb.NextHop{Weight: 1}
	switch x := g.IntN(100); {
	case x < 60:
		h.Gateway = pick(g.dice, gateways6...)
		if g.chance(60) {
			h.Gateway = pick(g.dice, gateways6[:5]...)
		}
		h.Dev = pick(g.dice, 0, 0, devV0, devV1, devV2)
		if g.chance(50) && h.Gateway.IsLinkLocalUnicast() {
			h.Dev = pick(g.dice, frontDevs...)
		}
		if g.chance(10) {
			h.Flags |= rpdb.NHOnlink
			h.Dev = pick(g.dice, frontDevs...)
		}
	default:
		h.Dev = pick(g.dice, devV0, devV0, devV1, devV1, devV2, rpdb.Loopback, devP0)
	}
	return h
}

func (g *gen6) route() rpdb.Route {
	r := rpdb.Route{
		Family: rpdb.IPv6, Table: pick(g.dice, tables6...), Dst: pick(g.dice, prefixes6...),
		Priority: pick[uint32](g.dice, 0, 0, 0, 1, 5, 256, 1024, 4294967295), Protocol: pick[uint8](g.dice, 3, 3, 4, 2),
		Type: rpdb.Unicast, Pref: pick(g.dice, rpdb.PrefMedium, rpdb.PrefMedium, rpdb.PrefMedium, rpdb.PrefHigh, rpdb.PrefLow),
	}
	if g.chance(30) {
		r.Type = pick(g.dice, rpdb.Local, rpdb.Local, rpdb.Anycast, rpdb.Multicast, rpdb.Broadcast,
			rpdb.Blackhole, rpdb.Unreachable, rpdb.Prohibit, rpdb.Throw, rpdb.Throw)
	}
	if g.t.subtrees && g.chance(25) {
		r.Src = pick(g.dice, sources6...)
	}
	if g.chance(15) {
		r.PrefSrc = pick(g.dice, prefSrcs6...)
	}
	if g.chance(10) {
		r.Metrics = []rpdb.Metric{{ID: metricMTU, Val: pick[uint32](g.dice, 1400, 1300)}}
	}
	if g.chance(4) {
		r.Expires = rpdb.Some[int64](9000 * 1000)
	}
	switch {
	case g.t.nextHops && g.chance(30):
		r.NHID = pick[uint32](g.dice, 1, 2, 3, 4, 5, 10, 11, 12)
		if isError(r.Type) {
			// A blackhole object hides the type of its routes from every dump, so only
			// ids that are never one.
			r.NHID = pick[uint32](g.dice, 1, 2, 4)
		}
		if g.chance(80) {
			r.Src = netip.Prefix{}
		}
	case isError(r.Type) && g.chance(92):
	case r.Type == rpdb.Unicast && g.chance(30):
		for range 2 + g.IntN(3) {
			h := g.hop(r.Type)
			if g.chance(90) {
				h.Gateway = pick(g.dice, gateways6[:7]...)
				if h.Gateway.IsLinkLocalUnicast() {
					h.Dev = pick(g.dice, frontDevs...)
				} else if h.Dev != 0 {
					h.Dev = 0
				}
			}
			h.Weight = pick[uint32](g.dice, 1, 1, 2, 7, 256)
			r.NextHops = append(r.NextHops, h)
		}
	default:
		r.NextHops = []rpdb.NextHop{g.hop(r.Type)}
	}
	return r
}

// routeOp draws a route that the dump will show (see place6), unless the scenario
// is about those that it does not.
func (g *gen6) routeOp() Op {
	for {
		o := RouteOp{pick(g.dice, Add, Add, Add, Append, Append, Append, Prepend, Replace, Change), g.route(), false}
		uniform(&o.Route)
		if g.t.subtrees && o.Verb == Change {
			o.Verb = Replace // a refused change damages a prefix with source routes
		}
		if g.t.hidden || g.visible(&o) {
			return o
		}
	}
}

// uniform gives routes that can be siblings what their place says: a dump tells
// protocol, preference and metrics of the first sibling only (docs/exclusions.md).
func uniform(r *rpdb.Route) {
	if r.NHID != 0 || len(r.NextHops) == 0 || !r.NextHops[0].Gateway.IsValid() {
		return
	}
	if r.Priority == 0 {
		r.Priority = 1024 // what the kernel makes of it
	}
	h := fnv.New32a()
	fmt.Fprint(h, r.Table, r.Dst, r.Src, r.Priority)
	n := h.Sum32()
	r.Protocol, r.Metrics, r.Expires = rpdb.ProtoStatic, nil, rpdb.Opt[int64]{}
	r.PrefSrc = netip.Addr{}
	r.Type = rpdb.Unicast
	r.Pref = [...]rpdb.RouterPref{rpdb.PrefMedium, rpdb.PrefMedium, rpdb.PrefHigh, rpdb.PrefLow}[n%4]
	if n%7 == 0 {
		r.Metrics = []rpdb.Metric{{ID: metricMTU, Val: 1350}}
	}
}

// visible notes the route at its place, or reports that it could hide another.
// Whether the kernel accepts the route is not known here, so refused ones count. A
// multipath route that replaces another puts its later legs behind all others.
func (g *gen6) visible(o *RouteOp) bool {
	r := &o.Route
	p := place6{r.Table, r.Dst.Masked(), r.Src.Masked(), r.Priority}
	if p.metric == 0 {
		p.metric = 1024
	}
	s := g.places[p]
	if s == nil {
		s = &place6State{}
		g.places[p] = s
	}
	eligible := r.NHID == 0 && len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid()
	switch {
	case eligible && s.closed:
		return false
	case eligible && len(r.NextHops) > 1 && s.others > 1 && (o.Verb == Replace || o.Verb == Change):
		return false
	case eligible:
		s.siblings = true
	default:
		s.others++
		s.closed = s.siblings
	}
	return true
}

func (g *gen6) delRoute() Op {
	r := g.route()
	o := RouteOp{Verb: Del, Route: rpdb.Route{Family: rpdb.IPv6, Table: r.Table, Dst: r.Dst, Src: r.Src}, AnyScope: true}
	if g.chance(30) {
		o.Route.Priority = r.Priority
	}
	if g.chance(30) && len(r.NextHops) == 1 {
		o.Route.NextHops = r.NextHops
	}
	return o
}

func (g *gen6) nextHop() Op {
	h := rpdb.NextHopObject{ID: pick[uint32](g.dice, 1, 2, 3, 4, 5), Family: rpdb.IPv6}
	verb := pick(g.dice, Add, Add, Add, Add, Replace)
	switch x := g.IntN(100); {
	case x < 12:
		return NextHopOp{Del, rpdb.NextHopObject{ID: pick[uint32](g.dice, 1, 2, 3, 10, 11)}}
	case x < 20:
		h.Blackhole = true
		h.ID = pick[uint32](g.dice, 5, 3)
	case x < 50:
		h.ID = pick[uint32](g.dice, 10, 11, 12)
		h.Family = rpdb.Unspec
		h.Group = g.group()
		if h.ID == 12 && g.chance(60) {
			h.Resilient = &rpdb.Resilient{NumBuckets: pick[uint16](g.dice, 8, 32)}
		}
	default:
		h.Hop = g.hop(rpdb.Unicast)
		h.Hop.Weight = 0
		if g.chance(70) {
			i := g.IntN(3)
			h.Hop.Dev = frontDevs[i]
			h.Hop.Gateway = netip.MustParseAddr("2001:db8:" + strconv.FormatInt(int64(0xa+i), 16) + "::fe")
			h.Hop.Flags = 0
		}
	}
	return NextHopOp{verb, h}
}
