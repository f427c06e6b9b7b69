package conformance

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// rulePools are the values that the selectors of a family's rules take.
type rulePools struct {
	family rpdb.Family
	from   []netip.Prefix
	to     []netip.Prefix
	tables []uint32
}

func (g *gen4) pools() rulePools {
	return rulePools{rpdb.IPv4, ruleFroms4, prefixes4, []uint32{254, 254, 255, 253, 10, 10, 11, 266, 300, 999}}
}

func (g *gen4) rule() Op    { return addRule(g.dice, g.pools(), g.t) }
func (g *gen4) delRule() Op { return delRule(g.dice, g.pools(), g.t) }

func addRule(d dice, p rulePools, t *traits) Op {
	o := RuleOp{Verb: Add, Rule: drawRule(d, p, t), NoExcl: d.chance(20)}
	if d.chance(25) {
		o.NoPref, o.Rule.Pref = true, 0
	}
	return o
}

func drawRule(d dice, p rulePools, t *traits) rpdb.Rule {
	r := rpdb.Rule{
		Family: p.family, Protocol: rpdb.ProtoBoot,
		Pref: pick[uint32](d, 0, 1, 5, 10, 10, 20, 30, 50, 32766, 40000),
	}
	drawSelectors(d, &r, p)
	if d.chance(15) {
		r.Flags |= rpdb.RuleInvert
	}
	if d.chance(3) {
		r.Flags |= rpdb.RuleFindSaddr
	}
	r.Action = rpdb.ActTable
	if d.chance(35) {
		r.Action = pick(d, rpdb.ActGoto, rpdb.ActGoto, rpdb.ActGoto, rpdb.ActNop, rpdb.ActBlackhole,
			rpdb.ActUnreachable, rpdb.ActProhibit, rpdb.ActUnspec, rpdb.RuleAction(9))
	}
	switch r.Action {
	case rpdb.ActGoto:
		r.GotoRef = pick[uint32](d, 5, 10, 20, 30, 50, 32766, 40000)
	case rpdb.ActTable:
		r.Table = pick(d, p.tables...)
		if d.chance(3) {
			r.Table = 0
		}
		if d.chance(2) {
			r.L3MDev, r.Table = true, 0
		}
		if d.chance(15) {
			r.SuppressPrefixLen = rpdb.Some(pick[int32](d, 0, 8, 24, 32, 48, 64, 128, -2))
		}
		if d.chance(10) {
			r.SuppressIfGroup = rpdb.Some(pick[int32](d, 0, 1, 7))
		}
	default:
		if d.chance(10) {
			r.Table = pick(d, p.tables...)
		}
	}
	if t.realms && d.chance(30) && p.family == rpdb.IPv4 {
		r.Realms = pick[uint32](d, 5<<16|6, 9, 3<<16)
	}
	return r
}

func drawSelectors(d dice, r *rpdb.Rule, p rulePools) {
	if d.chance(30) {
		r.From = pick(d, p.from...)
	}
	if d.chance(30) {
		r.To = pick(d, p.to...)
	}
	if d.chance(12) {
		r.IIF = pick(d, "lo", "v0", "v1", "v2", "nodev")
	}
	if d.chance(10) {
		r.OIF = pick(d, "lo", "v0", "v1", "v2", "nodev")
	}
	if d.chance(15) {
		r.Mark = pick[uint32](d, 0, 1, 5, 0x1ff)
		if r.Mark != 0 {
			r.MarkMask = 0xffffffff
		}
		if d.chance(50) {
			r.MarkMask = pick[uint32](d, 0, 1, 4, 0xff)
		}
	}
	if d.chance(8) {
		r.UID = rpdb.Some(pick(d, rpdb.UIDRange{Start: 0, End: 0}, rpdb.UIDRange{Start: 0, End: 1000},
			rpdb.UIDRange{Start: 1000, End: 2000}, rpdb.UIDRange{Start: 0, End: 0xfffffffe}))
	}
	if d.chance(10) {
		r.IPProto = pick[uint8](d, rpdb.ProtoTCP, rpdb.ProtoUDP, rpdb.ProtoICMP, rpdb.ProtoICMPv6)
	}
	if d.chance(7) {
		r.SPort = drawPorts(d)
	}
	if d.chance(7) {
		r.DPort = drawPorts(d)
	}
	switch x := d.IntN(100); {
	case x < 10:
		r.TOS = pick[uint8](d, 0x10, 0x04, 0x1c)
		if r.Family == rpdb.IPv6 && d.chance(30) {
			r.TOS = pick[uint8](d, 0xfc, 0x30)
		}
	case x < 20:
		r.DSCP = rpdb.Some(rpdb.DSCP{Value: pick[uint8](d, 0, 4, 12, 8), Mask: 0x3f})
		if d.chance(40) {
			r.DSCP.V.Mask = pick[uint8](d, 0x3c, 0x0c, 0x3f)
		}
	case x < 24:
		if r.Family == rpdb.IPv6 {
			r.FlowLabelMask = pick[uint32](d, 0xfffff, 0xff, 0xf0000)
			r.FlowLabel = pick[uint32](d, 0, 5, 0x12345, 0x10005) & r.FlowLabelMask
		}
	case x < 26:
		r.TunID = 7
	}
}

func drawPorts(d dice) rpdb.PortRange {
	p := rpdb.PortRange{Start: pick[uint16](d, 80, 1000, 5)}
	if d.chance(50) {
		p.End = p.Start + 10
		return p
	}
	p.End, p.Mask = p.Start, 0xffff
	if d.chance(40) {
		p.Mask = pick[uint16](d, 0xff, 0xf0, 0x3ff)
	}
	return p
}

// delRule draws a deletion: of a default rule, of the first rule that matches a
// few of the selectors in use, or a nearly empty one.
func delRule(d dice, p rulePools, t *traits) Op {
	o := RuleOp{Verb: Del, NoPref: true, Rule: rpdb.Rule{Family: p.family}}
	switch x := d.IntN(100); {
	case x < 25:
		o.NoPref, o.Rule.Pref = false, pick[uint32](d, 0, 32766, 32767)
	case x < 70:
		o.NoPref, o.Rule.Pref = false, pick[uint32](d, 0, 1, 5, 10, 20, 30, 50, 32765, 32764, 40000)
	case x < 80:
		o.Rule.Action, o.Rule.Table = rpdb.ActTable, pick(d, p.tables...)
	default:
		r := drawRule(d, p, t)
		o.Rule.From, o.Rule.To, o.Rule.Mark, o.Rule.IPProto = r.From, r.To, r.Mark, r.IPProto
		if r.Mark != 0 {
			o.Rule.MarkMask = 0xffffffff
		}
	}
	return o
}
