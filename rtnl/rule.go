package rtnl

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const (
	ruleHeaderLen = 12 // struct fib_rule_hdr
	noSuppress    = 0xffffffff
	dscpAll       = 0x3f
)

// ParseRule reads an RTM_NEWRULE or RTM_DELRULE message of IPv4 or IPv6. Families
// with rules of their own kind (multicast routing) are an error. Absent attributes
// mean what they mean to fib_nl2rule, so that requests can be parsed too.
func ParseRule(m netlink.Message) (rpdb.Rule, error) {
	h, r, err := header(m, "rule", ruleHeaderLen)
	if err != nil {
		return rpdb.Rule{}, err
	}
	f, err := family(h[0], "rule")
	if err != nil {
		return rpdb.Rule{}, err
	}
	p := ruleParser{reader: r, srcLen: h[2], dstLen: h[1]}
	p.rule = rpdb.Rule{
		Family: f,
		TOS:    h[3],
		Table:  uint32(h[4]),
		Action: rpdb.RuleAction(h[7]),
		Flags:  rpdb.RuleFlags(binary.NativeEndian.Uint32(h[8:])),
	}
	for p.next() {
		if !p.selector() && !p.ports() {
			p.other()
		}
	}
	p.finish()
	if err := done(&p.reader, "rule"); err != nil {
		return rpdb.Rule{}, err
	}
	return p.rule, nil
}

type ruleParser struct {
	reader
	rule           rpdb.Rule
	srcLen, dstLen uint8
	dscpMask       rpdb.Opt[uint8]
	markMask       rpdb.Opt[uint32]
}

// selector reads the current attribute if it is a selector other than a port.
func (p *ruleParser) selector() bool {
	rule := &p.rule
	switch p.typ {
	case nla.FRADst:
		rule.To = p.ruleAddr(p.dstLen)
	case nla.FRASrc:
		rule.From = p.ruleAddr(p.srcLen)
	case nla.FRAIIFName:
		rule.IIF = p.str()
	case nla.FRAOIFName:
		rule.OIF = p.str()
	case nla.FRAFWMark:
		rule.Mark = p.u32()
	case nla.FRAFWMask:
		p.markMask = rpdb.Some(p.u32())
	case nla.FRATunID:
		rule.TunID = p.be64()
	case nla.FRAL3MDev:
		rule.L3MDev = p.u8() != 0
	case nla.FRAUIDRange:
		if p.want(8) {
			rule.UID = rpdb.Some(rpdb.UIDRange{
				Start: binary.NativeEndian.Uint32(p.data),
				End:   binary.NativeEndian.Uint32(p.data[4:]),
			})
		}
	case nla.FRAIPProto:
		rule.IPProto = p.u8()
	case nla.FRADSCP:
		rule.DSCP = rpdb.Some(rpdb.DSCP{Value: p.u8()})
	case nla.FRADSCPMask:
		p.dscpMask = rpdb.Some(p.u8())
	case nla.FRAFlowLabel:
		rule.FlowLabel = p.be32()
	case nla.FRAFlowLabelMask:
		rule.FlowLabelMask = p.be32()
	default:
		return false
	}
	return true
}

// ruleAddr reads the address of a selector with the length that the header gives it.
func (p *ruleParser) ruleAddr(bits uint8) netip.Prefix {
	if bits == 0 {
		return netip.Prefix{}
	}
	return p.prefix(p.rule.Family, bits)
}

// ports reads the current attribute if it is about ports.
func (p *ruleParser) ports() bool {
	var r *rpdb.PortRange
	switch p.typ {
	case nla.FRASPortRange, nla.FRASPortMask:
		r = &p.rule.SPort
	case nla.FRADPortRange, nla.FRADPortMask:
		r = &p.rule.DPort
	default:
		return false
	}
	switch {
	case p.typ == nla.FRASPortMask || p.typ == nla.FRADPortMask:
		r.Mask = p.u16()
	case p.want(4):
		r.Start = binary.NativeEndian.Uint16(p.data)
		r.End = binary.NativeEndian.Uint16(p.data[2:])
	}
	return true
}

// other reads the attributes that are not selectors.
func (p *ruleParser) other() {
	rule := &p.rule
	switch p.typ {
	case nla.FRAPriority:
		rule.Pref = p.u32()
	case nla.FRATable:
		rule.Table = p.u32()
	case nla.FRAGoto:
		rule.GotoRef = p.u32()
	case nla.FRAProtocol:
		rule.Protocol = p.u8()
	case nla.FRAFlow:
		rule.Realms = p.u32()
	case nla.FRASuppressPrefixLen:
		rule.SuppressPrefixLen = suppressor(p.u32())
	case nla.FRASuppressIfGroup:
		rule.SuppressIfGroup = suppressor(p.u32())
	case nla.FRAPad:
	default:
		rule.Extra = append(rule.Extra, p.extra())
	}
}

// suppressor reads a suppressor: all ones mean that there is none.
func suppressor(v uint32) rpdb.Opt[int32] {
	if v == noSuppress {
		return rpdb.Opt[int32]{}
	}
	return rpdb.Some(int32(v))
}

// finish applies the masks and checks what belongs together.
func (p *ruleParser) finish() {
	rule := &p.rule
	if p.markMask.Set {
		rule.MarkMask = p.markMask.V
	} else if rule.Mark != 0 {
		rule.MarkMask = 0xffffffff
	}
	if rule.DSCP.Set {
		rule.DSCP.V.Mask = dscpAll
		if p.dscpMask.Set {
			rule.DSCP.V.Mask = p.dscpMask.V
		}
	}
	if p.err != nil {
		return
	}
	switch {
	case p.srcLen > 0 && !rule.From.IsValid():
		p.err = fmt.Errorf("source length %d without a source", p.srcLen)
	case p.dstLen > 0 && !rule.To.IsValid():
		p.err = fmt.Errorf("destination length %d without a destination", p.dstLen)
	}
}

// EncodeRule returns the body of an RTM_NEWRULE message, in the order in which a
// kernel dumps it (fib_nl_fill_rule). ParseRule reads it back as the same rule.
func EncodeRule(r rpdb.Rule) ([]byte, error) {
	e := newEncoder()
	e.Uint32(nla.FRATable, r.Table)
	e.Uint32(nla.FRASuppressPrefixLen, orNone(r.SuppressPrefixLen))
	e.Uint8(nla.FRAProtocol, r.Protocol)
	if r.IIF != "" {
		e.String(nla.FRAIIFName, r.IIF)
	}
	if r.OIF != "" {
		e.String(nla.FRAOIFName, r.OIF)
	}
	if r.Pref != 0 {
		e.Uint32(nla.FRAPriority, r.Pref)
	}
	encodeRuleSelectors(e, &r)
	if r.SuppressIfGroup.Set {
		e.Uint32(nla.FRASuppressIfGroup, orNone(r.SuppressIfGroup))
	}
	if err := encodeRuleFamily(e, &r); err != nil {
		return nil, fmt.Errorf("rule: %w", err)
	}
	e.extra(r.Extra)
	head := []byte{
		byte(r.Family), prefixLen(r.To), prefixLen(r.From), r.TOS,
		shortTable(r.Table), 0, 0, byte(r.Action), 0, 0, 0, 0,
	}
	binary.NativeEndian.PutUint32(head[8:], uint32(r.Flags))
	return e.body("rule", head)
}

func encodeRuleSelectors(e encoder, r *rpdb.Rule) {
	if r.Mark != 0 {
		e.Uint32(nla.FRAFWMark, r.Mark)
	}
	if r.Mark != 0 || r.MarkMask != 0 {
		e.Uint32(nla.FRAFWMask, r.MarkMask)
	}
	if r.GotoRef != 0 {
		e.Uint32(nla.FRAGoto, r.GotoRef)
	}
	if r.TunID != 0 {
		e.be64(nla.FRATunID, r.TunID)
	}
	if r.L3MDev {
		e.Uint8(nla.FRAL3MDev, 1)
	}
	if r.UID.Set {
		e.u32s(nla.FRAUIDRange, r.UID.V.Start, r.UID.V.End)
	}
	encodePorts(e, nla.FRASPortRange, nla.FRASPortMask, r.SPort)
	encodePorts(e, nla.FRADPortRange, nla.FRADPortMask, r.DPort)
	if r.IPProto != 0 {
		e.Uint8(nla.FRAIPProto, r.IPProto)
	}
}

func encodePorts(e encoder, typ, mask uint16, p rpdb.PortRange) {
	if p.Start != 0 || p.End != 0 {
		b := binary.NativeEndian.AppendUint16(nil, p.Start)
		e.Bytes(typ, binary.NativeEndian.AppendUint16(b, p.End))
	}
	if p.Mask != 0 {
		e.Uint16(mask, p.Mask)
	}
}

// encodeRuleFamily writes what fib4_rule_fill and fib6_rule_fill write.
func encodeRuleFamily(e encoder, r *rpdb.Rule) error {
	if r.DSCP.Set {
		e.Uint8(nla.FRADSCP, r.DSCP.V.Value)
		e.Uint8(nla.FRADSCPMask, r.DSCP.V.Mask)
	}
	if r.FlowLabel != 0 || r.FlowLabelMask != 0 {
		e.be32(nla.FRAFlowLabel, r.FlowLabel)
		e.be32(nla.FRAFlowLabelMask, r.FlowLabelMask)
	}
	for _, p := range []struct {
		typ    uint16
		prefix netip.Prefix
	}{{nla.FRADst, r.To}, {nla.FRASrc, r.From}} {
		if prefixLen(p.prefix) == 0 {
			continue
		}
		if rpdb.FamilyOf(p.prefix.Addr()) != r.Family {
			return fmt.Errorf("%s in an %s rule", p.prefix, r.Family)
		}
		e.addr(p.typ, p.prefix.Addr())
	}
	if r.Realms != 0 {
		e.Uint32(nla.FRAFlow, r.Realms)
	}
	return nil
}

// orNone is the inverse of suppressor.
func orNone(v rpdb.Opt[int32]) uint32 {
	if !v.Set {
		return noSuppress
	}
	return uint32(v.V)
}

// prefixLen returns the length of a prefix, 0 if there is none.
func prefixLen(p netip.Prefix) byte { return byte(max(p.Bits(), 0)) }

// shortTable is what the 8-bit field of a header says of a table.
func shortTable(t uint32) byte {
	if t > 255 {
		return byte(rpdb.TableCompat)
	}
	return byte(t)
}
