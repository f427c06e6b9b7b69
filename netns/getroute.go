package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// getRoute answers RTM_GETROUTE without NLM_F_DUMP (inet_rtm_getroute,
// inet6_rtm_getroute) from the decision that package rpdb makes on the present state.
func getRoute(r *request) error {
	switch r.family() {
	case rpdb.IPv4, rpdb.IPv6:
	case familyIPMR, familyIP6MR:
		return getMRoute(r)
	default:
		return fail(rpdb.EOPNOTSUPP, "")
	}
	n := r.ns
	q, err := n.parseGet(r)
	if err != nil {
		return err
	}
	db, err := n.database()
	if err != nil {
		return err
	}
	d := db.Lookup(&q.flow)
	rep := rtnl.ExpectedOf(q.flow, &d, q.GetOptions)
	if rep.Err != rpdb.OK {
		return fail(rep.Err, rep.Msg)
	}
	if rep.Family == rpdb.IPv4 && !q.lookupTable {
		rep.Table = rpdb.TableMain
	}
	if q.FibMatch {
		r.reply(rtnl.RTMNewRoute, 0, n.fillMatch(&q, &d, db, rep.Table))
		return nil
	}
	rep.Cache.V.ClntRef = n.references(&q.flow, &d)
	if x, ok := n.Exception(q.flow.Dst, &d); ok {
		n.except(&rep, x)
	}
	r.reply(rtnl.RTMNewRoute, 0, rtnl.EncodeReply(rep))
	return nil
}

// limitedBroadcast4 goes to everybody on a link.
var limitedBroadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// references is how many hold the kernel's object of an answer, which the message
// tells: besides the answer itself the cache of the nexthop, if the object goes there
// (ip_route_input_slow, __mkroute_input, __mkroute_output).
func (n *Namespace) references(f *rpdb.Flow, d *rpdb.Decision) uint32 {
	switch {
	case f.Family() == rpdb.IPv6:
		return 2
	case d.Route == nil, d.Assumed, f.IIF == 0 && f.Dst == limitedBroadcast4:
		return 1
	case f.IIF != 0:
		if d.Type == rpdb.Multicast || d.SourceRealms != 0 || !n.lookups.firstInput(d) {
			return 1
		}
		return 2
	case d.Type == rpdb.Local && (d.Leg < 0 || d.Leg >= len(d.Route.NextHops) || d.Route.NextHops[d.Leg].Dev != d.OIF):
		return 1
	case d.Type == rpdb.Multicast && (d.Route.Dst.Bits() < 4 || n.inGroup4(d.OIF, fromAddr4(f.Dst))):
		return 1
	}
	return 2
}

// routeQuery is what an RTM_GETROUTE asks.
type routeQuery struct {
	flow rpdb.Flow
	rtnl.GetOptions
	lookupTable bool // RTM_F_LOOKUP_TABLE
}

// fillMatch writes the route of a decision as a dump shows it: with the type of the
// decision in IPv4, beginning with the chosen leg in IPv6.
func (n *Namespace) fillMatch(q *routeQuery, d *rpdb.Decision, db *rpdb.Database, table uint32) []byte {
	routes := db.State().Routes
	at := 0
	for &routes[at] != d.Route {
		at++
	}
	if d.Route.Family == rpdb.IPv4 {
		match := *n.alias4At(at)
		match.typ = d.Type
		return n.appendRoute4(nil, &match, table)
	}
	for _, t := range n.ip4.tables {
		at -= t.total
	}
	r := n.route6At(at)
	if s := r.siblings(); d.Leg > 0 && d.Leg < len(s) && r.nhid == 0 {
		r = s[d.Leg]
	}
	return n.fillMatch6(r, q.flow.IIF)
}

// alias4At is an entry by its place in a dump of all tables.
func (n *Namespace) alias4At(at int) (found *alias4) {
	n.eachTable4(func(t *table4) bool {
		if at >= t.total {
			at -= t.total
			return true
		}
		for _, c := range t.chunks {
			if at < len(c) {
				found = &c[at]
				break
			}
			at -= len(c)
		}
		return false
	})
	return found
}

// route6At is a route by its place in a dump of all tables.
func (n *Namespace) route6At(at int) (found *route6) {
	n.fib6.walk(func(r *route6) *route6 {
		if at == 0 {
			found = r
		}
		at--
		return r.lastSibling()
	})
	return found
}

// parseGet reads the request.
func (n *Namespace) parseGet(r *request) (routeQuery, error) {
	f := r.family()
	h, tb, err := checkGet(r)
	if err != nil {
		return routeQuery{}, err
	}
	flags := binary.NativeEndian.Uint32(h[8:])
	q := routeQuery{lookupTable: flags&rtnl.FlagLookupTable != 0}
	q.FibMatch, q.Notify = flags&rtnl.FlagFibMatch != 0, flags&rpdb.FlagNotify != 0
	q.flow, err = flowOf(f, h, tb)
	if err != nil {
		return q, err
	}
	switch {
	case tb.has(nla.RTAIPProto) && !askableProto(f, q.flow.IPProto):
		return q, fail(rpdb.EOPNOTSUPP, "Unsupported ip proto")
	case f == rpdb.IPv4 && !tb.has(nla.RTAIPProto):
		q.flow.IPProto = rpdb.ProtoUDP
	case r.strict() && q.flow.FlowLabel&^0xfffff != 0:
		return q, failAttr(rpdb.EINVAL, "Invalid flow label", tb[nla.RTAFlowLabel])
	}
	if q.flow.IIF != 0 && n.byIndex(q.flow.IIF) == nil {
		return q, fail(rpdb.ENODEV, "")
	}
	return q, nil
}

// getRules are the words in which the two families refuse a request.
type getRules struct {
	policy                               []policy
	flags                                uint32
	header, values, badFlags, lens, attr string
}

var getRules4 = getRules{
	route4Policy, rpdb.FlagNotify | rtnl.FlagLookupTable | rtnl.FlagFibMatch,
	"ipv4: Invalid header for route get request", "ipv4: Invalid values in header for route get request",
	"ipv4: Unsupported rtm_flags for route get request", "ipv4: rtm_src_len and rtm_dst_len must be 32 for IPv4",
	"ipv4: Unsupported attribute in route get request",
}

var getRules6 = getRules{
	policyRoute6, rtnl.FlagFibMatch,
	"ipv6: Invalid header for get route request", "ipv6: Invalid values in header for get route request",
	"ipv6: Invalid flags for get route request", "ipv6: rtm_src_len and rtm_dst_len must be 128 for IPv6",
	"ipv6: Unsupported attribute in get route request",
}

// checkGet checks a request (inet_rtm_valid_getroute_req,
// inet6_rtm_valid_getroute_req).
func checkGet(r *request) (h []byte, tb attrs, err error) {
	f, rules := r.family(), &getRules4
	if f == rpdb.IPv6 {
		rules = &getRules6
	}
	if len(r.data) < routeHeaderLen {
		return nil, nil, fail(rpdb.EINVAL, rules.header)
	}
	h = r.data[:routeHeaderLen]
	if !r.strict() {
		tb, err = parseAttrs(r.data[routeHeaderLen:], rules.policy, liberal, &r.ext)
		return h, tb, err
	}
	full := byte(f.Bits())
	switch {
	case h[2] != 0 && h[2] != full, h[1] != 0 && h[1] != full, h[4] != 0, h[5] != 0, h[6] != 0, h[7] != 0:
		return nil, nil, fail(rpdb.EINVAL, rules.values)
	case binary.NativeEndian.Uint32(h[8:])&^rules.flags != 0:
		return nil, nil, fail(rpdb.EINVAL, rules.badFlags)
	}
	if tb, err = parseAttrs(r.data[routeHeaderLen:], rules.policy, deprecatedStrict, &r.ext); err != nil {
		return nil, nil, err
	}
	if tb.has(nla.RTASrc) && h[2] == 0 || tb.has(nla.RTADst) && h[1] == 0 {
		return nil, nil, fail(rpdb.EINVAL, rules.lens)
	}
	for typ := range tb {
		if !tb.has(typ) {
			continue
		}
		switch typ {
		case nla.RTAIIF, nla.RTAOIF, nla.RTASrc, nla.RTADst, nla.RTAIPProto, nla.RTASPort, nla.RTADPort, nla.RTAMark, nla.RTAUID:
		case nla.RTAFlowLabel:
			if f == rpdb.IPv4 {
				return nil, nil, fail(rpdb.EINVAL, rules.attr)
			}
		default:
			return nil, nil, fail(rpdb.EINVAL, rules.attr)
		}
	}
	return h, tb, nil
}

// flowOf reads the flow that a request asks about.
func flowOf(f rpdb.Family, h []byte, tb attrs) (rpdb.Flow, error) {
	q := rpdb.Flow{Dst: f.Zero(), TOS: h[3]}
	for _, a := range [...]struct {
		typ int
		to  *netip.Addr
	}{{nla.RTASrc, &q.Src}, {nla.RTADst, &q.Dst}} {
		if !tb.has(a.typ) {
			continue
		}
		if len(tb[a.typ]) < f.Bits()/8 {
			return q, fail(rpdb.EINVAL, "")
		}
		*a.to, _ = netip.AddrFromSlice(tb[a.typ][:f.Bits()/8])
	}
	u32 := func(typ int) uint32 {
		if !tb.has(typ) {
			return 0
		}
		return tb.u32(typ)
	}
	be16 := func(typ int) uint16 {
		if !tb.has(typ) {
			return 0
		}
		return binary.BigEndian.Uint16(tb[typ])
	}
	q.IIF, q.OIF, q.Mark = int(int32(u32(nla.RTAIIF))), int(int32(u32(nla.RTAOIF))), u32(nla.RTAMark)
	q.SPort, q.DPort = be16(nla.RTASPort), be16(nla.RTADPort)
	if tb.has(nla.RTAUID) {
		q.UID = tb.u32(nla.RTAUID)
	} else if q.IIF != 0 {
		q.UID = rpdb.InvalidUID
	}
	if tb.has(nla.RTAIPProto) {
		q.IPProto = tb.u8(nla.RTAIPProto)
	}
	if tb.has(nla.RTAFlowLabel) {
		q.FlowLabel = binary.BigEndian.Uint32(tb[nla.RTAFlowLabel])
	}
	return q, nil
}

// askableProto tells whether a protocol can be asked for
// (rtm_getroute_parse_ip_proto).
func askableProto(f rpdb.Family, proto uint8) bool {
	switch proto {
	case rpdb.ProtoTCP, rpdb.ProtoUDP:
		return true
	case rpdb.ProtoICMP:
		return f == rpdb.IPv4
	case rpdb.ProtoICMPv6:
		return f == rpdb.IPv6
	}
	return false
}
