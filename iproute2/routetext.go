package iproute2

import (
	"net/netip"
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Route flags beyond rpdb's nexthop flags that iproute2 has words for (RTM_F_*).
const (
	rtOffload       = 0x4000
	rtTrap          = 0x8000
	rtOffloadFailed = 0x20000000
)

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
	{rtOffload, "rt_offload"},
	{rtTrap, "rt_trap"},
	{rtOffloadFailed, "rt_offload_failed"},
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
	n := o.names()
	b = appendRouteHead(b, r, o)
	single := singleHop(r)
	if single != nil {
		b = appendVia(b, r.Family, single.Gateway)
		if single.Dev != 0 {
			b = appendWord(b, "dev", o.dev(single.Dev))
		}
	}
	if (r.Table != rpdb.TableMain || o.details()) && !(o != nil && o.Table == r.Table) {
		b = appendWord(b, "table", n.Table(r.Table))
	}
	if r.Protocol != rpdb.ProtoBoot || o.details() {
		b = appendWord(b, "proto", n.Proto(r.Protocol))
	}
	if r.Scope != rpdb.ScopeGlobal || o.details() {
		b = appendWord(b, "scope", n.Scope(r.Scope))
	}
	if r.PrefSrc.IsValid() {
		b = appendWord(b, "src", formatAddr(r.PrefSrc))
	}
	if r.Priority != 0 || r.Family == rpdb.IPv6 {
		b = appendWord(b, "metric", utoa(r.Priority))
	}
	if single != nil {
		b = appendFlags(b, single.Flags)
		if single.Realms != 0 {
			b = appendRealms(b, single.Realms, n)
		}
	}
	return appendRouteTail(b, r, o)
}

// singleHop returns the nexthop that is shown on the route's own line; nil if it
// has none or several.
func singleHop(r *rpdb.Route) *rpdb.NextHop {
	if len(r.NextHops) == 1 {
		return &r.NextHops[0]
	}
	return nil
}

func appendRouteHead(b []byte, r *rpdb.Route, o *Options) []byte {
	n := o.names()
	if r.Type != rpdb.Unicast || o.details() {
		b = append(append(b, n.Type(r.Type)...), ' ')
	}
	b = append(appendDst(b, r.Dst), ' ')
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		b = appendWord(b, "from", formatPrefix(r.Src))
	}
	if r.NHID != 0 {
		b = appendWord(b, "nhid", utoa(r.NHID))
	}
	if h := singleHop(r); h != nil {
		b = appendEncap(b, h.Encap)
	}
	if r.TOS != 0 {
		b = appendWord(b, "tos", n.DSField(r.TOS))
	}
	return b
}

func appendRouteTail(b []byte, r *rpdb.Route, o *Options) []byte {
	if s := r.Expires.V / 1000; r.Expires.Set && s != 0 {
		b = append(strconv.AppendInt(append(b, "expires "...), s, 10), "sec "...)
	}
	b = appendMetrics(b, r.Metrics)
	if r.Family == rpdb.IPv6 {
		b = append(append(b, "pref "...), formatPref(r.Pref)...)
	}
	if o.details() && r.NHID != 0 && o.HopInfo != nil {
		if h := o.HopInfo(r.NHID); h != nil {
			b = append(append(append(b, o.nl()...), "\tnh_info "...), FormatNextHop(h, o)...)
		}
	}
	if singleHop(r) != nil {
		return b
	}
	for i := range r.NextHops {
		b = appendLeg(append(b, o.nl()...), r.Family, &r.NextHops[i], o)
	}
	return b
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

// appendVia prints a gateway; one of the other family carries the family's name.
func appendVia(b []byte, f rpdb.Family, gw netip.Addr) []byte {
	if !gw.IsValid() {
		return b
	}
	b = append(b, "via "...)
	if g := rpdb.FamilyOf(gw); g != f {
		b = append(append(b, g.String()...), ' ')
	}
	return append(append(b, formatAddr(gw)...), ' ')
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
	b = appendEncap(b, h.Encap)
	b = appendVia(b, f, h.Gateway)
	if h.Realms != 0 {
		b = appendRealms(b, h.Realms, o.names())
	}
	b = appendWord(b, "dev", o.dev(h.Dev))
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
