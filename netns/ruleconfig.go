package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// configureRule checks and stores what only the rule's family knows, and makes its table
// (fib4_rule_configure, fib6_rule_configure).
func (n *Namespace) configureRule(q *ruleRequest) error {
	switch q.list.family {
	case rpdb.IPv4:
		return n.configureRule4(q)
	case rpdb.IPv6:
		return n.configureRule6(q)
	}
	return nil // multicast routing has no selectors of its own
}

func (n *Namespace) configureRule4(q *ruleRequest) error {
	if q.tb.has(nla.FRAFlowLabel) || q.tb.has(nla.FRAFlowLabelMask) {
		return fail(rpdb.EINVAL, "Flow label cannot be specified for IPv4 FIB rules")
	}
	if q.tos&3 != 0 {
		return fail(rpdb.EINVAL, "Invalid dsfield (tos): ECN bits must be 0")
	}
	if q.tos&^0x1e != 0 { // IPTOS_TOS_MASK
		return fail(rpdb.EINVAL, "Invalid tos")
	}
	q.rule.TOS = q.tos
	if err := q.dscp(); err != nil {
		return err
	}
	q.list.custom = true // fib_unmerge
	if x := &q.rule; x.Table == 0 && !x.L3MDev && x.Action == rpdb.ActTable {
		x.Table = n.emptyTable4()
	}
	q.rule.From, q.rule.To = q.prefix(nla.FRASrc, q.srcLen), q.prefix(nla.FRADst, q.dstLen)
	if q.tb.has(nla.FRAFlow) {
		q.rule.Realms = q.tb.u32(nla.FRAFlow)
	}
	return nil
}

func (n *Namespace) configureRule6(q *ruleRequest) error {
	if q.tos&3 != 0 {
		return fail(rpdb.EINVAL, "Invalid dsfield (tos): ECN bits must be 0")
	}
	q.rule.TOS = q.tos
	if err := q.dscp(); err != nil {
		return err
	}
	if err := q.flowLabel(); err != nil {
		return err
	}
	if x := &q.rule; x.Action == rpdb.ActTable && !x.L3MDev {
		if x.Table == 0 {
			return fail(rpdb.EINVAL, "Invalid table")
		}
		n.fib6.newTable(x.Table)
	}
	q.rule.From, q.rule.To = q.prefix(nla.FRASrc, q.srcLen), q.prefix(nla.FRADst, q.dstLen)
	q.list.custom = true
	return nil
}

// dscp reads the full code point (fib4_nl2rule_dscp, fib6_nl2rule_dscp_mask).
func (q *ruleRequest) dscp() error {
	if q.tb.has(nla.FRADSCP) {
		if q.rule.TOS != 0 {
			return fail(rpdb.EINVAL, "Cannot specify both TOS and DSCP")
		}
		q.rule.DSCP = rpdb.Some(rpdb.DSCP{Value: q.tb.u8(nla.FRADSCP), Mask: dscpBits})
	}
	if !q.tb.has(nla.FRADSCPMask) {
		return nil
	}
	if !q.tb.has(nla.FRADSCP) {
		return q.blame(nla.FRADSCPMask, "Cannot specify DSCP mask without DSCP value")
	}
	mask := q.tb.u8(nla.FRADSCPMask)
	if q.rule.DSCP.V.Value&^mask != 0 {
		return q.blame(nla.FRADSCPMask, "Invalid DSCP mask")
	}
	q.rule.DSCP.V.Mask = mask
	return nil
}

// flowLabel reads the flow label (fib6_nl2rule_flowlabel).
func (q *ruleRequest) flowLabel() error {
	has, hasMask := q.tb.has(nla.FRAFlowLabel), q.tb.has(nla.FRAFlowLabelMask)
	switch {
	case !has && !hasMask:
		return nil
	case !hasMask:
		return failMissing(rpdb.EINVAL, nla.FRAFlowLabelMask)
	case !has:
		return failMissing(rpdb.EINVAL, nla.FRAFlowLabel)
	}
	label, mask := q.be32(nla.FRAFlowLabel), q.be32(nla.FRAFlowLabelMask)
	switch {
	case mask&^flowLabelBits != 0:
		return q.blame(nla.FRAFlowLabelMask, "Invalid flow label mask")
	case label&^mask != 0:
		return fail(rpdb.EINVAL, "Flow label and mask do not match")
	}
	q.rule.FlowLabel, q.rule.FlowLabelMask = label, mask
	return nil
}

func (q *ruleRequest) be32(typ int) uint32 { return binary.BigEndian.Uint32(q.tb[typ]) }

// compare is the family's part of finding a rule: only what the request gives is
// compared (fib4_rule_compare, fib6_rule_compare).
func (q *ruleRequest) compare(r *rule) bool {
	f := q.list.family
	if f != rpdb.IPv4 && f != rpdb.IPv6 {
		return true
	}
	dscp := r.DSCP
	switch {
	case q.srcLen != 0 && r.From != q.prefix(nla.FRASrc, q.srcLen),
		q.dstLen != 0 && r.To != q.prefix(nla.FRADst, q.dstLen),
		q.tos != 0 && (dscp.Set || r.TOS != q.tos),
		q.tb.has(nla.FRADSCP) && (!dscp.Set || dscp.V.Value != q.tb.u8(nla.FRADSCP)),
		q.tb.has(nla.FRADSCPMask) && (!dscp.Set || dscp.V.Mask != q.tb.u8(nla.FRADSCPMask)),
		f == rpdb.IPv4 && q.tb.has(nla.FRAFlow) && r.Realms != q.tb.u32(nla.FRAFlow),
		f == rpdb.IPv6 && q.tb.has(nla.FRAFlowLabel) && r.FlowLabel != q.be32(nla.FRAFlowLabel),
		f == rpdb.IPv6 && q.tb.has(nla.FRAFlowLabelMask) && r.FlowLabelMask != q.be32(nla.FRAFlowLabelMask):
		return false
	}
	return true
}

// emptyTable4 makes the IPv4 table with the lowest free number (fib_empty_table).
func (n *Namespace) emptyTable4() uint32 {
	for id := uint32(1); ; id++ {
		if n.table4Of(id) == nil {
			n.newTable4(id)
			return id
		}
	}
}
