package conformance

import (
	"fmt"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// gen4 draws the ops of an IPv4 scenario (spec IPv4 section 15). The pools are
// tiny on purpose: prefixes nest on one base address, selectors collide.
type gen4 struct {
	dice
	t *traits
}

func addrs(ss ...string) []netip.Addr {
	out := make([]netip.Addr, len(ss))
	for i, s := range ss {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}

func prefixes(ss ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(ss))
	for i, s := range ss {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

var (
	prefixes4 = prefixes(
		"10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.0.0/25", "10.0.0.0/32", "10.0.0.1/32",
		"10.0.0.9/32", "127.5.0.0/16", "127.0.0.0/8", "127.0.0.2/32", "0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0",
		"0.0.0.0/1", "20.0.0.0/8", "20.0.0.0/8", "20.0.0.0/16", "20.0.0.0/24", "20.0.0.0/32", "20.1.0.0/16",
		"10.1.0.0/24", "10.0.0.255/32", "224.0.0.0/4", "239.1.0.0/16", "224.0.0.0/3", "30.0.0.0/24", "30.0.0.1/32",
		"255.255.255.255/32", "0.0.0.5/32", "169.254.0.0/16", "192.168.9.9/32",
	)
	gateways4 = addrs(
		"10.0.0.9", "10.1.0.9", "10.1.0.8", "10.0.0.1", "10.2.0.7", "30.0.0.1", "20.0.0.1", "127.0.0.1",
		"99.9.9.9", "10.0.0.255", "192.168.9.9", "10.0.0.8", "10.0.0.129", "169.254.0.9", "10.5.0.2",
	)
	goodGateways4 = addrs("10.0.0.9", "10.0.0.8", "10.1.0.9", "10.1.0.8", "10.5.0.9")
	gateways46    = addrs("fe80::9", "fe80::8", "2001:db8:a::9")
	prefSrcs4     = addrs(
		"10.0.0.1", "10.0.0.2", "10.1.0.1", "127.5.0.1", "9.9.9.9", "192.168.9.9", "127.0.0.1", "10.0.0.255",
	)
	ruleFroms4 = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "10.0.0.1/32", "10.1.0.0/24", "20.0.0.0/8", "10.0.0.77/25", "9.9.9.9/32",
		"127.0.0.0/8", "192.168.9.9/32", "0.0.0.0/1", "128.0.0.0/1",
	)
	tables = []uint32{254, 254, 254, 254, 255, 253, 10, 10, 11, 266, 300}
)

// conf4 are the per-device sysctls that change at any time.
var conf4 = []string{
	"rp_filter", "rp_filter", "accept_local", "route_localnet", "src_valid_mark", "forwarding", "forwarding",
	"send_redirects", "shared_media", "bc_forwarding", "promote_secondaries",
}

func (g *gen4) prelude() []Op {
	ops := hashSysctls(g.dice, g.t, "ipv4")
	ops = append(ops, SysctlOp{"net/ipv4/ip_forward", pick(g.dice, "0", "1", "1")})
	for _, dev := range []string{"all", "default", "lo", "v0", "v1", "v2", "p0"} {
		for _, name := range []string{
			"rp_filter", "accept_local", "route_localnet", "src_valid_mark",
			"send_redirects", "shared_media", "bc_forwarding", "ignore_routes_with_linkdown",
		} {
			// Set or not: the kernel's default is a value too, but rp_filter of "all"
			// decides for every device.
			ops = append(ops, SysctlOp{"net/ipv4/conf/" + dev + "/" + name, g.confValue(dev, name)})
		}
	}
	if g.chance(20) {
		ops = append(ops, SysctlOp{"net/ipv4/fib_multipath_use_neigh", "1"})
	}
	if g.t.otherGW {
		ops = append(ops, AddrOp{Add, rpdb.Addr{
			Family: rpdb.IPv6, Index: devV0, Local: netip.MustParseAddr("2001:db8:a::1"), PrefixLen: 64,
			Flags: rpdb.IFANoDAD, Valid: rpdb.Forever, Preferred: rpdb.Forever,
		}})
	}
	ops = append(ops, AddrOp{Add, rpdb.Addr{
		Family: rpdb.IPv4, Index: devV0, Local: netip.MustParseAddr("10.0.0.1"), PrefixLen: 24,
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}}, AddrOp{Add, rpdb.Addr{
		Family: rpdb.IPv4, Index: devV1, Local: netip.MustParseAddr("10.1.0.1"), PrefixLen: 24,
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}})
	for range g.IntN(7) {
		ops = append(ops, AddrOp{Add, g.addr()})
	}
	if g.t.nextHops && g.chance(70) {
		ops = append(ops, firstNextHops(rpdb.IPv4, "10.0.0.8", "10.1.0.8")...)
	}
	return ops
}

// firstNextHops makes objects by v0 and v1, one that drops, and a group, so that
// the routes of a scenario find some.
func firstNextHops(f rpdb.Family, via0, via1 string) []Op {
	return []Op{
		NextHopOp{Add, rpdb.NextHopObject{ID: 1, Family: f, Hop: rpdb.NextHop{Dev: devV0, Gateway: netip.MustParseAddr(via0)}}},
		NextHopOp{Add, rpdb.NextHopObject{ID: 2, Family: f, Hop: rpdb.NextHop{Dev: devV1, Gateway: netip.MustParseAddr(via1)}}},
		NextHopOp{Add, rpdb.NextHopObject{ID: 5, Family: f, Blackhole: true}},
		NextHopOp{Add, rpdb.NextHopObject{ID: 10, Group: []rpdb.GroupMember{{ID: 1, Weight: 1}, {ID: 2, Weight: 2}}}},
	}
}

func (g *gen4) confValue(dev, name string) string {
	on := 15
	switch name {
	case "rp_filter":
		if dev == "all" {
			return pick(g.dice, "0", "0", "0", "1", "2")
		}
		return pick(g.dice, "0", "0", "1", "2")
	case "send_redirects", "shared_media":
		on = 50
		if dev == "all" {
			on = 30
		}
	case "bc_forwarding":
		on = 30
		if dev == "all" {
			on = 50
		}
	case "forwarding":
		on = 65
	case "accept_local":
		on = 30
	}
	if g.chance(on) {
		return "1"
	}
	return "0"
}

func (g *gen4) round(n int) []Op {
	var ops []Op
	count := 10 + g.IntN(12)
	if n == 0 {
		count = 22
	}
	for range count {
		if op := g.op(n); op != nil {
			ops = append(ops, op)
		}
	}
	return ops
}

func (g *gen4) op(round int) Op {
	x := g.IntN(100)
	switch {
	case x < 8:
		dev, name := pick(g.dice, "all", "lo", "v0", "v1", "v2", "p0"), pick(g.dice, conf4...)
		return SysctlOp{"net/ipv4/conf/" + dev + "/" + name, g.confValue(dev, name)}
	case x < 34:
		if g.t.noRules {
			return RouteOp{g.verb(), g.route(), false}
		}
		return g.rule()
	case x < 40:
		if g.t.noRules {
			return nil
		}
		return g.delRule()
	case x < 46:
		return g.delRoute()
	case x < 56:
		if g.t.nextHops {
			return g.nextHop()
		}
	case x < 60:
		if g.t.neighs {
			return g.neigh()
		}
	case x < 68:
		if g.t.lateAddrs || round == 0 {
			return AddrOp{pick(g.dice, Add, Add, Add, Del, Del), g.addr()}
		}
	case x < 72:
		if g.t.lateAddrs || round == 0 {
			return linkEvent(g.dice)
		}
	case x < 73:
		return g.rare()
	}
	return RouteOp{g.verb(), g.route(), false}
}

// rare draws what must appear but not often.
func (g *gen4) rare() Op {
	switch g.IntN(4) {
	case 0:
		if g.t.lateIgnore {
			dev := pick(g.dice, "all", "v0", "v1")
			return SysctlOp{"net/ipv4/conf/" + dev + "/ignore_routes_with_linkdown", pick(g.dice, "0", "1")}
		}
	case 1:
		if g.t.lateAddrs {
			return LinkOp{Index: devP2, MTU: pick[uint32](g.dice, 60, 1500)}
		}
	case 2:
		return SysctlOp{"net/ipv4/ip_forward", pick(g.dice, "0", "1")}
	}
	return LinkOp{Index: devV2, Group: rpdb.Some[uint32](7)}
}

func (g *gen4) addr() rpdb.Addr {
	type t struct {
		dev   int
		local string
		plen  uint8
		scope rpdb.Scope
		peer  string
	}
	x := pick(g.dice,
		t{devV0, "10.0.0.1", 24, 0, ""}, t{devV0, "10.0.0.2", 24, 0, ""}, t{devV0, "10.0.0.3", 25, 0, ""},
		t{devV0, "10.0.0.200", 24, 0, ""}, t{devV0, "10.2.0.1", 24, rpdb.ScopeLink, ""},
		t{devV0, "10.5.0.1", 30, 0, ""}, t{devV0, "10.5.0.5", 31, 0, ""}, t{devV0, "10.6.0.1", 0, 0, ""},
		t{devV0, "169.254.1.1", 16, rpdb.ScopeLink, ""}, t{devV0, "10.4.0.1", 24, rpdb.ScopeHost, ""},
		t{devV0, "10.3.0.1", 24, rpdb.ScopeSite, ""}, t{devV0, "10.0.0.1", 32, 0, "10.0.9.2"},
		t{devV1, "10.1.0.1", 24, 0, ""}, t{devV1, "10.1.0.2", 24, 0, ""}, t{devV1, "10.0.0.1", 24, 0, ""},
		t{devV1, "10.0.0.7", 24, 0, ""}, t{devV1, "10.7.0.1", 24, 0, "10.0.9.2"}, t{devV1, "10.1.0.130", 25, 0, ""},
		t{devV1, "127.9.0.1", 16, rpdb.ScopeHost, ""}, t{devV1, "10.0.0.1", 8, 0, ""},
		t{devV2, "10.0.0.4", 24, 0, ""}, t{devV2, "10.8.0.1", 16, 0, ""}, t{devV2, "240.0.0.1", 4, 0, ""},
		t{devV2, "20.0.0.1", 24, 0, ""}, t{devP0, "10.0.0.9", 24, 0, ""},
		t{rpdb.Loopback, "192.168.9.9", 32, 0, ""}, t{rpdb.Loopback, "10.9.0.1", 24, 0, ""},
		t{rpdb.Loopback, "1.2.3.4", 32, rpdb.ScopeHost, ""}, t{rpdb.Loopback, "127.0.0.1", 8, rpdb.ScopeHost, ""},
	)
	a := rpdb.Addr{
		Family: rpdb.IPv4, Index: x.dev, Local: netip.MustParseAddr(x.local), PrefixLen: x.plen, Scope: x.scope,
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}
	if x.peer != "" {
		a.Peer = netip.MustParseAddr(x.peer)
	}
	if g.chance(12) {
		a.Flags |= rpdb.IFANoPrefixRoute
	}
	if g.chance(10) {
		a.Metric = pick[uint32](g.dice, 1, 5, 100)
	}
	if g.chance(15) && x.plen < 31 {
		b := a.Address().As4()
		for i := x.plen; i < 32; i++ {
			b[i/8] |= 1 << (7 - i%8)
		}
		a.Broadcast = netip.AddrFrom4(b)
		if g.chance(30) {
			a.Broadcast = netip.MustParseAddr("10.0.0.77")
		}
	}
	return a
}

func (g *gen4) verb() Verb {
	return pick(g.dice, Add, Add, Add, Add, Append, Append, Prepend, Replace, Change)
}

func (g *gen4) hop() rpdb.NextHop {
	h := rpdb.NextHop{Weight: 1}
	if g.chance(60) {
		h.Gateway = pick(g.dice, gateways4...)
		if g.chance(60) {
			h.Gateway = pick(g.dice, goodGateways4...)
		}
		if g.t.otherGW && g.chance(40) {
			h.Gateway = pick(g.dice, gateways46...)
			h.Dev = pick(g.dice, 0, devV0, devV0, devV1)
			return h
		}
		h.Dev = pick(g.dice, 0, 0, devV0, devV1)
		if g.chance(10) {
			h.Flags |= rpdb.NHOnlink
			h.Dev = pick(g.dice, devV0, devV1, devV2)
		}
	} else {
		h.Dev = pick(g.dice, someDevs...)
	}
	if g.t.realms && g.chance(40) {
		h.Realms = g.realm()
	}
	return h
}

func (g *gen4) realm() uint32 { return pick[uint32](g.dice, 8, 7<<16|8, 5<<16, 9) }

func isError(t rpdb.RouteType) bool { return t.Err() != rpdb.OK }

func (g *gen4) route() rpdb.Route {
	r := rpdb.Route{
		Family: rpdb.IPv4, Table: pick(g.dice, tables...), Dst: pick(g.dice, prefixes4...),
		TOS:      pick[uint8](g.dice, 0, 0, 0, 0, 0, 0x10, 0x04, 0x08, 0x20, 0x1c, 0x40),
		Priority: pick[uint32](g.dice, 0, 0, 0, 1, 2), Protocol: pick[uint8](g.dice, 3, 3, 4, 2),
		Type: rpdb.Unicast,
	}
	if g.chance(32) {
		r.Type = pick(g.dice, rpdb.Local, rpdb.Local, rpdb.Broadcast, rpdb.Anycast, rpdb.Multicast,
			rpdb.Blackhole, rpdb.Unreachable, rpdb.Prohibit, rpdb.Throw, rpdb.Throw)
	}
	if g.chance(30) {
		r.PrefSrc = pick(g.dice, prefSrcs4...)
	}
	if g.chance(10) {
		r.Metrics = []rpdb.Metric{{ID: metricMTU, Val: pick[uint32](g.dice, 1400, 1300)}}
	}
	multi := r.Type == rpdb.Unicast && g.chance(25)
	switch {
	case g.t.nextHops && g.chance(30):
		r.NHID = pick[uint32](g.dice, 1, 2, 3, 4, 5, 10, 11, 12)
		if isError(r.Type) {
			// A blackhole object hides the type of its routes from every dump, so only
			// ids that are never one.
			r.NHID = pick[uint32](g.dice, 1, 2, 4)
		}
	case isError(r.Type) && g.chance(92):
	case multi:
		for range 2 + g.IntN(3) {
			h := g.hop()
			h.Weight = pick[uint32](g.dice, 1, 1, 2, 7, 256)
			r.NextHops = append(r.NextHops, h)
		}
	default:
		h := g.hop()
		if r.Type == rpdb.Local && g.chance(90) {
			h = rpdb.NextHop{Dev: pick(g.dice, someDevs...)}
		}
		r.NextHops = []rpdb.NextHop{h}
	}
	r.Scope = g.scope(&r)
	return r
}

// scope draws a scope, mostly the one that iproute2 would send.
func (g *gen4) scope(r *rpdb.Route) rpdb.Scope {
	if g.chance(30) {
		return pick(g.dice, rpdb.ScopeGlobal, rpdb.ScopeSite, rpdb.ScopeLink, rpdb.ScopeHost, rpdb.ScopeNowhere)
	}
	switch r.Type {
	case rpdb.Local:
		return rpdb.ScopeHost
	case rpdb.Broadcast, rpdb.Anycast, rpdb.Multicast:
		return rpdb.ScopeLink
	case rpdb.Unicast:
		if len(r.NextHops) == 1 && !r.NextHops[0].Gateway.IsValid() {
			return rpdb.ScopeLink
		}
	}
	return rpdb.ScopeGlobal
}

func (g *gen4) delRoute() Op {
	r := g.route()
	o := RouteOp{Verb: Del, Route: rpdb.Route{Family: rpdb.IPv4, Table: r.Table, Dst: r.Dst}, AnyScope: true}
	if g.chance(20) {
		o.Route.TOS = r.TOS
	}
	if g.chance(20) {
		o.Route.Priority = r.Priority
	}
	if g.chance(20) && len(r.NextHops) == 1 {
		o.Route.NextHops = r.NextHops
	}
	return o
}

func (g *gen4) nextHop() Op {
	h := rpdb.NextHopObject{ID: pick[uint32](g.dice, 1, 2, 3, 4, 5), Family: rpdb.IPv4}
	verb := pick(g.dice, Add, Add, Add, Add, Replace)
	switch x := g.IntN(100); {
	case x < 12:
		return NextHopOp{Del, rpdb.NextHopObject{ID: pick[uint32](g.dice, 1, 2, 3, 10, 11)}}
	case x < 22:
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
		h.Hop = g.hop()
		h.Hop.Weight, h.Hop.Realms = 0, 0
		if h.Hop.Dev == 0 {
			h.Hop.Dev = pick(g.dice, devV0, devV1)
		}
		if g.chance(60) {
			h.Hop.Dev = devV0 + 2*g.IntN(2)
			h.Hop.Gateway = netip.MustParseAddr(fmt.Sprintf("10.%d.0.%d", (h.Hop.Dev-devV0)/2, 8+g.IntN(2)))
		}
		if h.Hop.Gateway.Is6() {
			h.Family = rpdb.IPv6
		}
	}
	return NextHopOp{verb, h}
}

func (d dice) group() []rpdb.GroupMember {
	ids := []uint32{1, 2, 3, 4, 5}
	d.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	var m []rpdb.GroupMember
	for _, id := range ids[:1+d.IntN(3)] {
		m = append(m, rpdb.GroupMember{ID: id, Weight: pick[uint32](d, 1, 1, 2, 7, 255)})
	}
	return m
}

func (g *gen4) neigh() Op {
	gw := pick(g.dice, goodGateways4...)
	if g.t.otherGW && g.chance(30) {
		gw = pick(g.dice, gateways46...)
	}
	return neighOp(g.dice, gw, pick(g.dice, devV0, devV1))
}

// neighOp puts a neighbour into a state that no timer changes soon.
func neighOp(d dice, gw netip.Addr, dev int) Op {
	n := rpdb.Neigh{Family: rpdb.FamilyOf(gw), Index: dev, IP: gw}
	if d.chance(10) {
		return NeighOp{Del, n}
	}
	n.State = pick(d, rpdb.NUDFailed, rpdb.NUDFailed, rpdb.NUDIncomplete, rpdb.NUDPermanent, rpdb.NUDStale, rpdb.NUDNoARP)
	if n.State&rpdb.NUDValid != 0 {
		n.LLAddr = []byte{2, 0, 0, 0, 0, 9}
	}
	return NeighOp{Replace, n}
}
