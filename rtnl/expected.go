package rtnl

import (
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Expected returns the reply that the kernel would send for a flow, from our own
// decision: what ParseReply would make of it, but for the cache information. A flow
// of this host needs its user id (not rpdb.InvalidUID), which the reply shows. It
// costs one lookup.
func Expected(db *rpdb.Database, f rpdb.Flow, o GetOptions) Reply {
	d := db.Lookup(&f)
	return ExpectedOf(f, &d, o)
}

// ExpectedOf is Expected for a decision already made on the flow.
func ExpectedOf(f rpdb.Flow, d *rpdb.Decision, o GetOptions) Reply {
	fam := f.Family()
	if f.IPProto != 0 && !askable(fam, f.IPProto) {
		return Reply{Family: fam, Err: rpdb.EOPNOTSUPP, Msg: "Unsupported ip proto"}
	}
	switch {
	case d.Err != rpdb.OK:
		return Reply{Family: fam, Err: d.Err}
	case o.FibMatch && d.Route == nil:
		return Reply{Family: fam, Err: rpdb.EHOSTUNREACH}
	case o.FibMatch:
		return expectedMatch(&f, d)
	case fam == rpdb.IPv6:
		return expected6(&f, d)
	}
	return expected4(&f, d, o)
}

// askable tells whether RTM_GETROUTE takes a protocol (rtm_getroute_parse_ip_proto).
func askable(f rpdb.Family, proto uint8) bool {
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

// expected4 mirrors rt_fill_info (spec IPv4 section 7).
func expected4(f *rpdb.Flow, d *rpdb.Decision, o GetOptions) Reply {
	r := Reply{
		Family: rpdb.IPv4, Dst: host(f.Dst), Src: given(f.Src),
		TOS: d.TOS, Table: d.Table, Type: d.Type, Flags: d.Flags | rpdb.FlagCloned,
		IIF: f.IIF, OIF: d.OIF, Gateway: d.Gateway, Realms: d.Realms, Mark: f.Mark,
	}
	if o.Notify {
		r.Flags |= rpdb.FlagNotify | flagRouteNotify
	}
	if f.IIF == 0 {
		if f.UID != rpdb.InvalidUID {
			r.UID = rpdb.Some(f.UID)
		}
		r.PrefSrc = chosen(d.Src, f.Src)
	}
	if d.UsesRoute && d.Route != nil {
		r.Metrics = d.Route.Metrics
		r.Encap = encapOfLeg(d)
	}
	return r
}

// expected6 mirrors rt6_fill_node for an answer (spec IPv6 5.3).
func expected6(f *rpdb.Flow, d *rpdb.Decision) Reply {
	r := Reply{
		Family: rpdb.IPv6, Dst: host(f.Dst), Src: host(rpdb.IPv6.Zero()),
		Table: d.Table, Type: d.Type, Flags: d.Flags, IIF: f.IIF, OIF: d.OIF, Gateway: d.Gateway,
		Priority: rpdb.Some(uint32(0)), Pref: rpdb.Some(rpdb.PrefMedium),
	}
	if d.FlowSrc.IsValid() {
		r.Src = host(d.FlowSrc)
	}
	if f.IIF == 0 {
		r.PrefSrc = d.ReplySrc
	}
	if d.Route != nil {
		rt := d.Route.Sibling(d.Leg)
		r.Protocol = rt.Protocol
		r.Priority.V, r.Pref.V = rt.Priority, rt.Pref
		r.Metrics = rt.Metrics
		r.Encap = encapOfLeg(d)
		if !r.PrefSrc.IsValid() {
			r.PrefSrc = rt.PrefSrc
		} else {
			r.StoredSrc = rt.PrefSrc
		}
	}
	return r
}

// expectedMatch is the answer to RTM_F_FIB_MATCH: the route as a dump shows it, with
// the type of the decision in IPv4. IPv6 starts a multipath route that is no nexthop
// object with the leg that was chosen.
func expectedMatch(f *rpdb.Flow, d *rpdb.Decision) Reply {
	r := RouteReply(d.Route)
	r.Table = d.Table
	if r.Family == rpdb.IPv4 {
		r.Type = d.Type
		return r
	}
	r.IIF = f.IIF
	if d.Leg > 0 && d.Leg < len(r.NextHops) && d.Route.NHID == 0 {
		r.NextHops = slices.Concat(r.NextHops[d.Leg:], r.NextHops[:d.Leg])
	}
	return r
}

// RouteReply returns the fields of the message that dumps a route.
func RouteReply(rt *rpdb.Route) Reply {
	r := Reply{
		Family: rt.Family, Dst: rt.Dst, Src: rt.Src, TOS: rt.TOS, Table: rt.Table,
		Protocol: rt.Protocol, Scope: rt.Scope, Type: rt.Type, Flags: rt.Flags,
		PrefSrc: rt.PrefSrc, NHID: rt.NHID, Metrics: rt.Metrics, Extra: rt.Extra,
	}
	if rt.Family == rpdb.IPv6 || rt.Priority != 0 {
		r.Priority = rpdb.Some(rt.Priority)
	}
	if rt.Family == rpdb.IPv6 {
		r.Pref = rpdb.Some(rt.Pref)
	}
	switch {
	case len(rt.NextHops) == 0:
	case isSingle(rt):
		h := &rt.NextHops[0]
		r.Flags |= h.Flags
		r.OIF, r.Gateway, r.Realms, r.Encap = h.Dev, h.Gateway, h.Realms, h.Encap
	default:
		r.NextHops = rt.NextHops
	}
	return r
}

// encapOfLeg returns the encapsulation of the nexthop that was chosen, as far as the
// route shows its nexthops.
func encapOfLeg(d *rpdb.Decision) *rpdb.Encap {
	if d.Route.NHID != 0 || d.Leg < 0 || d.Leg >= len(d.Route.NextHops) {
		return nil
	}
	return d.Route.NextHops[d.Leg].Encap
}

// host returns the prefix of a single address.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// given returns the prefix of a source that the flow came with, else no prefix.
func given(src netip.Addr) netip.Prefix {
	if !src.IsValid() || src.IsUnspecified() {
		return netip.Prefix{}
	}
	return host(src)
}

// chosen returns the source that was found unless the flow came with it.
func chosen(found, src netip.Addr) netip.Addr {
	if found.IsUnspecified() || found == src {
		return netip.Addr{}
	}
	return found
}

// Compare names the fields in which the kernel's reply to a flow differs from our
// decision d on it, in the words of DiffReply; none if they agree. Where the choice
// among the legs of a multipath route cannot be computed, a reply with any of them
// agrees.
func Compare(db *rpdb.Database, f rpdb.Flow, d *rpdb.Decision, o GetOptions, got Reply) []string {
	want := ExpectedOf(f, d, o)
	diff := DiffReply(want, got)
	if len(diff) == 0 || !d.Undetermined {
		return diff
	}
	for leg := range maxLegs {
		other := db.LookupOnLeg(&f, leg)
		if len(DiffReply(ExpectedOf(f, &other, o), got)) == 0 {
			return nil
		}
	}
	return diff
}

// maxLegs bounds the legs that are tried.
const maxLegs = 256
