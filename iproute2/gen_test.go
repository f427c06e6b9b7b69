package iproute2

import (
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// genLinks are the devices that generated states use.
var genLinks = NewLinkTable([]rpdb.Link{
	{Index: 1, Name: "lo"}, {Index: 2, Name: "eth0"}, {Index: 3, Name: "wg0"}, {Index: 7, Name: "br-lan.10"},
})

var (
	genFamily = rapid.SampledFrom([]rpdb.Family{rpdb.IPv4, rpdb.IPv6})
	genDev    = rapid.SampledFrom([]int{1, 2, 3, 7})
	genU32    = rapid.OneOf(rapid.Uint32Range(1, 300), rapid.Uint32Min(1))
)

func genAddr(t *rapid.T, f rpdb.Family, label string) netip.Addr {
	b := rapid.SliceOfN(rapid.Byte(), f.Bits()/8, f.Bits()/8).Draw(t, label)
	if f == rpdb.IPv6 && rapid.Bool().Draw(t, label+" short") {
		clear(b[2:rapid.IntRange(2, 15).Draw(t, label+" zeros")])
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func genPrefix(t *rapid.T, f rpdb.Family, label string) netip.Prefix {
	return netip.PrefixFrom(genAddr(t, f, label), rapid.IntRange(1, f.Bits()).Draw(t, label+" length"))
}

// maybe returns v half of the time, else zero.
func maybe[T any](t *rapid.T, label string, v func() T) (zero T) {
	if rapid.Bool().Draw(t, "has "+label) {
		return v()
	}
	return zero
}

func genPorts(t *rapid.T, label string) rpdb.PortRange {
	p := rapid.Uint16Min(1).Draw(t, label)
	switch rapid.IntRange(0, 3).Draw(t, label+" form") {
	case 0:
		return rpdb.PortRange{}
	case 1:
		return rpdb.PortRange{Start: p, End: p}
	case 2:
		return rpdb.PortRange{Start: p, End: p, Mask: rapid.Uint16Range(1, 0xfffe).Draw(t, label+" mask")}
	}
	return rpdb.PortRange{Start: 1, End: max(p, 2)}
}

// genRule draws a rule as kernels dump them.
func genRule(t *rapid.T) rpdb.Rule {
	f := genFamily.Draw(t, "family")
	dev := rapid.SampledFrom([]string{"eth0", "wg0", "no.such"})
	r := rpdb.Rule{
		Family:   f,
		Pref:     rapid.Uint32().Draw(t, "pref"),
		Flags:    maybe(t, "not", func() rpdb.RuleFlags { return rpdb.RuleInvert }),
		From:     maybe(t, "from", func() netip.Prefix { return genPrefix(t, f, "from") }),
		To:       maybe(t, "to", func() netip.Prefix { return genPrefix(t, f, "to") }),
		IIF:      maybe(t, "iif", func() string { return dev.Draw(t, "iif") }),
		OIF:      maybe(t, "oif", func() string { return dev.Draw(t, "oif") }),
		TOS:      maybe(t, "tos", func() uint8 { return rapid.Byte().Draw(t, "tos") &^ 3 }),
		IPProto:  maybe(t, "ipproto", func() uint8 { return rapid.Byte().Draw(t, "ipproto") }),
		SPort:    genPorts(t, "sport"),
		DPort:    genPorts(t, "dport"),
		TunID:    maybe(t, "tun_id", func() uint64 { return rapid.Uint64().Draw(t, "tun_id") }),
		Realms:   maybe(t, "realms", func() uint32 { return rapid.Uint32().Draw(t, "realms") }),
		Protocol: rapid.SampledFrom([]uint8{0, 3, 4, 99, 186}).Draw(t, "proto"),
		L3MDev:   rapid.IntRange(0, 9).Draw(t, "l3mdev") == 0,
	}
	if rapid.Bool().Draw(t, "has mark") {
		r.Mark, r.MarkMask = rapid.Uint32Min(1).Draw(t, "mark"), rapid.Uint32().Draw(t, "mask")
	}
	if rapid.Bool().Draw(t, "has uid") {
		a := genU32.Draw(t, "uid")
		r.UID = rpdb.Some(rpdb.UIDRange{Start: a, End: max(a, genU32.Draw(t, "uid end"))})
	}
	if rapid.Bool().Draw(t, "has dscp") && r.TOS == 0 {
		r.DSCP = rpdb.Some(rpdb.DSCP{Value: rapid.Uint8Range(0, 63).Draw(t, "dscp"), Mask: rapid.SampledFrom([]uint8{fullDSCP, 0x0c}).Draw(t, "dscp mask")})
	}
	if f == rpdb.IPv6 && rapid.Bool().Draw(t, "has flowlabel") {
		r.FlowLabel = rapid.Uint32Range(1, fullFlowLabel).Draw(t, "flowlabel")
		r.FlowLabelMask = rapid.SampledFrom([]uint32{fullFlowLabel, 0xff00}).Draw(t, "flowlabel mask")
	}
	genRuleAction(t, &r)
	return r
}

func genRuleAction(t *rapid.T, r *rpdb.Rule) {
	r.Action = rapid.SampledFrom([]rpdb.RuleAction{
		rpdb.ActTable, rpdb.ActTable, rpdb.ActGoto, rpdb.ActNop, rpdb.ActBlackhole, rpdb.ActUnreachable, rpdb.ActProhibit,
	}).Draw(t, "action")
	switch {
	case r.Action == rpdb.ActGoto:
		r.GotoRef = genU32.Draw(t, "goto")
	case r.Action == rpdb.ActTable && !r.L3MDev:
		r.Table = rapid.OneOf(genU32, rapid.SampledFrom([]uint32{253, 254, 255})).Draw(t, "table")
		if rapid.Bool().Draw(t, "suppress") {
			r.SuppressPrefixLen = rpdb.Some(rapid.Int32Range(0, 128).Draw(t, "suppress length"))
			r.SuppressIfGroup = rpdb.Some(rapid.Int32Range(0, 9).Draw(t, "suppress group"))
		}
	}
}

// genRoute draws a route as kernels dump them.
func genRoute(t *rapid.T) rpdb.Route {
	f := genFamily.Draw(t, "family")
	r := rpdb.Route{
		Family:   f,
		Table:    rapid.SampledFrom([]uint32{254, 255, 253, 100, 4000000000}).Draw(t, "table"),
		Dst:      genPrefix(t, f, "dst").Masked(),
		Type:     rpdb.RouteType(rapid.IntRange(1, 9).Draw(t, "type")),
		Protocol: rapid.SampledFrom([]uint8{2, 3, 4, 99, 186}).Draw(t, "proto"),
		Priority: maybe(t, "metric", func() uint32 { return genU32.Draw(t, "metric") }),
		PrefSrc:  maybe(t, "src", func() netip.Addr { return genAddr(t, f, "src") }),
	}
	if rapid.IntRange(0, 4).Draw(t, "default") == 0 && (f == rpdb.IPv6 || r.Type != rpdb.Throw) {
		r.Dst = netip.PrefixFrom(f.Zero(), 0)
	}
	if f == rpdb.IPv4 {
		r.TOS = maybe(t, "tos", func() uint8 { return rapid.Byte().Draw(t, "tos") &^ 3 })
		r.Scope = rapid.SampledFrom([]rpdb.Scope{0, 200, 253, 254, 7}).Draw(t, "scope")
	} else {
		r.Pref = rapid.SampledFrom([]rpdb.RouterPref{rpdb.PrefMedium, rpdb.PrefHigh, rpdb.PrefLow}).Draw(t, "pref")
		r.Expires = maybe(t, "expires", func() rpdb.Opt[int64] { return rpdb.Some(int64(rapid.IntRange(1, 9999).Draw(t, "expires")) * 1000) })
		if s := maybe(t, "from", func() netip.Prefix { return genPrefix(t, f, "from").Masked() }); s.IsValid() && s.Bits() < 128 {
			r.Src = s
		}
	}
	n := rapid.IntRange(1, 3).Draw(t, "legs")
	if r.Type.Err() != rpdb.OK {
		n = 0
	}
	for range n {
		r.NextHops = append(r.NextHops, genHop(t, f, n > 1))
	}
	if rapid.Bool().Draw(t, "metrics") {
		r.Metrics = genMetrics(t)
	}
	return r
}

func genHop(t *rapid.T, f rpdb.Family, weighted bool) rpdb.NextHop {
	h := rpdb.NextHop{Dev: genDev.Draw(t, "dev"), Weight: 1}
	h.Gateway = maybe(t, "via", func() netip.Addr { return genAddr(t, f, "via") })
	if f == rpdb.IPv4 && !h.Gateway.IsValid() {
		h.Gateway = maybe(t, "via6", func() netip.Addr { return genAddr(t, rpdb.IPv6, "via6") })
	}
	if weighted {
		h.Weight = rapid.Uint32Range(1, 256).Draw(t, "weight")
	}
	h.Flags = rapid.SampledFrom([]uint32{0, rpdb.NHOnlink, rpdb.NHPervasive}).Draw(t, "flags")
	h.Realms = maybe(t, "realms", func() uint32 { return genU32.Draw(t, "realms") })
	return h
}

func genMetrics(t *rapid.T) (ms []rpdb.Metric) {
	for id := range rapid.MapOf(rapid.Uint16Range(2, 17), rapid.Bool()).Draw(t, "metrics") {
		m := rpdb.Metric{ID: id, Val: rapid.Uint32Range(1, 900).Draw(t, "value")}
		switch id {
		case nla.RTAXCCAlgo:
			m.Val, m.Str = 0, "bbr"
		case nla.RTAXFeatures:
			m.Val = featureECN
		default:
			if u := metricUnit(id); u != 0 {
				m.Val *= u
			}
		}
		m.Lock = id == nla.RTAXRTOMin
		ms = append(ms, m)
	}
	slices.SortFunc(ms, func(a, b rpdb.Metric) int { return int(a.ID) - int(b.ID) })
	return ms
}

// genNetAddr draws an address of a device.
func genNetAddr(t *rapid.T) rpdb.Addr {
	f := genFamily.Draw(t, "family")
	a := rpdb.Addr{
		Family: f, Index: genDev.Draw(t, "dev"), Local: genAddr(t, f, "local"),
		PrefixLen: uint8(rapid.IntRange(0, f.Bits()).Draw(t, "length")),
		Scope:     rapid.SampledFrom([]rpdb.Scope{0, 253, 254}).Draw(t, "scope"),
		Flags:     rpdb.IFAPermanent | rapid.SampledFrom([]uint32{0, rpdb.IFANoPrefixRoute, rpdb.IFANoDAD}).Draw(t, "flags"),
		Metric:    maybe(t, "metric", func() uint32 { return genU32.Draw(t, "metric") }),
		Valid:     rapid.SampledFrom([]uint32{rpdb.Forever, 1000}).Draw(t, "valid"),
		Preferred: rapid.SampledFrom([]uint32{rpdb.Forever, 0, 500}).Draw(t, "preferred"),
	}
	if p := maybe(t, "peer", func() netip.Addr { return genAddr(t, f, "peer") }); p != a.Local {
		a.Peer = p
	}
	if f == rpdb.IPv6 {
		a.Scope = addrScope(&a)
	} else {
		a.Label = rapid.SampledFrom([]string{"eth0:1", "x"}).Draw(t, "label")
		a.Broadcast = maybe(t, "brd", func() netip.Addr { return addr("192.0.2.255") })
	}
	return a
}
