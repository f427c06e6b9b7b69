package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const ruleHeaderLen = 12 // struct fib_rule_hdr

const (
	ifnamsiz      = 16   // IFNAMSIZ
	dscpBits      = 0x3f // INET_DSCP_MASK >> 2
	dscpShift     = 2
	flowLabelBits = 0x000fffff // IPV6_FLOWLABEL_MASK
	invalidID     = 0xffffffff // of a user
)

// rulePolicy is fib_rule_policy.
var rulePolicy = []policy{
	0:                        {strictStart: nla.FRADPortRange + 1},
	nla.FRAIIFName:           {kind: attrString, len: ifnamsiz - 1},
	nla.FRAOIFName:           {kind: attrString, len: ifnamsiz - 1},
	nla.FRAPriority:          {kind: attrU32},
	nla.FRAFWMark:            {kind: attrU32},
	nla.FRAFlow:              {kind: attrU32},
	nla.FRATunID:             {kind: attrU64},
	nla.FRAFWMask:            {kind: attrU32},
	nla.FRATable:             {kind: attrU32},
	nla.FRASuppressPrefixLen: {kind: attrU32},
	nla.FRASuppressIfGroup:   {kind: attrU32},
	nla.FRAGoto:              {kind: attrU32},
	nla.FRAL3MDev:            {kind: attrU8},
	nla.FRAUIDRange:          {len: 8},
	nla.FRAProtocol:          {kind: attrU8},
	nla.FRAIPProto:           {kind: attrU8},
	nla.FRASPortRange:        {len: 4},
	nla.FRADPortRange:        {len: 4},
	nla.FRADSCP:              {kind: attrU8, max: dscpBits},
	nla.FRAFlowLabel:         {kind: attrBE32},
	nla.FRAFlowLabelMask:     {kind: attrBE32},
	nla.FRASPortMask:         {kind: attrU16},
	nla.FRADPortMask:         {kind: attrU16},
	nla.FRADSCPMask:          {kind: attrU8, mask: dscpBits},
}

// ruleRequest is a request about one rule.
type ruleRequest struct {
	list           *ruleList
	rule           rule
	srcLen, dstLen uint8
	tos            uint8
	tb             attrs
}

// parseRule reads and checks what a request says of a rule, as far as that is alike
// for all families (fib_nl2rule, fib_nl2rule_rtnl).
func (r *request) parseRule() (*ruleRequest, error) {
	if len(r.data) < ruleHeaderLen {
		return nil, fail(rpdb.EINVAL, "Invalid msg length")
	}
	q := &ruleRequest{
		list:   r.ns.rules.of(r.family()),
		dstLen: r.data[1], srcLen: r.data[2], tos: r.data[3],
	}
	if q.list == nil {
		return nil, fail(rpdb.EAFNOSUPPORT, "Rule family not supported")
	}
	tb, err := parseAttrs(r.data[ruleHeaderLen:], rulePolicy, liberal, &r.ext)
	if err != nil {
		return nil, reworded(err, "Error parsing msg")
	}
	q.tb = tb
	q.rule.Rule = rpdb.Rule{
		Family: q.list.family,
		Action: rpdb.RuleAction(r.data[7]),
		Flags:  rpdb.RuleFlags(binary.NativeEndian.Uint32(r.data[8:])),
		Table:  uint32(r.data[4]),
	}
	for _, check := range []func(*ruleRequest) error{
		(*ruleRequest).addresses, (*ruleRequest).selectors, (*ruleRequest).action, (*ruleRequest).uid, (*ruleRequest).ports,
	} {
		if err := check(q); err != nil {
			return nil, err
		}
	}
	return q, r.ns.placeRule(q)
}

// addresses checks the prefixes. They are stored by the family's own part.
func (q *ruleRequest) addresses() error {
	size := 4
	if f := q.list.family; f == rpdb.IPv6 || f == familyIP6MR {
		size = 16
	}
	bad := func(typ int, bits uint8) bool {
		return bits != 0 && (!q.tb.has(typ) || int(bits) > 8*size || len(q.tb[typ]) != size)
	}
	if bad(nla.FRASrc, q.srcLen) {
		return fail(rpdb.EINVAL, "Invalid source address")
	}
	if bad(nla.FRADst, q.dstLen) {
		return fail(rpdb.EINVAL, "Invalid dst address")
	}
	return nil
}

// prefix returns a selector's prefix as it was given; none if its length is 0.
func (q *ruleRequest) prefix(typ int, bits uint8) netip.Prefix {
	if bits == 0 {
		return netip.Prefix{}
	}
	a, _ := netip.AddrFromSlice(q.tb[typ]) // the length was checked
	return netip.PrefixFrom(a, int(bits))
}

// selectors reads the plain selectors.
func (q *ruleRequest) selectors() error {
	tb, x := q.tb, &q.rule
	if tb.has(nla.FRAPriority) {
		x.Pref = tb.u32(nla.FRAPriority)
	}
	if tb.has(nla.FRAProtocol) {
		x.Protocol = tb.u8(nla.FRAProtocol)
	}
	if tb.has(nla.FRAIIFName) {
		x.IIF, x.iif = tb.str(nla.FRAIIFName), detached
	}
	if tb.has(nla.FRAOIFName) {
		x.OIF, x.oif = tb.str(nla.FRAOIFName), detached
	}
	if tb.has(nla.FRAFWMark) {
		if x.Mark = tb.u32(nla.FRAFWMark); x.Mark != 0 {
			x.MarkMask = ^uint32(0)
		}
	}
	if tb.has(nla.FRAFWMask) {
		x.MarkMask = tb.u32(nla.FRAFWMask)
	}
	if tb.has(nla.FRATunID) {
		x.TunID = binary.BigEndian.Uint64(tb[nla.FRATunID])
	}
	if tb.has(nla.FRAL3MDev) {
		if tb.u8(nla.FRAL3MDev) != 1 {
			return fail(rpdb.EINVAL, "Invalid l3mdev attribute")
		}
		x.L3MDev = true
	}
	return nil
}

// action reads what the rule does.
func (q *ruleRequest) action() error {
	tb, x := q.tb, &q.rule
	if tb.has(nla.FRATable) {
		x.Table = tb.u32(nla.FRATable)
	}
	x.SuppressPrefixLen = q.suppressor(nla.FRASuppressPrefixLen)
	x.SuppressIfGroup = q.suppressor(nla.FRASuppressIfGroup)
	switch {
	case tb.has(nla.FRAGoto) && x.Action != rpdb.ActGoto:
		return fail(rpdb.EINVAL, "Unexpected goto")
	case tb.has(nla.FRAGoto):
		x.GotoRef = tb.u32(nla.FRAGoto)
	case x.Action == rpdb.ActGoto:
		return fail(rpdb.EINVAL, "Missing goto target for action goto")
	}
	if x.L3MDev && x.Table != 0 {
		return fail(rpdb.EINVAL, "l3mdev and table are mutually exclusive")
	}
	return nil
}

// suppressor reads a suppressor: -1 means that there is none.
func (q *ruleRequest) suppressor(typ int) rpdb.Opt[int32] {
	if !q.tb.has(typ) {
		return rpdb.Opt[int32]{}
	}
	if v := int32(q.tb.u32(typ)); v != -1 {
		return rpdb.Some(v)
	}
	return rpdb.Opt[int32]{}
}

// uid reads the range of users (nla_get_kuid_range).
func (q *ruleRequest) uid() error {
	if !q.tb.has(nla.FRAUIDRange) {
		return nil
	}
	b := q.tb[nla.FRAUIDRange]
	u := rpdb.UIDRange{Start: binary.NativeEndian.Uint32(b), End: binary.NativeEndian.Uint32(b[4:])}
	if u.Start == invalidID || u.End == invalidID || u.Start > u.End {
		return fail(rpdb.EINVAL, "Invalid uid range")
	}
	q.rule.UID = rpdb.Some(u)
	return nil
}

// ports reads the protocol and the ports.
func (q *ruleRequest) ports() error {
	if q.tb.has(nla.FRAIPProto) {
		q.rule.IPProto = q.tb.u8(nla.FRAIPProto)
	}
	if err := q.port(nla.FRASPortRange, nla.FRASPortMask, &q.rule.SPort, "Invalid sport range"); err != nil {
		return err
	}
	return q.port(nla.FRADPortRange, nla.FRADPortMask, &q.rule.DPort, "Invalid dport range")
}

// port reads one selector of ports (nla_get_port_range, fib_nl2rule_port_mask).
func (q *ruleRequest) port(typ, maskType int, p *rpdb.PortRange, invalid string) error {
	if q.tb.has(typ) {
		b := q.tb[typ]
		p.Start, p.End = binary.NativeEndian.Uint16(b), binary.NativeEndian.Uint16(b[2:])
		if p.Start == 0 || p.End == 0xffff || p.Start > p.End {
			return fail(rpdb.EINVAL, invalid)
		}
		if p.Start == p.End {
			p.Mask = 0xffff
		}
	}
	if !q.tb.has(maskType) {
		return nil
	}
	mask := q.tb.u16(maskType)
	switch {
	case p.Start == 0:
		return q.blame(maskType, "Cannot specify port mask without port value")
	case p.Start != p.End:
		return q.blame(maskType, "Cannot specify port mask for port range")
	case mask == 0 || p.Start&^mask != 0:
		return q.blame(maskType, "Invalid port mask")
	}
	p.Mask = mask
	return nil
}

// blame refuses a request for the sake of an attribute.
func (q *ruleRequest) blame(typ int, msg string) error { return failAttr(rpdb.EINVAL, msg, q.tb[typ]) }

// placeRule settles what hangs on the rest of the namespace (fib_nl2rule_rtnl).
func (n *Namespace) placeRule(q *ruleRequest) error {
	x := &q.rule
	if !q.tb.has(nla.FRAPriority) {
		x.Pref = q.list.defaultPref()
	}
	if q.tb.has(nla.FRAGoto) && x.GotoRef <= x.Pref {
		return fail(rpdb.EINVAL, "Backward goto not supported")
	}
	if d := n.byName(x.IIF); d != nil && x.IIF != "" {
		x.iif = d.Index
	}
	if d := n.byName(x.OIF); d != nil && x.OIF != "" {
		x.oif = d.Index
	}
	return nil
}
