package iproute2

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// FormatRule prints a rule as ip rule does (print_rule), without the newline.
func FormatRule(r *rpdb.Rule, o *Options) string {
	n := o.names()
	b := make([]byte, 0, 96)
	b = strconv.AppendUint(b, uint64(r.Pref), 10)
	b = append(b, ":\t"...)
	if r.Invert() {
		b = append(b, "not "...)
	}
	b = o.appendRulePrefix(append(b, "from "...), r.From, "all")
	if hasPrefix(r.To) {
		b = o.appendRulePrefix(append(b, " to "...), r.To, "")
	}
	b = appendSelectors(b, r, o)
	b = appendRuleTable(b, r, n)
	b = appendRuleAction(b, r, n)
	if r.Protocol != rpdb.ProtoUnspec && r.Protocol != rpdb.ProtoKernel || o.details() {
		b = append(append(b, " proto "...), n.Proto(r.Protocol)...)
	}
	if r.DSCP.Set {
		b = append(append(b, " dscp "...), formatDSCP(r.DSCP.V, n)...)
	}
	if r.FlowLabel != 0 || r.FlowLabelMask != 0 {
		b = append(append(b, " flowlabel "...), formatFlowLabel(r)...)
	}
	return string(b)
}

// hasPrefix tells whether a rule selects by an address.
func hasPrefix(p netip.Prefix) bool { return p.IsValid() && p.Bits() != 0 }

// appendRulePrefix prints the prefix of a rule, or the given word if there is none.
// The colour is that of the address alone.
func (o *Options) appendRulePrefix(b []byte, p netip.Prefix, none string) []byte {
	if !hasPrefix(p) {
		return append(b, none...)
	}
	b = append(b, o.Paint(FamilyColor(rpdb.FamilyOf(p.Addr())), formatAddr(p.Addr()))...)
	if !p.IsSingleIP() {
		b = strconv.AppendInt(append(b, '/'), int64(p.Bits()), 10)
	}
	return b
}

func appendSelectors(b []byte, r *rpdb.Rule, o *Options) []byte {
	n := o.names()
	word := func(key, value string) {
		b = append(append(append(append(b, ' '), key...), ' '), value...)
	}
	if r.TOS != 0 {
		word("tos", n.DSField(r.TOS))
	}
	if r.Mark != 0 || r.MarkMask != 0 {
		word("fwmark", formatMark(r.Mark, r.MarkMask))
	}
	if r.IIF != "" {
		word("iif", o.Paint(ColorIfname, r.IIF))
		if r.Flags&rpdb.RuleIIFDetached != 0 {
			b = append(b, " [detached]"...)
		}
	}
	if r.OIF != "" {
		word("oif", o.Paint(ColorIfname, r.OIF))
		if r.Flags&rpdb.RuleOIFDetached != 0 {
			b = append(b, " [detached]"...)
		}
	}
	if r.L3MDev {
		word("lookup", "[l3mdev-table]")
	}
	if r.UID.Set {
		word("uidrange", utoa(r.UID.V.Start)+"-"+utoa(r.UID.V.End))
	}
	if r.IPProto != 0 {
		word("ipproto", n.IPProto(r.IPProto))
	}
	if r.SPort.Start != 0 {
		word("sport", formatPorts(r.SPort))
	}
	if r.DPort.Start != 0 {
		word("dport", formatPorts(r.DPort))
	}
	if r.TunID != 0 {
		word("tun_id", strconv.FormatUint(r.TunID, 10))
	}
	return b
}

func appendRuleTable(b []byte, r *rpdb.Rule, n *Names) []byte {
	if r.Table == 0 {
		return b
	}
	b = append(append(b, " lookup "...), n.Table(r.Table)...)
	if s := r.SuppressPrefixLen; s.Set && s.V != -1 {
		b = strconv.AppendInt(append(b, " suppress_prefixlength "...), int64(s.V), 10)
	}
	if s := r.SuppressIfGroup; s.Set && s.V != -1 {
		b = append(append(b, " suppress_ifgroup "...), n.Group(uint32(s.V))...)
	}
	return b
}

func appendRuleAction(b []byte, r *rpdb.Rule, n *Names) []byte {
	if r.Realms != 0 {
		b = append(append(b, " realms "...), n.Realms(r.Realms)...)
	}
	switch r.Action {
	case rpdb.ActTable:
	case rpdb.ActGoto:
		b = append(append(b, " goto "...), gotoTarget(r)...)
		if r.Flags&rpdb.RuleUnresolved != 0 {
			b = append(b, " [unresolved]"...)
		}
	case rpdb.ActNop:
		b = append(b, " nop"...)
	case rpdb.RuleAction(rpdb.NAT):
		b = append(b, " masquerade"...)
	default:
		b = append(append(b, ' '), n.Type(rpdb.RouteType(r.Action))...)
	}
	return b
}

func gotoTarget(r *rpdb.Rule) string {
	if r.GotoRef == 0 {
		return "none"
	}
	return utoa(r.GotoRef)
}

func utoa(v uint32) string { return strconv.FormatUint(uint64(v), 10) }

// formatMark prints a mark and its mask, which is left out when it is full.
func formatMark(mark, mask uint32) string {
	if mask == 1<<32-1 {
		return hexC(uint64(mark))
	}
	return hexC(uint64(mark)) + "/" + hexC(uint64(mask))
}

// formatPorts prints a port, a range, or a port under a mask.
func formatPorts(p rpdb.PortRange) string {
	switch {
	case p.Start != p.End:
		return strconv.Itoa(int(p.Start)) + "-" + strconv.Itoa(int(p.End))
	case p.Mask != 0 && p.Mask != 0xffff:
		return hexC(uint64(p.Start)) + "/" + hexC(uint64(p.Mask))
	}
	return strconv.Itoa(int(p.Start))
}

// fullDSCP is the mask that compares a DSCP exactly.
const fullDSCP = 0x3f

func formatDSCP(d rpdb.DSCP, n *Names) string {
	if d.Mask == fullDSCP || d.Mask == 0 {
		return n.DSCP(d.Value)
	}
	return hexC(uint64(d.Value)) + "/" + hexC(uint64(d.Mask))
}

// fullFlowLabel is the mask that compares an IPv6 flow label exactly.
const fullFlowLabel = 0xfffff

func formatFlowLabel(r *rpdb.Rule) string {
	if r.FlowLabelMask == fullFlowLabel {
		return hexC(uint64(r.FlowLabel))
	}
	return hexC(uint64(r.FlowLabel)) + "/" + hexC(uint64(r.FlowLabelMask))
}

// ruleActions are the actions that print as the route type of the same number.
var ruleActions = map[string]rpdb.RuleAction{
	"blackhole": rpdb.ActBlackhole, "unreachable": rpdb.ActUnreachable,
	"prohibit": rpdb.ActProhibit, "none": rpdb.ActUnspec, "anycast": 4,
	"multicast": 5, "throw": 9, "nat": 10, "xresolve": 11,
}

// ParseRuleLine reads one line that ip rule printed, of any version and with any
// of -d, -N, -o. The family is that of its addresses, else c.Family, else IPv4.
//
// The error names what was not understood. With ErrUnknownWord, the rule holds all
// the rest; with any other, the line is no rule.
func ParseRuleLine(line string, c *ReadOptions) (rpdb.Rule, error) {
	p := newLineParser(strings.Fields(line), c)
	r, err := p.rule()
	if err == nil && r.Family == rpdb.Unspec {
		r.Family = rpdb.IPv4
	}
	if err == nil {
		err = p.unknown()
	}
	return r, err
}
