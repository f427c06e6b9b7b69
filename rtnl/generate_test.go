package rtnl

import (
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Generators of values as a kernel can tell them: what Parse gives back for them is
// the value itself.

func genFamily(t *rapid.T) rpdb.Family {
	return rapid.SampledFrom([]rpdb.Family{rpdb.IPv4, rpdb.IPv6}).Draw(t, "family")
}

func genAddr(t *rapid.T, f rpdb.Family) netip.Addr {
	b := rapid.SliceOfN(rapid.Byte(), f.Bits()/8, f.Bits()/8).Draw(t, "addr")
	a, _ := netip.AddrFromSlice(b)
	return a
}

// genPrefix makes a prefix with host bits, as rules have it.
func genPrefix(t *rapid.T, f rpdb.Family) netip.Prefix {
	return netip.PrefixFrom(genAddr(t, f), rapid.IntRange(1, f.Bits()).Draw(t, "bits"))
}

func maybe[T any](t *rapid.T, gen func() T) T {
	var zero T
	if rapid.Bool().Draw(t, "have") {
		return gen()
	}
	return zero
}

func opt[T any](t *rapid.T, gen func() T) rpdb.Opt[T] {
	return maybe(t, func() rpdb.Opt[T] { return rpdb.Some(gen()) })
}

func u8(t *rapid.T) uint8   { return maybe(t, func() uint8 { return rapid.Uint8().Draw(t, "u8") }) }
func u16(t *rapid.T) uint16 { return maybe(t, func() uint16 { return rapid.Uint16().Draw(t, "u16") }) }

func u32(t *rapid.T) uint32 { return maybe(t, func() uint32 { return rapid.Uint32().Draw(t, "u32") }) }

func u64(t *rapid.T) uint64 { return maybe(t, func() uint64 { return rapid.Uint64().Draw(t, "u64") }) }

func genName(t *rapid.T) string {
	return maybe(t, func() string { return rapid.StringMatching(`[a-z0-9.@-]{1,15}`).Draw(t, "name") })
}

func genBytes(t *rapid.T) []byte {
	return rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")
}

func genIndex(t *rapid.T) int { return rapid.IntRange(1, 1<<31-1).Draw(t, "index") }

// genExtra makes attributes that nothing knows.
func genExtra(t *rapid.T) []rpdb.Attr {
	n := rapid.IntRange(0, 2).Draw(t, "extra")
	var out []rpdb.Attr
	for range n {
		out = append(out, rpdb.Attr{Type: rapid.Uint16Range(200, attrTypeMask).Draw(t, "type"), Data: genBytes(t)})
	}
	return out
}

func genRule(t *rapid.T) rpdb.Rule {
	f := genFamily(t)
	suppress := func() int32 { return rapid.Int32().Filter(func(v int32) bool { return v != -1 }).Draw(t, "suppress") }
	r := rpdb.Rule{
		Family: f, Pref: u32(t), Flags: rpdb.RuleFlags(u32(t)),
		From: maybe(t, func() netip.Prefix { return genPrefix(t, f) }),
		To:   maybe(t, func() netip.Prefix { return genPrefix(t, f) }),
		IIF:  genName(t), OIF: genName(t), Mark: u32(t), MarkMask: u32(t), TOS: u8(t),
		DSCP:    opt(t, func() rpdb.DSCP { return rpdb.DSCP{Value: u8(t), Mask: u8(t)} }),
		IPProto: u8(t), SPort: genPorts(t), DPort: genPorts(t),
		UID:   opt(t, func() rpdb.UIDRange { return rpdb.UIDRange{Start: u32(t), End: u32(t)} }),
		TunID: u64(t), L3MDev: rapid.Bool().Draw(t, "l3mdev"), FlowLabel: u32(t), FlowLabelMask: u32(t),
		Action: rpdb.RuleAction(u8(t)), Table: u32(t), GotoRef: u32(t),
		SuppressPrefixLen: opt(t, suppress), SuppressIfGroup: opt(t, suppress),
		Realms: u32(t), Protocol: u8(t), Extra: genExtra(t),
	}
	return r
}

func genPorts(t *rapid.T) rpdb.PortRange {
	return rpdb.PortRange{Start: u16(t), End: u16(t), Mask: u16(t)}
}

func genRoute(t *rapid.T) rpdb.Route {
	f := genFamily(t)
	r := rpdb.Route{
		Family: f, Table: u32(t), Dst: netip.PrefixFrom(f.Zero(), 0), TOS: u8(t),
		Type: rpdb.RouteType(u8(t)), Scope: rpdb.Scope(u8(t)), Protocol: u8(t), Priority: u32(t),
		PrefSrc: maybe(t, func() netip.Addr { return genAddr(t, f) }),
		NHID:    u32(t), Metrics: genMetrics(t), Extra: genExtra(t),
		Flags:    u32(t) &^ hopFlagMask,
		NextHops: genHops(t, f),
	}
	if rapid.Bool().Draw(t, "dst") {
		r.Dst = genPrefix(t, f).Masked()
	}
	if f == rpdb.IPv6 {
		r.Src = maybe(t, func() netip.Prefix { return genPrefix(t, f).Masked() })
		r.Pref = rpdb.RouterPref(u8(t))
		r.Expires = opt(t, func() int64 {
			return rapid.Int64Range(-1<<31, 1<<31-1).Filter(func(v int64) bool { return v != 0 }).Draw(t, "expires") * clockTick
		})
	}
	return r
}

func genHops(t *rapid.T, f rpdb.Family) []rpdb.NextHop {
	n := rapid.IntRange(0, 3).Draw(t, "hops")
	var out []rpdb.NextHop
	for range n {
		h := rpdb.NextHop{
			Dev: genIndex(t), Weight: 1, Flags: uint32(u8(t)), Realms: u32(t),
			Gateway: maybe(t, func() netip.Addr { return genAddr(t, genFamily(t)) }),
			Encap:   maybe(t, func() *rpdb.Encap { return &rpdb.Encap{Type: u16(t), Data: genBytes(t)} }),
		}
		if n > 1 {
			h.Weight = rapid.Uint32Range(1, 256).Draw(t, "weight")
		}
		out = append(out, h)
	}
	return out
}

func genMetrics(t *rapid.T) []rpdb.Metric {
	ids := rapid.SliceOfNDistinct(rapid.Uint16Range(2, 17), 0, 4, rapid.ID[uint16]).Draw(t, "metrics")
	slices.Sort(ids)
	var out, locked []rpdb.Metric
	for _, id := range ids {
		m := rpdb.Metric{ID: id, Lock: rapid.Bool().Draw(t, "lock"), Val: u32(t)}
		if id == nla.RTAXCCAlgo {
			m.Val, m.Str = 0, genName(t)
		}
		if m.Lock && m.Val == 0 && m.Str == "" { // only its lock bit is told
			locked = append(locked, m)
			continue
		}
		out = append(out, m)
	}
	return append(out, locked...)
}

func genLink(t *rapid.T) rpdb.Link {
	l := rpdb.Link{
		Index: genIndex(t), Name: genName(t), Type: u16(t), Kind: genName(t), Flags: u32(t), Group: u32(t),
		Master: int(u16(t)), MTU: u32(t), Peer: int(u16(t)), Operstate: u8(t), Qdisc: genName(t), TxQLen: u32(t),
		NoInet: rapid.Bool().Draw(t, "noinet"), NoInet6: rapid.Bool().Draw(t, "noinet6"),
		Address: maybe(t, func() []byte { return genBytes(t) }), Extra: genExtra(t),
	}
	if rapid.Bool().Draw(t, "vrf") {
		l.Kind, l.VRFTable = "vrf", u32(t)
	}
	for range rapid.IntRange(0, 2).Draw(t, "altnames") {
		l.AltNames = append(l.AltNames, genName(t))
	}
	return l
}

func genAddress(t *rapid.T) rpdb.Addr {
	f := genFamily(t)
	a := rpdb.Addr{
		Family: f, Index: genIndex(t), Local: genAddr(t, f), PrefixLen: uint8(rapid.IntRange(0, f.Bits()).Draw(t, "bits")),
		Scope: rpdb.Scope(u8(t)), Flags: u32(t),
		Broadcast: maybe(t, func() netip.Addr { return genAddr(t, f) }),
		Anycast:   maybe(t, func() netip.Addr { return genAddr(t, f) }),
		Label:     genName(t), Metric: u32(t), Protocol: u8(t), Valid: u32(t), Preferred: u32(t), Created: u32(t), Updated: u32(t),
		Extra: genExtra(t),
	}
	if p := genAddr(t, f); p != a.Local && rapid.Bool().Draw(t, "peer") {
		a.Peer = p
	}
	return a
}

func genNeigh(t *rapid.T) rpdb.Neigh {
	f := genFamily(t)
	return rpdb.Neigh{
		Family: f, Index: genIndex(t), IP: genAddr(t, f), State: u16(t), Flags: u8(t),
		LLAddr: maybe(t, func() []byte { return genBytes(t) }), Extra: genExtra(t),
	}
}

func genNextHop(t *rapid.T) rpdb.NextHopObject {
	f := genFamily(t)
	nh := rpdb.NextHopObject{
		ID: u32(t), Family: f, Protocol: u8(t), Scope: rpdb.Scope(u8(t)), FDB: rapid.Bool().Draw(t, "fdb"), Extra: genExtra(t),
	}
	if rapid.Bool().Draw(t, "group") {
		for range rapid.IntRange(1, 4).Draw(t, "members") {
			nh.Group = append(nh.Group, rpdb.GroupMember{ID: u32(t), Weight: rapid.Uint32Range(1, 1<<16).Draw(t, "weight")})
		}
		nh.Resilient = maybe(t, func() *rpdb.Resilient {
			return &rpdb.Resilient{
				NumBuckets: u16(t), IdleTimer: u32(t), UnbalancedTimer: u32(t), UnbalancedTime: u64(t), BucketsOutstanding: true,
			}
		})
		return nh
	}
	nh.Blackhole = rapid.Bool().Draw(t, "blackhole")
	nh.Hop = rpdb.NextHop{
		Dev: int(u16(t)), Weight: 1, Flags: u32(t),
		Gateway: maybe(t, func() netip.Addr { return genAddr(t, f) }),
		Encap:   maybe(t, func() *rpdb.Encap { return &rpdb.Encap{Type: u16(t), Data: genBytes(t)} }),
	}
	return nh
}

func genLabel(t *rapid.T) rpdb.AddrLabel {
	return rpdb.AddrLabel{Prefix: genPrefix(t, rpdb.IPv6), Index: int(u16(t)), Label: u32(t)}
}

func genBucket(t *rapid.T) Bucket {
	return Bucket{Group: u32(t), Index: u16(t), NHID: u32(t), IdleTime: u64(t)}
}
