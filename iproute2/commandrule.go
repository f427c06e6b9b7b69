package iproute2

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

var ruleKeywords = []keyword{
	{word: "not", exact: true},
	{word: "from", exact: true},
	{word: "to", exact: true},
	{word: "preference"},
	{word: "order", key: "preference"},
	{word: "priority", key: "preference"},
	{word: "tos", exact: true},
	{word: "dsfield", key: "tos"},
	{word: "fwmark", exact: true},
	{word: "realms"},
	{word: "protocol"},
	{word: "tun_id"},
	{word: "table"},
	{word: "lookup", exact: true, key: "table"},
	{word: "suppress_prefixlength"},
	{word: "sup_pl", exact: true, key: "suppress_prefixlength"},
	{word: "suppress_ifgroup"},
	{word: "sup_group", exact: true, key: "suppress_ifgroup"},
	{word: "iif", exact: true},
	{word: "dev", exact: true, key: "iif"},
	{word: "oif", exact: true},
	{word: "l3mdev", exact: true},
	{word: "uidrange", exact: true},
	{word: "ipproto", exact: true},
	{word: "sport", exact: true},
	{word: "dport", exact: true},
	{word: "dscp", exact: true},
	{word: "flowlabel", exact: true},
	{word: "type", exact: true},
	{word: "goto"},
	{word: "nop"},
}

// ruleCommand reads the arguments of ip rule add and del (iprule_modify).
func (a *args) ruleCommand(c *Command) {
	r := &rpdb.Rule{}
	p := ruleArgs{args: a, c: c, r: r}
	for a.more() {
		p.word(a.next())
	}
	if r.L3MDev && r.Table != 0 {
		a.fail("table", "", "no table, for an l3mdev rule has that of the VRF")
	}
	if c.Verb == "add" && r.Action == rpdb.ActUnspec && !p.typed {
		r.Action = rpdb.ActTable
		if !p.tabled && !r.L3MDev {
			r.Table = rpdb.TableMain
		}
	}
	if p.tabled && !p.typed {
		r.Action = rpdb.ActTable
	}
	if c.Family == rpdb.Unspec {
		c.Family = rpdb.IPv4
	}
	r.Family = c.Family
	c.Rule = r
}

type ruleArgs struct {
	*args
	c             *Command
	r             *rpdb.Rule
	tabled, typed bool
}

func (p *ruleArgs) word(w string) {
	r := p.r
	switch key := keyOf(w, ruleKeywords); key {
	case "not":
		r.Flags |= rpdb.RuleInvert
	case "from":
		r.From = p.rulePrefix(key)
	case "to":
		r.To = p.rulePrefix(key)
	case "preference":
		r.Pref = p.number(key, "a preference", 1<<32-1)
		p.c.Pref = true
	case "table":
		r.Table = name(p.args, key, "a table, by name or number", p.names.TableID)
		p.tabled = true
	case "suppress_prefixlength":
		r.SuppressPrefixLen = rpdb.Some(int32(p.number(key, "a prefix length", 1<<31-1)))
	case "suppress_ifgroup":
		r.SuppressIfGroup = rpdb.Some(int32(name(p.args, key, "a device group", p.names.GroupID)))
	case "realms":
		r.Realms = name(p.args, key, "a realm or A/B", p.names.RealmsID)
	case "protocol":
		r.Protocol = name(p.args, key, "a route protocol", p.names.ProtoID)
	case "iif":
		r.IIF = p.value(key, "the name of a device")
	case "oif":
		r.OIF = p.value(key, "the name of a device")
	case "l3mdev":
		r.L3MDev = true
	case "type":
		p.action(p.value(key, "an action"))
	case "goto", "nop":
		p.action(key)
	case "":
		p.action(w)
	default:
		p.packet(key)
	}
}

// packet reads the selectors of the packet.
func (p *ruleArgs) packet(key string) {
	r := p.r
	switch key {
	case "tos":
		r.TOS = name(p.args, key, "a tos byte in hex or a name of rt_dsfield", p.names.DSFieldID)
	case "fwmark":
		s := p.value(key, "a mark, or MARK/MASK")
		v, m, ok := parseMasked(s, 1<<32-1)
		if !ok {
			p.fail(key, s, "a mark, or MARK/MASK")
		}
		r.Mark, r.MarkMask = v, m
		if v == 0 && s == "0" {
			r.MarkMask = 0 // the kernel takes mark 0 without a mask as no selector
		}
	case "tun_id":
		r.TunID = name(p.args, key, "a tunnel id", func(s string) (uint64, bool) { return parseUint64(s, 0) })
	case "uidrange":
		r.UID = rpdb.Some(name(p.args, key, "a range A-B of user ids", parseUIDRange))
	case "ipproto":
		r.IPProto = name(p.args, key, "an IP protocol, name or number", p.names.IPProtoID)
	case "sport":
		r.SPort = name(p.args, key, "a port, A-B or PORT/MASK", parsePorts)
	case "dport":
		r.DPort = name(p.args, key, "a port, A-B or PORT/MASK", parsePorts)
	case "dscp":
		r.DSCP = rpdb.Some(name(p.args, key, "a DSCP, or DSCP/MASK", func(s string) (rpdb.DSCP, bool) {
			return parseDSCP(s, p.names)
		}))
	case "flowlabel":
		s := p.value(key, "a flow label, or LABEL/MASK")
		v, m, ok := parseMasked(s, fullFlowLabel)
		if !ok {
			p.fail(key, s, "a flow label, or LABEL/MASK")
		}
		r.FlowLabel, r.FlowLabelMask = v, m
	}
}

func (p *ruleArgs) rulePrefix(key string) netip.Prefix {
	pre, word := p.prefix(key, p.c.Family)
	if word {
		return netip.Prefix{}
	}
	if p.c.Family == rpdb.Unspec {
		p.c.Family = rpdb.FamilyOf(pre.Addr())
	}
	if pre.Bits() == 0 {
		return netip.Prefix{}
	}
	return pre
}

// action reads goto N, nop, or a route type.
func (p *ruleArgs) action(w string) {
	p.typed = true
	switch {
	case matches(w, "goto"):
		p.r.Action = rpdb.ActGoto
		p.r.GotoRef = p.number("goto", "the preference of a rule", 1<<32-1)
	case matches(w, "nop"):
		p.r.Action = rpdb.ActNop
	default:
		t, ok := parseTypeArg(w)
		if !ok {
			p.fail("", w, "not a selector or an action of a rule")
		}
		p.r.Action = rpdb.RuleAction(t)
	}
}

var typeKeywords = []keyword{
	{word: "local", exact: true},
	{word: "nat", exact: true},
	{word: "throw", exact: true},
	{word: "brd", exact: true, key: "broadcast"},
	{word: "broadcast"},
	{word: "anycast"},
	{word: "multicast"},
	{word: "prohibit"},
	{word: "unreachable"},
	{word: "blackhole"},
	{word: "xresolve"},
	{word: "unicast"},
}

// parseTypeArg reads a route type as an argument (rtnl_rtntype_a2n).
func parseTypeArg(s string) (rpdb.RouteType, bool) {
	if k := keyOf(s, typeKeywords); k != "" {
		return routeTypes[k], true
	}
	v, ok := parseUint(s, 0, 255)
	return rpdb.RouteType(v), ok
}

// ParseRouteType reads a route type as an argument of ip: a word, which may be
// shortened where iproute2 lets it be, or a number.
func ParseRouteType(s string) (rpdb.RouteType, bool) { return parseTypeArg(s) }
