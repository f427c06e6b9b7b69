package iproute2

import (
	"net/netip"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// rule reads the words of a rule line. Its family stays Unspec where neither the
// text nor the options tell it.
func (p *lineParser) rule() (rpdb.Rule, error) {
	var r rpdb.Rule
	pref, isPref := strings.CutSuffix(p.next(), ":")
	v, ok := parseUint(pref, 10, 1<<32-1)
	if !isPref || !ok {
		p.fail("a rule starts with its preference and a colon")
		return r, p.err
	}
	r.Pref = v
	acted := false
	for p.more() {
		p.ruleWord(&r, p.next(), &acted)
	}
	if p.err != nil {
		return r, p.err
	}
	switch {
	case r.L3MDev || r.Table != 0 || acted:
	case len(p.bad) == 0:
		p.fail("the rule has no action: the line is cut off")
		return r, p.err
	}
	if !acted {
		r.Action = rpdb.ActTable
	}
	r.Family = p.family
	if r.Family == rpdb.Unspec {
		r.Family = p.c.family()
	}
	return r, nil
}

func (p *lineParser) ruleWord(r *rpdb.Rule, key string, acted *bool) {
	switch key {
	case "not":
		r.Flags |= rpdb.RuleInvert
	case "from":
		r.From = p.ruleAddr(key)
	case "to":
		r.To = p.ruleAddr(key)
	case "fwmark":
		r.Mark, r.MarkMask = p.mark(key)
	case "iif", "dev":
		r.IIF = p.value(key)
		p.detached(r, rpdb.RuleIIFDetached)
	case "oif":
		r.OIF = p.value(key)
		p.detached(r, rpdb.RuleOIFDetached)
	case "lookup", "table":
		p.ruleTable(r, key)
	case "suppress_prefixlength", "suppress_prefixlen":
		r.SuppressPrefixLen = rpdb.Some(int32(p.uint(key)))
	case "suppress_ifgroup":
		s := p.value(key)
		g, ok := p.n.GroupID(s)
		p.need(ok, key, s)
		r.SuppressIfGroup = rpdb.Some(int32(g))
	case "realms", "realm":
		r.Realms = p.realms(key)
	case "goto":
		p.ruleGoto(r)
		*acted = true
	case "nop":
		r.Action, *acted = rpdb.ActNop, true
	case "proto", "protocol":
		r.Protocol = p.proto(key)
	default:
		if a, ok := parseRuleAction(key); ok && !p.afterBad() {
			r.Action, *acted = a, true
			return
		}
		if !p.ruleSelector(r, key) {
			p.bad = append(p.bad, key)
		}
	}
}

// afterBad tells whether the word before the one just read is unknown, so that this
// one may be its value.
func (p *lineParser) afterBad() bool {
	return len(p.bad) > 0 && p.i >= 2 && p.bad[len(p.bad)-1] == p.w[p.i-2]
}

// parseRuleAction reads the word for an action, or its number (ip -N).
func parseRuleAction(s string) (rpdb.RuleAction, bool) {
	if a, ok := ruleActions[s]; ok {
		return a, true
	}
	v, ok := parseUint(s, 10, 255)
	hasWords := v >= uint32(rpdb.ActTable) && v <= uint32(rpdb.ActNop)
	return rpdb.RuleAction(v), ok && !hasWords
}

// ruleSelector reads the selectors of the packet's header.
func (p *lineParser) ruleSelector(r *rpdb.Rule, key string) bool {
	switch key {
	case "tos", "dsfield":
		s := p.value(key)
		v, ok := p.n.DSFieldID(s)
		p.need(ok, key, s)
		r.TOS = v
	case "dscp":
		s := p.value(key)
		v, ok := parseDSCP(s, p.n)
		p.need(ok, key, s)
		r.DSCP = rpdb.Some(v)
	case "uidrange":
		s := p.value(key)
		v, ok := parseUIDRange(s)
		p.need(ok, key, s)
		r.UID = rpdb.Some(v)
	case "ipproto":
		s := p.value(key)
		v, ok := p.n.IPProtoID(s)
		p.need(ok, key, s)
		r.IPProto = v
	case "sport":
		r.SPort = p.ports(key)
	case "dport":
		r.DPort = p.ports(key)
	case "tun_id":
		s := p.value(key)
		v, ok := parseUint64(s, 0)
		p.need(ok, key, s)
		r.TunID = v
	case "flowlabel":
		s := p.value(key)
		v, m, ok := parseMasked(s, fullFlowLabel)
		p.need(ok, key, s)
		r.FlowLabel, r.FlowLabelMask = v, m
		p.sawFamily(rpdb.IPv6)
	default:
		return false
	}
	return true
}

// ruleAddr reads the prefix after from or to; "all" is none.
func (p *lineParser) ruleAddr(key string) netip.Prefix {
	s := p.value(key)
	if strings.HasPrefix(s, "0/") {
		return netip.Prefix{} // a length without an address
	}
	a, word, ok := parsePrefix(s, rpdb.Unspec)
	p.need(ok, key, s)
	if word || !ok {
		return netip.Prefix{}
	}
	p.sawFamily(rpdb.FamilyOf(a.Addr()))
	return a
}

func (p *lineParser) mark(key string) (mark, mask uint32) {
	s := p.value(key)
	mark, mask, ok := parseMasked(s, 1<<32-1)
	p.need(ok, key, s)
	return mark, mask
}

func (p *lineParser) detached(r *rpdb.Rule, flag rpdb.RuleFlags) {
	if p.accept("[detached]") {
		r.Flags |= flag
	}
}

func (p *lineParser) ruleTable(r *rpdb.Rule, key string) {
	s := p.value(key)
	if s == "[l3mdev-table]" {
		r.L3MDev = true
		return
	}
	r.Table = p.tableID(s)
}

func (p *lineParser) ruleGoto(r *rpdb.Rule) {
	r.Action = rpdb.ActGoto
	if !p.accept("none") {
		r.GotoRef = p.uint("goto")
	}
	if p.accept("[unresolved]") {
		r.Flags |= rpdb.RuleUnresolved
	}
}

func (p *lineParser) ports(key string) rpdb.PortRange {
	s := p.value(key)
	v, ok := parsePorts(s)
	p.need(ok, key, s)
	return v
}

// parseMasked reads V or V/MASK; the mask is full if there is none.
func parseMasked(s string, full uint32) (v, mask uint32, ok bool) {
	val, m, masked := strings.Cut(s, "/")
	v, ok = parseUint(val, 0, full)
	mask = full
	if masked && ok {
		mask, ok = parseUint(m, 0, full)
	}
	return v, mask, ok
}

// parsePorts reads N, A-B or N/MASK.
func parsePorts(s string) (p rpdb.PortRange, ok bool) {
	if lo, hi, isRange := strings.Cut(s, "-"); isRange {
		a, ok1 := parseUint(lo, 0, 0xffff)
		b, ok2 := parseUint(hi, 0, 0xffff)
		return rpdb.PortRange{Start: uint16(a), End: uint16(b)}, ok1 && ok2 && a <= b
	}
	val, m, masked := strings.Cut(s, "/")
	v, ok := parseUint(val, 0, 0xffff)
	p = rpdb.PortRange{Start: uint16(v), End: uint16(v)}
	if masked && ok {
		var mask uint32
		mask, ok = parseUint(m, 0, 0xffff)
		p.Mask = uint16(mask)
	}
	return p, ok
}

func parseDSCP(s string, n *Names) (rpdb.DSCP, bool) {
	val, m, masked := strings.Cut(s, "/")
	d := rpdb.DSCP{Mask: fullDSCP}
	v, ok := n.DSCPID(val)
	d.Value = v
	if masked && ok {
		var mask uint32
		mask, ok = parseUint(m, 0, fullDSCP)
		d.Mask = uint8(mask)
	}
	return d, ok
}

func parseUIDRange(s string) (rpdb.UIDRange, bool) {
	lo, hi, isRange := strings.Cut(s, "-")
	a, ok1 := parseUint(lo, 10, 1<<32-1)
	b, ok2 := parseUint(hi, 10, 1<<32-1)
	return rpdb.UIDRange{Start: a, End: b}, isRange && ok1 && ok2
}
