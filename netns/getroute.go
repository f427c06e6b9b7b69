package netns

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// getRoute answers RTM_GETROUTE without NLM_F_DUMP (inet_rtm_getroute,
// inet6_rtm_getroute): package rpdb decides.
func getRoute(r *request) error {
	switch r.family() {
	case rpdb.IPv4, rpdb.IPv6:
	case familyIPMR, familyIP6MR:
		return getMRoute(r)
	default:
		return fail(rpdb.EOPNOTSUPP, "")
	}
	n := r.ns
	f, o, err := n.parseGet(r)
	if err != nil {
		return err
	}
	if f.IIF != 0 && n.byIndex(f.IIF) == nil {
		return fail(rpdb.ENODEV, "")
	}
	db, err := n.database()
	if err != nil {
		return err
	}
	d := db.Lookup(&f)
	rep := rtnl.ExpectedOf(f, &d, o)
	if rep.Err != rpdb.OK {
		return fail(rep.Err, rep.Msg)
	}
	if o.FibMatch {
		body, err := n.matched(&f, &d)
		if err != nil {
			return err
		}
		r.reply(rtnl.RTMNewRoute, 0, body)
		return nil
	}
	if !lookupTable(r) {
		rep.Table = rpdb.TableMain
	}
	rep.Cache = rpdb.Some(rtnl.CacheInfo{ClntRef: 1})
	r.reply(rtnl.RTMNewRoute, 0, rtnl.EncodeReply(rep))
	return nil
}

// lookupTable tells whether the table that was searched is asked for, which IPv6
// always tells (RTM_F_LOOKUP_TABLE).
func lookupTable(r *request) bool {
	return r.family() == rpdb.IPv6 || binary.NativeEndian.Uint32(r.data[8:])&rtnl.FlagLookupTable != 0
}

// matched is the route of a decision as a dump shows it.
func (n *Namespace) matched(f *rpdb.Flow, d *rpdb.Decision) ([]byte, error) {
	if f.Family() == rpdb.IPv6 {
		r := n.route6Of(d.Route)
		if r == nil {
			return nil, errors.New("the route that matched is gone")
		}
		if s := r.siblings(); d.Leg > 0 && d.Leg < len(s) && r.nhid == 0 {
			r = s[d.Leg]
		}
		return n.fillMatch6(r, f.IIF), nil
	}
	a := n.alias4Of(d.Route)
	if a == nil {
		return nil, errors.New("the route that matched is gone")
	}
	match := *a
	match.typ = d.Type
	return n.appendRoute4(nil, &match, d.Table), nil
}

// alias4Of finds the entry that a route of the model was made of.
func (n *Namespace) alias4Of(r *rpdb.Route) *alias4 {
	t := n.ip4.tables[r.Table]
	if t == nil {
		return nil
	}
	key := key4{dst: fromAddr4(r.Dst.Addr()), plen: uint8(r.Dst.Bits()), tos: r.TOS, prio: r.Priority}
	for s := t.seek(key); ; s = t.next(s) {
		a := t.at(s)
		if a == nil || a.key() != key {
			return nil
		}
		if m := n.modelRoute4(t, a, n.routeOfInfo4(a.info)); reflect.DeepEqual(m, *r) {
			return a
		}
	}
}

// route6Of finds the route that a route of the model was made of.
func (n *Namespace) route6Of(r *rpdb.Route) (found *route6) {
	t := n.fib6.table(r.Table)
	if t == nil {
		return nil
	}
	t.root.walk(func(x *route6) *route6 {
		if x.dst == r.Dst && x.metric == r.Priority && x.src == r.Src && found == nil {
			if m := n.modelRoute6(x); slices.EqualFunc(m.NextHops, r.NextHops, func(a, b rpdb.NextHop) bool {
				return a.Dev == b.Dev && a.Gateway == b.Gateway
			}) && m.NHID == r.NHID && m.Type == r.Type {
				found = x
			}
		}
		return x.lastSibling()
	})
	return found
}

// getAttrs are the attributes that a strict request for a lookup may have.
var getAttrs = map[int]bool{
	rtaIIF: true, rtaOIF: true, rtaSrc: true, rtaDst: true, rtaIPProto: true, rtaSPort: true, rtaDPort: true,
	rtaMark: true, rtaUID: true,
}

// parseGet checks a request for a lookup and reads it
// (inet_rtm_valid_getroute_req, inet6_rtm_valid_getroute_req).
func (n *Namespace) parseGet(r *request) (f rpdb.Flow, o rtnl.GetOptions, err error) {
	six := r.family() == rpdb.IPv6
	prefix, bits, policies := "ipv4: ", byte(32), route4Policy
	if six {
		prefix, bits, policies = "ipv6: ", 128, policyRoute6
	}
	invalid := func(text string) (rpdb.Flow, rtnl.GetOptions, error) {
		return f, o, fail(rpdb.EINVAL, prefix+text)
	}
	if len(r.data) < routeHeaderLen {
		return invalid("Invalid header for route get request")
	}
	h := r.data[:routeHeaderLen]
	how := liberal
	if r.strict() {
		how = deprecatedStrict
		switch flags := binary.NativeEndian.Uint32(h[8:]); {
		case h[2] != 0 && h[2] != bits, h[1] != 0 && h[1] != bits, h[4] != 0, h[5] != 0, h[6] != 0, h[7] != 0:
			return invalid("Invalid values in header for route get request")
		case six && flags&^rtnl.FlagFibMatch != 0:
			return invalid("Invalid flags for route get request")
		case !six && flags&^(rpdb.FlagNotify|rtnl.FlagLookupTable|rtnl.FlagFibMatch) != 0:
			return invalid("Unsupported rtm_flags for route get request")
		}
	}
	tb, err := parseAttrs(r.data[routeHeaderLen:], policies, how, &r.ext)
	if err != nil {
		return f, o, err
	}
	if r.strict() {
		switch {
		case tb.has(rtaSrc) && h[2] == 0, tb.has(rtaDst) && h[1] == 0:
			return invalid(map[bool]string{
				false: "rtm_src_len and rtm_dst_len must be 32 for IPv4", true: "rtm_src_len and rtm_dst_len must be 128 for IPv6",
			}[six])
		}
		for typ := range tb {
			if tb.has(typ) && !getAttrs[typ] && (!six || typ != rtaFlowLabel) {
				return invalid("Unsupported attribute in route get request")
			}
		}
	}
	return n.readGet(r, tb)
}

// readGet reads a request that was checked.
func (n *Namespace) readGet(r *request, tb attrs) (f rpdb.Flow, o rtnl.GetOptions, err error) {
	six := r.family() == rpdb.IPv6
	if six && (tb.has(rtaSrc) && len(tb[rtaSrc]) < 16 || tb.has(rtaDst) && len(tb[rtaDst]) < 16) {
		return f, o, fail(rpdb.EINVAL, "")
	}
	h := r.data[:routeHeaderLen]
	flags := binary.NativeEndian.Uint32(h[8:])
	o = rtnl.GetOptions{FibMatch: flags&rtnl.FlagFibMatch != 0, Notify: flags&rpdb.FlagNotify != 0}
	f = rpdb.Flow{Dst: r.family().Zero(), TOS: h[3]}
	if tb.has(rtaDst) {
		f.Dst = addrOf(tb[rtaDst][:r.family().Bits()/8])
	}
	if tb.has(rtaSrc) {
		f.Src = addrOf(tb[rtaSrc][:r.family().Bits()/8])
	}
	f.IIF, f.OIF = tb.index(rtaIIF), tb.index(rtaOIF)
	if tb.has(rtaMark) {
		f.Mark = tb.u32(rtaMark)
	}
	switch {
	case tb.has(rtaUID):
		f.UID = tb.u32(rtaUID)
	case f.IIF != 0:
		f.UID = rpdb.InvalidUID
	}
	f.SPort, f.DPort = tb.port(rtaSPort), tb.port(rtaDPort)
	switch {
	case tb.has(rtaIPProto):
		if f.IPProto = tb.u8(rtaIPProto); !knownProto(r.family(), f.IPProto) {
			return f, o, fail(rpdb.EOPNOTSUPP, "Unsupported ip proto")
		}
	case !six:
		f.IPProto = rpdb.ProtoUDP
	}
	if six && tb.has(rtaFlowLabel) {
		if f.FlowLabel = binary.BigEndian.Uint32(tb[rtaFlowLabel]); f.FlowLabel&^0xfffff != 0 {
			return f, o, failAttr(rpdb.EINVAL, "Flow label reserved bits must be zero", tb[rtaFlowLabel])
		}
	}
	return f, o, nil
}

func addrOf(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

// index is the ifindex in an attribute, 0 if it is not there.
func (a attrs) index(typ int) int {
	if !a.has(typ) {
		return 0
	}
	return int(int32(a.u32(typ)))
}

// port is the port in an attribute, 0 if it is not there.
func (a attrs) port(typ int) uint16 {
	if !a.has(typ) {
		return 0
	}
	return binary.BigEndian.Uint16(a[typ])
}

// knownProto tells whether lookups can be asked for a protocol
// (rtm_getroute_parse_ip_proto).
func knownProto(f rpdb.Family, proto uint8) bool {
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
