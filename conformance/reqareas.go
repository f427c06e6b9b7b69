package conformance

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// reqLength is the number of requests of a program, beside the prelude and dumps.
const reqLength = 40

// rules draws rules of both families: a namespace with lo alone.
func (g *reqGen) rules() {
	g.t = traits{realms: true}
	if g.chance(50) {
		g.sound(LinkOp{Index: rpdb.Loopback, Up: true})
	}
	p4, p6 := (&gen4{dice: g.dice, t: &g.t}).pools(), (&gen6{dice: g.dice, t: &g.t}).pools()
	both := g.IntN(3)
	for i := range reqLength {
		p := p4
		if both == 1 || both == 2 && g.chance(50) {
			p = p6
		}
		g.rule(p)
		if i%8 == 7 {
			g.dump(dumpRules4, dumpRules6)
		}
	}
	g.dump(dumpRules4, dumpRules6, dumpKind{"ip rule show, of any family", rtnl.RTMGetRule, rpdb.Unspec, nil})
}

func (g *reqGen) rule(p rulePools) {
	switch x := g.IntN(100); {
	case x < 62:
		g.op(addRule(g.dice, p, &g.t))
	case x < 84:
		g.op(delRule(g.dice, p, &g.t))
	case x < 90:
		g.oddDump(pick(g.dice, dumpRules4, dumpRules6))
	case x < 93:
		g.get("ip rule get", rtnl.RTMGetRule, header(12, byte(p.family)), attr(nla.FRAPriority, u32(pick[uint32](g.dice, 0, 10, 32766))))
	case x < 95:
		g.hollow(rtnl.RTMNewRule, 12, p.family)
	case x < 98:
		g.label()
	default:
		o := addRule(g.dice, p, &g.t).(RuleOp)
		m, err := message(o)
		if err == nil { // delete what was given in full
			m.Header.Type = rtnl.RTMDelRule
			m.Header.Flags = netlink.Request | netlink.Acknowledge
			g.raw("the deletion by: "+o.command(newNames()), m)
		}
	}
}

// label changes, asks for or lists address labels.
func (g *reqGen) label() {
	l := rpdb.AddrLabel{
		Prefix: netip.MustParsePrefix(pick(g.dice, "2001:db8::/32", "2001:db8::/32", "::/0", "::/96", "::5/96", "::1/128", "::ffff:0:0/96",
			"::ffff:10.0.0.0/104", "fc00::/7", "2001:db8:a::1/128")),
		Index: pick(g.dice, 0, 0, 0, rpdb.Loopback, 99), Label: pick[uint32](g.dice, 0, 1, 99, 0xffffffff),
	}
	text := fmt.Sprintf("ip addrlabel of %s dev %d label %d", l.Prefix, l.Index, l.Label)
	request := func(m netlink.Message, err error) {
		if err == nil {
			m.Header.Flags |= netlink.Request | netlink.Acknowledge
			g.raw(text, m)
		}
	}
	switch g.IntN(8) {
	case 0, 1, 2:
		request(rtnl.NewAddrLabel(l, pick[netlink.HeaderFlags](g.dice, rtnl.FlagsAdd, rtnl.FlagsReplace)))
	case 3, 4:
		request(rtnl.DelAddrLabel(l))
	case 5:
		g.get(text, rtnl.RTMGetAddrLabel, header(12, byte(rpdb.IPv6), 0, 128, 0, byte(l.Index)), attr(1, l.Prefix.Addr().AsSlice()))
	case 6:
		g.oddDump(dumpLabels6)
	default:
		g.hollow(rtnl.RTMNewAddrLabel, 12, rpdb.IPv6)
	}
	g.dump(dumpLabels6)
}

// hollow adds a request that is only a header, or less.
func (g *reqGen) hollow(typ netlink.HeaderType, head int, f rpdb.Family) {
	body := make([]byte, pick(g.dice, head, head, head, g.IntN(head+1)))
	if len(body) > 0 {
		body[0] = byte(f)
	}
	typ += netlink.HeaderType(g.IntN(4))
	flags := netlink.HeaderFlags(g.IntN(16)) << 8
	g.raw(fmt.Sprintf("%s of %d bytes with flags 0x%x", typeName(typ), len(body), uint16(flags)), netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request | netlink.Acknowledge | flags}, Data: body,
	})
}

func (g *reqGen) routes4() {
	g.t = drawTraits(g.dice)
	g.t.lateAddrs, g.t.lateIgnore = g.chance(30), false
	g.t.nextHops = g.chance(30)
	r := &gen4{dice: g.dice, t: &g.t}
	ops := append(addr4Ops(), addr6Ops()[0])
	if g.t.nextHops {
		ops = append(ops, firstNextHops(rpdb.IPv4, "10.0.0.8", "10.1.0.8")...)
	}
	g.prelude(ops)
	for i := range reqLength {
		switch x := g.IntN(100); {
		case x < 58:
			g.op(RouteOp{r.verb(), r.route(), false})
		case x < 74:
			g.op(r.delRoute())
		case x < 82:
			g.ask(rpdb.IPv4)
		case x < 88:
			g.oddDump(dumpRoutes4)
		case x < 90:
			g.hollow(rtnl.RTMNewRoute, 12, rpdb.IPv4)
		case x < 95 && g.t.lateAddrs:
			g.op(pick[Op](g.dice, linkEvent(g.dice), AddrOp{pick(g.dice, Add, Del), r.addr()}))
		default:
			g.op(g.encapRoute(r.route()))
		}
		if i%10 == 9 {
			g.dump(dumpRoutes4)
		}
	}
	g.dump(dumpRoutes4, dumpAllRoutes)
}

// encapRoute gives a route metrics and other attributes that the decision ignores.
func (g *reqGen) encapRoute(r rpdb.Route) Op {
	r.Metrics = nil
	for range 1 + g.IntN(3) {
		r.Metrics = append(r.Metrics, rpdb.Metric{
			ID: uint16(1 + g.IntN(17)), Val: pick[uint32](g.dice, 0, 1, 100, 1500, 70000, 0xffffffff), Lock: g.chance(20),
		})
	}
	return RouteOp{pick(g.dice, Add, Append, Replace), r, false}
}

func (g *reqGen) routes6() {
	g.t = drawTraits(g.dice)
	g.t.lateAddrs, g.t.lateIgnore = g.chance(30), false
	g.t.nextHops = g.chance(30)
	r := &gen6{dice: g.dice, t: &g.t, places: map[place6]*place6State{}}
	ops := addr6Ops()
	if g.t.nextHops {
		ops = append(ops, firstNextHops(rpdb.IPv6, "2001:db8:a::fe", "2001:db8:b::fe")...)
	}
	g.prelude(ops)
	for i := range reqLength {
		switch x := g.IntN(100); {
		case x < 58:
			o := RouteOp{pick(g.dice, Add, Add, Add, Append, Append, Prepend, Replace, Change), r.route(), false}
			g.op(o)
		case x < 74:
			g.op(r.delRoute())
		case x < 82:
			g.ask(rpdb.IPv6)
		case x < 88:
			g.oddDump(dumpRoutes6)
		case x < 90:
			g.hollow(rtnl.RTMNewRoute, 12, rpdb.IPv6)
		case x < 95 && g.t.lateAddrs:
			g.op(pick[Op](g.dice, linkEvent(g.dice), AddrOp{pick(g.dice, Add, Del), r.addr()}))
		default:
			g.op(g.encapRoute(r.route()))
		}
		if i%10 == 9 {
			g.dump(dumpRoutes6)
		}
	}
	g.dump(dumpRoutes6, dumpAllRoutes)
}

func (g *reqGen) addrs() {
	g.prelude(nil)
	r4, r6 := &gen4{dice: g.dice, t: &g.t}, &gen6{dice: g.dice, t: &g.t}
	for i := range reqLength {
		f := pick(g.dice, rpdb.IPv4, rpdb.IPv6)
		a := r4.addr()
		if f == rpdb.IPv6 {
			a = r6.addr()
		}
		switch x := g.IntN(100); {
		case x < 55:
			g.op(AddrOp{pick(g.dice, Add, Add, Add, Add, Replace, Change, Prepend), g.dressed(a)})
		case x < 78:
			g.op(AddrOp{Del, a})
		case x < 84:
			g.oddDump(pick(g.dice, dumpAddrs4, dumpAddrs6, dumpAllAddrs, dumpGroups4, dumpGroups6))
		case x < 87:
			g.hollow(rtnl.RTMNewAddr, 8, f)
		case x < 90:
			g.get("get of address "+a.Local.String(), rtnl.RTMGetAddr, header(8, byte(f), 0, 0, 0, byte(a.Index)),
				attr(pick[uint16](g.dice, 1, 2), a.Local.AsSlice()))
		case x < 94:
			g.op(SysctlOp{"net/ipv4/conf/" + pick(g.dice, "all", "v0", "v1") + "/promote_secondaries", pick(g.dice, "0", "1")})
		default:
			g.op(linkEvent(g.dice))
		}
		if i%10 == 9 {
			g.dump(dumpAllAddrs, dumpRoutes4, dumpRoutes6)
		}
	}
	g.dump(dumpAddrs4, dumpAddrs6, dumpRoutes4, dumpRoutes6, dumpGroups4, dumpGroups6)
}

// dressed gives an address labels, lifetimes, protocols and flags.
func (g *reqGen) dressed(a rpdb.Addr) rpdb.Addr {
	if g.chance(15) && a.Family == rpdb.IPv4 {
		a.Label = pick(g.dice, "v0", "v0:1", "lo:x", "other", "0123456789abcdef")
	}
	if g.chance(10) {
		a.Protocol = pick[uint8](g.dice, 1, 2, 3, 4, 200)
	}
	if g.chance(10) {
		a.Valid, a.Preferred = pick[uint32](g.dice, 0, 90000, rpdb.Forever), pick[uint32](g.dice, 0, 80000, 100000, rpdb.Forever)
	}
	if g.chance(10) {
		a.Flags |= pick(g.dice, rpdb.IFAManageTempAddr, rpdb.IFAMCAutoJoin, rpdb.IFAStablePrivacy, rpdb.IFAHomeAddress,
			rpdb.IFADeprecated, rpdb.IFAPermanent, rpdb.IFATentative, rpdb.IFAOptimistic)
	}
	if g.chance(5) {
		a.PrefixLen = pick[uint8](g.dice, 0, 31, 32, 33, 128, 129, 255)
	}
	return a
}

func (g *reqGen) nexthops() {
	g.t = traits{nextHops: true, otherGW: g.chance(50)}
	r4, r6 := &gen4{dice: g.dice, t: &g.t}, &gen6{dice: g.dice, t: &g.t, places: map[place6]*place6State{}}
	g.prelude(append(addr4Ops(), addr6Ops()...))
	for i := range reqLength {
		switch x := g.IntN(100); {
		case x < 30:
			g.op(r4.nextHop())
		case x < 54:
			g.op(r6.nextHop())
		case x < 62:
			o := RouteOp{r4.verb(), r4.route(), false}
			o.Route.NHID, o.Route.NextHops = pick[uint32](g.dice, 1, 2, 3, 4, 5, 10, 11, 12), nil
			g.op(o)
		case x < 70:
			o := RouteOp{r4.verb(), r6.route(), false}
			o.Route.NHID, o.Route.NextHops = pick[uint32](g.dice, 1, 2, 3, 4, 5, 10, 11, 12), nil
			g.op(o)
		case x < 74:
			g.op(linkEvent(g.dice))
		case x < 80:
			g.oddDump(pick(g.dice, dumpNextHops, dumpNextHops, dumpBuckets))
		case x < 84:
			id := pick[uint32](g.dice, 0, 1, 2, 10, 12, 77)
			g.get(fmt.Sprintf("ip nexthop get id %d", id), rtnl.RTMGetNextHop, header(8), attr(1, u32(id)))
		case x < 87:
			g.bucket()
		case x < 90:
			g.hollow(pick(g.dice, rtnl.RTMNewNextHop, rtnl.RTMNewNextHopBucket), 8, pick(g.dice, rpdb.Unspec, rpdb.IPv4, rpdb.IPv6))
		default:
			g.oddNextHop(r4, r6)
		}
		if i%10 == 9 {
			g.dump(dumpNextHops, dumpBuckets)
		}
	}
	g.dump(dumpNextHops, dumpBuckets, dumpRoutes4, dumpRoutes6)
}

func (g *reqGen) bucket() {
	id, at := pick[uint32](g.dice, 12, 12, 10, 1), pick[uint16](g.dice, 0, 1, 7, 8, 31, 400)
	in := attr(1, binary.NativeEndian.AppendUint16(nil, at))
	g.get(fmt.Sprintf("ip nexthop bucket get id %d index %d", id, at), rtnl.RTMGetNextHopBucket, header(8),
		attr(1, u32(id)), attr(13|nested, in))
}

// oddNextHop draws objects that gen4 and gen6 do not: ids that the kernel chooses,
// forwarding databases, groups with doubles and big weights, resilient timers.
func (g *reqGen) oddNextHop(r4 *gen4, r6 *gen6) {
	o, ok := pick(g.dice, r4.nextHop(), r6.nextHop()).(NextHopOp)
	if !ok || o.Verb == Del {
		return
	}
	h := &o.NextHop
	o.Verb = pick(g.dice, Add, Add, Replace, Append, Prepend, Change)
	switch g.IntN(5) {
	case 0:
		h.ID = 0
	case 1:
		h.FDB = true
	case 2:
		h.Group = append(h.Group, rpdb.GroupMember{ID: pick[uint32](g.dice, 1, 2, 10, 12, 77), Weight: pick[uint32](g.dice, 1, 255, 256, 300, 65536)})
	case 3:
		h.Protocol = pick[uint8](g.dice, 1, 4, 200)
	default:
		h.ID = 12
		h.Group = g.group()
		h.Family, h.Hop, h.Blackhole = rpdb.Unspec, rpdb.NextHop{}, false
		h.Resilient = &rpdb.Resilient{
			NumBuckets: pick[uint16](g.dice, 0, 1, 2, 8, 32), IdleTimer: pick[uint32](g.dice, 0, 100, 12000),
			UnbalancedTimer: pick[uint32](g.dice, 0, 60000),
		}
		b, err := rtnl.EncodeNextHop(*h)
		if err == nil {
			g.raw(o.command(newNames())+" with timers", asked(request(rtnl.RTMNewNextHop, rtnl.RTMDelNextHop, o.Verb, b)))
		}
		return
	}
	g.op(o)
}

func (g *reqGen) neighs() {
	g.prelude(append(addr4Ops(), addr6Ops()...))
	for i := range reqLength {
		gw := pick(g.dice, append(append(gateways4[:4:4], gateways6[:7]...), gateways46...)...)
		dev := pick(g.dice, devV0, devV1, devV2, rpdb.Loopback, devP0, 99)
		n := rpdb.Neigh{Family: rpdb.FamilyOf(gw), Index: dev, IP: gw}
		switch x := g.IntN(100); {
		case x < 60:
			n.State = pick(g.dice, rpdb.NUDPermanent, rpdb.NUDPermanent, rpdb.NUDStale, rpdb.NUDNoARP, rpdb.NUDFailed, rpdb.NUDNone)
			if g.chance(85) {
				n.LLAddr = []byte{2, 0, 0, 0, 0, pick[byte](g.dice, 9, 10)}
			}
			n.Flags = pick[uint8](g.dice, 0, 0, 0, 0, 0x80, 0x08, 0x10, 0x02, 0x01)
			g.op(NeighOp{pick(g.dice, Add, Add, Replace, Replace, Append, Change, Prepend), n})
		case x < 78:
			if g.chance(20) {
				n.Flags = 8
			}
			g.op(NeighOp{Del, n})
		case x < 86:
			g.oddDump(pick(g.dice, dumpNeighs4, dumpNeighs6, dumpFDB))
		case x < 90:
			g.hollow(rtnl.RTMNewNeigh, 12, n.Family)
		case x < 95:
			g.get(fmt.Sprintf("ip neigh get %s dev %d", gw, dev), rtnl.RTMGetNeigh,
				header(12, byte(n.Family), 0, 0, 0, byte(dev)), attr(1, gw.AsSlice()))
		default:
			g.op(linkEvent(g.dice))
		}
		if i%10 == 9 {
			g.dump(dumpNeighs4, dumpNeighs6)
		}
	}
	g.dump(dumpNeighs4, dumpNeighs6, dumpFDB)
}

// mixed plays everything on one namespace.
func (g *reqGen) mixed() {
	g.t = drawTraits(g.dice)
	g.t.nextHops, g.t.lateAddrs = true, true
	r4, r6 := &gen4{dice: g.dice, t: &g.t}, &gen6{dice: g.dice, t: &g.t, places: map[place6]*place6State{}}
	g.prelude(append(addr4Ops(), addr6Ops()...))
	for i := range reqLength {
		switch x := g.IntN(100); {
		case x < 38:
			g.op(r4.op(i % roundsPerScenario))
		case x < 76:
			g.op(r6.op(i % roundsPerScenario))
		case x < 84:
			g.ask(pick(g.dice, rpdb.IPv4, rpdb.IPv6))
		case x < 92:
			g.link()
		default:
			g.oddDump(pick(g.dice, dumpRoutes4, dumpRoutes6, dumpLinks, dumpAllAddrs, dumpNextHops, dumpRules4, dumpNeighs4, dumpNetConf4))
		}
		if i%10 == 9 {
			g.dump(dumpRoutes4, dumpRoutes6, dumpLinks)
		}
	}
	g.dump(dumpLinks, dumpAllAddrs, dumpRules4, dumpRules6, dumpRoutes4, dumpRoutes6, dumpNextHops, dumpNeighs4, dumpNeighs6)
}
