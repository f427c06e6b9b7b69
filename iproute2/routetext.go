package iproute2

import (
	"net/netip"
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// routeFlags are the bits of rtm_flags and rtnh_flags that iproute2 has words for,
// in its order.
var routeFlags = []struct {
	bit  uint32
	name string
}{
	{rpdb.NHDead, "dead"},
	{rpdb.NHOnlink, "onlink"},
	{rpdb.NHPervasive, "pervasive"},
	{rpdb.NHOffload, "offload"},
	{rpdb.NHTrap, "trap"},
	{rpdb.FlagNotify, "notify"},
	{rpdb.NHLinkDown, "linkdown"},
	{rpdb.NHUnresolved, "unresolved"},
	{rtnl.FlagOffload, "rt_offload"},
	{rtnl.FlagTrap, "rt_trap"},
	{rtnl.FlagOffloadFailed, "rt_offload_failed"},
}

var routeFlagBits = func() map[string]uint32 {
	m := map[string]uint32{}
	for _, f := range routeFlags {
		m[f.name] = f.bit
	}
	return m
}()

func appendFlags(b []byte, flags uint32) []byte {
	if flags == 0 {
		return b
	}
	for _, f := range routeFlags {
		if flags&f.bit != 0 {
			b = append(append(b, f.name...), ' ')
		}
	}
	return b
}

func appendWord(b []byte, key, value string) []byte {
	return append(append(append(append(b, key...), ' '), value...), ' ')
}

// FormatRoute prints a route as ip route show does (print_route), without the last
// newline; legs of a multipath route are lines of their own.
func FormatRoute(r *rpdb.Route, o *Options) string {
	return string(AppendRoute(make([]byte, 0, 128), r, o))
}

// AppendRoute appends what FormatRoute returns.
func AppendRoute(b []byte, r *rpdb.Route, o *Options) []byte {
	m := routeMessage(r)
	return appendReply(b, &m, o)
}

// routeMessage returns a route in the form of the message that tells of it, which
// is that of a reply, too.
func routeMessage(r *rpdb.Route) rtnl.Reply {
	m := rtnl.Reply{
		Family: r.Family, Dst: r.Dst, TOS: r.TOS, Table: r.Table, Protocol: r.Protocol,
		Scope: r.Scope, Type: r.Type, Flags: r.Flags, PrefSrc: r.PrefSrc, NHID: r.NHID,
		Metrics: r.Metrics,
	}
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		m.Src = r.Src
	}
	if r.Priority != 0 || r.Family == rpdb.IPv6 {
		m.Priority = rpdb.Some(r.Priority)
	}
	if r.Family == rpdb.IPv6 {
		m.Pref = rpdb.Some(r.Pref)
	}
	if r.Expires.Set {
		m.Cache = rpdb.Some(rtnl.CacheInfo{Expires: int32(r.Expires.V / 10)})
	}
	if len(r.NextHops) == 1 {
		h := &r.NextHops[0]
		m.OIF, m.Gateway, m.Realms, m.Encap = h.Dev, h.Gateway, h.Realms, h.Encap
		m.Flags |= h.Flags
	} else {
		m.NextHops = r.NextHops
	}
	return m
}

func appendDst(b []byte, p netip.Prefix) []byte {
	if p.Bits() <= 0 {
		return append(b, "default"...)
	}
	if !p.Addr().Is4() {
		return append(b, formatPrefix(p)...)
	}
	if p.Bits() == 32 {
		return p.Addr().AppendTo(b)
	}
	return p.AppendTo(b)
}

// appendDst prints the destination and a blank.
func (o *Options) appendDst(b []byte, p netip.Prefix) []byte {
	if p.Bits() <= 0 || o == nil || o.Palette == NoColor {
		return append(appendDst(b, p), ' ')
	}
	return o.appendPainted(b, FamilyColor(rpdb.FamilyOf(p.Addr())), string(appendDst(nil, p)))
}

// appendVia prints a gateway; one of the other family carries the family's name.
func (o *Options) appendVia(b []byte, f rpdb.Family, gw netip.Addr) []byte {
	if !gw.IsValid() {
		return b
	}
	b = append(b, "via "...)
	if g := rpdb.FamilyOf(gw); g != f {
		b = append(append(b, g.String()...), ' ')
	}
	return o.appendPainted(b, FamilyColor(rpdb.FamilyOf(gw)), formatAddr(gw))
}

func appendRealms(b []byte, realms uint32, n *Names) []byte {
	key := "realm"
	if realms>>16 != 0 {
		key = "realms"
	}
	return appendWord(b, key, n.Realms(realms))
}

// appendLeg prints one nexthop of a multipath route.
func appendLeg(b []byte, f rpdb.Family, h *rpdb.NextHop, o *Options) []byte {
	b = append(b, "\tnexthop "...)
	b = appendEncap(b, h.Encap, o)
	b = o.appendVia(b, f, h.Gateway)
	if h.Realms != 0 {
		b = appendRealms(b, h.Realms, o.names())
	}
	b = appendWord(b, "dev", o.dev(h.Dev)) // without a colour
	b = appendWord(b, "weight", utoa(max(h.Weight, 1)))
	return appendFlags(b, h.Flags)
}

// FormatLeg prints one nexthop of a route as ip shows it in a multipath route,
// without the leading tab and the word nexthop.
func FormatLeg(f rpdb.Family, h *rpdb.NextHop, o *Options) string {
	return string(appendLeg(nil, f, h, o)[len("\tnexthop "):])
}

func formatPref(p rpdb.RouterPref) string {
	switch p {
	case rpdb.PrefMedium:
		return "medium"
	case rpdb.PrefHigh:
		return "high"
	case rpdb.PrefLow:
		return "low"
	}
	return strconv.Itoa(int(p))
}

func parsePref(s string) (rpdb.RouterPref, bool) {
	switch s {
	case "medium":
		return rpdb.PrefMedium, true
	case "high":
		return rpdb.PrefHigh, true
	case "low":
		return rpdb.PrefLow, true
	}
	v, ok := parseUint(s, 0, 255)
	return rpdb.RouterPref(v), ok
}
