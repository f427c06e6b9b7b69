package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

const ruleHeaderLen = 12 // struct fib_rule_hdr

// Attributes of a rule (FRA_*).
const (
	fraDst               = 1
	fraSrc               = 2
	fraIIFName           = 3
	fraGoto              = 4
	fraPriority          = 6
	fraFWMark            = 10
	fraFlow              = 11
	fraTunID             = 12
	fraSuppressIfGroup   = 13
	fraSuppressPrefixLen = 14
	fraTable             = 15
	fraFWMask            = 16
	fraOIFName           = 17
	fraL3MDev            = 19
	fraUIDRange          = 20
	fraProtocol          = 21
	fraIPProto           = 22
	fraSPortRange        = 23
	fraDPortRange        = 24
	fraDSCP              = 25
	fraFlowLabel         = 26
	fraFlowLabelMask     = 27
	fraSPortMask         = 28
	fraDPortMask         = 29
	fraDSCPMask          = 30
	fraMax               = fraDSCPMask
)

const (
	ifnamsiz      = 16   // IFNAMSIZ
	dscpBits      = 0x3f // INET_DSCP_MASK >> 2
	dscpShift     = 2
	flowLabelBits = 0x000fffff // IPV6_FLOWLABEL_MASK
	invalidID     = 0xffffffff // of a user
)

// rulePolicy is fib_rule_policy.
var rulePolicy = []policy{
	0:                    {strictStart: fraDPortRange + 1},
	fraIIFName:           {kind: attrString, len: ifnamsiz - 1},
	fraOIFName:           {kind: attrString, len: ifnamsiz - 1},
	fraPriority:          {kind: attrU32},
	fraFWMark:            {kind: attrU32},
	fraFlow:              {kind: attrU32},
	fraTunID:             {kind: attrU64},
	fraFWMask:            {kind: attrU32},
	fraTable:             {kind: attrU32},
	fraSuppressPrefixLen: {kind: attrU32},
	fraSuppressIfGroup:   {kind: attrU32},
	fraGoto:              {kind: attrU32},
	fraL3MDev:            {kind: attrU8},
	fraUIDRange:          {len: 8},
	fraProtocol:          {kind: attrU8},
	fraIPProto:           {kind: attrU8},
	fraSPortRange:        {len: 4},
	fraDPortRange:        {len: 4},
	fraDSCP:              {kind: attrU8, max: dscpBits},
	fraFlowLabel:         {kind: attrBE32},
	fraFlowLabelMask:     {kind: attrBE32},
	fraSPortMask:         {kind: attrU16},
	fraDPortMask:         {kind: attrU16},
	fraDSCPMask:          {kind: attrU8, mask: dscpBits},
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
	if bad(fraSrc, q.srcLen) {
		return fail(rpdb.EINVAL, "Invalid source address")
	}
	if bad(fraDst, q.dstLen) {
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
	if tb.has(fraPriority) {
		x.Pref = tb.u32(fraPriority)
	}
	if tb.has(fraProtocol) {
		x.Protocol = tb.u8(fraProtocol)
	}
	if tb.has(fraIIFName) {
		x.IIF, x.iif = tb.str(fraIIFName), detached
	}
	if tb.has(fraOIFName) {
		x.OIF, x.oif = tb.str(fraOIFName), detached
	}
	if tb.has(fraFWMark) {
		if x.Mark = tb.u32(fraFWMark); x.Mark != 0 {
			x.MarkMask = ^uint32(0)
		}
	}
	if tb.has(fraFWMask) {
		x.MarkMask = tb.u32(fraFWMask)
	}
	if tb.has(fraTunID) {
		x.TunID = binary.BigEndian.Uint64(tb[fraTunID])
	}
	if tb.has(fraL3MDev) {
		if tb.u8(fraL3MDev) != 1 {
			return fail(rpdb.EINVAL, "Invalid l3mdev attribute")
		}
		x.L3MDev = true
	}
	return nil
}

// action reads what the rule does.
func (q *ruleRequest) action() error {
	tb, x := q.tb, &q.rule
	if tb.has(fraTable) {
		x.Table = tb.u32(fraTable)
	}
	x.SuppressPrefixLen = q.suppressor(fraSuppressPrefixLen)
	x.SuppressIfGroup = q.suppressor(fraSuppressIfGroup)
	switch {
	case tb.has(fraGoto) && x.Action != rpdb.ActGoto:
		return fail(rpdb.EINVAL, "Unexpected goto")
	case tb.has(fraGoto):
		x.GotoRef = tb.u32(fraGoto)
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
	if !q.tb.has(fraUIDRange) {
		return nil
	}
	b := q.tb[fraUIDRange]
	u := rpdb.UIDRange{Start: binary.NativeEndian.Uint32(b), End: binary.NativeEndian.Uint32(b[4:])}
	if u.Start == invalidID || u.End == invalidID || u.Start > u.End {
		return fail(rpdb.EINVAL, "Invalid uid range")
	}
	q.rule.UID = rpdb.Some(u)
	return nil
}

// ports reads the protocol and the ports.
func (q *ruleRequest) ports() error {
	if q.tb.has(fraIPProto) {
		q.rule.IPProto = q.tb.u8(fraIPProto)
	}
	if err := q.port(fraSPortRange, fraSPortMask, &q.rule.SPort, "Invalid sport range"); err != nil {
		return err
	}
	return q.port(fraDPortRange, fraDPortMask, &q.rule.DPort, "Invalid dport range")
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
	if !q.tb.has(fraPriority) {
		x.Pref = q.list.defaultPref()
	}
	if q.tb.has(fraGoto) && x.GotoRef <= x.Pref {
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
