package iproute2

import (
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

var routeKeywords = []keyword{
	{word: "src", exact: true},
	{word: "via", exact: true},
	{word: "from", exact: true},
	{word: "tos", exact: true},
	{word: "dsfield", key: "tos"},
	{word: "expires", exact: true},
	{word: "metric"},
	{word: "priority", key: "metric"},
	{word: "preference", exact: true, key: "metric"},
	{word: "scope", exact: true},
	{word: "mtu", exact: true},
	{word: "hoplimit", exact: true},
	{word: "advmss", exact: true},
	{word: "reordering"},
	{word: "rtt", exact: true},
	{word: "rto_min", exact: true},
	{word: "window"},
	{word: "cwnd"},
	{word: "initcwnd"},
	{word: "initrwnd"},
	{word: "features"},
	{word: "quickack"},
	{word: "congctl"},
	{word: "rttvar"},
	{word: "ssthresh"},
	{word: "realms"},
	{word: "onlink", exact: true},
	{word: "nexthop", exact: true},
	{word: "nhid", exact: true},
	{word: "protocol"},
	{word: "table"},
	{word: "vrf"},
	{word: "dev", exact: true},
	{word: "oif", exact: true, key: "dev"},
	{word: "pref"},
	{word: "ttl-propagate", exact: true},
	{word: "fastopen_no_cookie"},
	{word: "pervasive", exact: true},
	{word: "to", exact: true},
}

// routeArgs reads the arguments of ip route add and the like (iproute_modify).
type routeArgs struct {
	*args
	c     *Command
	r     *rpdb.Route
	hop   rpdb.NextHop
	hasTo bool

	hasTable, hasScope bool
}

func (a *args) routeCommand(c *Command) {
	r := &rpdb.Route{Type: rpdb.Unicast, Protocol: rpdb.ProtoBoot, Table: rpdb.TableMain}
	if c.Verb == "delete" {
		r.Type, r.Protocol = rpdb.TypeUnspec, rpdb.ProtoUnspec
	}
	p := routeArgs{args: a, c: c, r: r, hop: rpdb.NextHop{Weight: 1}}
	for a.more() {
		p.word(a.next())
	}
	if !p.hasTo {
		a.fail("", "", "a destination is needed")
	}
	p.finish()
	c.Route = r
}

func (p *routeArgs) word(w string) {
	r := p.r
	switch key := keyOf(w, routeKeywords); key {
	case "":
		p.destination(w)
	case "to":
		p.destination(p.value(key, "a prefix"))
	case "src":
		r.PrefSrc = p.address(key)
	case "from":
		pre, word := p.prefix(key, p.c.Family)
		if !word && pre.Bits() > 0 {
			r.Src = pre.Masked()
		}
	case "tos":
		r.TOS = name(p.args, key, "a tos byte in hex or a name of rt_dsfield", p.names.DSFieldID)
	case "expires":
		r.Expires = rpdb.Some(int64(p.number(key, "a number of seconds", 1<<31-1)) * 1000)
	case "metric":
		r.Priority = p.number(key, "a metric", 1<<32-1)
	case "scope":
		r.Scope = name(p.args, key, "a scope", p.names.ScopeID)
		p.hasScope = true
	case "nhid":
		r.NHID = p.number(key, "the id of a nexthop object", 1<<32-1)
	case "protocol":
		r.Protocol = name(p.args, key, "a route protocol", p.names.ProtoID)
	case "table":
		r.Table = name(p.args, key, "a table, by name or number", p.names.TableID)
		if r.Table == rpdb.TableUnspec {
			r.Table = rpdb.TableMain
		}
		p.hasTable = true
	case "vrf":
		p.vrf()
	case "pref":
		r.Pref = name(p.args, key, "low, medium, high or a number", parsePref)
	case "ttl-propagate":
		p.value(key, "enabled or disabled")
	case "nexthop":
		p.legs()
	default:
		if !p.hopWord(&p.hop, key) {
			p.metric(key)
		}
	}
}

// address reads an address and binds the family of the command.
func (p *routeArgs) address(key string) netip.Addr {
	v := p.addr(key, p.c.Family)
	p.bind(v)
	return v
}

func (p *routeArgs) bind(a netip.Addr) {
	if p.c.Family == rpdb.Unspec {
		p.c.Family = rpdb.FamilyOf(a)
	}
}

// destination reads [TYPE] PREFIX.
func (p *routeArgs) destination(w string) {
	if w != "" && (w[0] < '0' || w[0] > '9') {
		if t, ok := parseTypeArg(w); ok {
			p.r.Type = t
			w = p.value(w, "a prefix")
		}
	}
	if p.err != nil {
		return
	}
	if p.hasTo {
		p.fail("", w, "neither a keyword of a route, nor may the destination be given twice")
		return
	}
	pre, word, ok := parsePrefix(w, p.c.Family)
	if !ok {
		p.fail("", w, "neither a keyword of a route nor an "+familyWord(p.c.Family)+"prefix")
		return
	}
	p.hasTo = true
	if !word || pre.IsValid() {
		p.r.Dst = pre
		p.bind(pre.Addr())
	}
}

// vrf takes the table of a VRF device, which the links must tell.
func (p *routeArgs) vrf() {
	s := p.value("vrf", "the name of a VRF")
	p.hasTable = true
	if s == "default" {
		p.r.Table = rpdb.TableMain
		return
	}
	if t, ok := p.links.(*LinkTable); ok {
		if i, ok := t.LinkIndex(s); ok && t.Link(i).VRFTable != 0 {
			p.r.Table = t.Link(i).VRFTable
			return
		}
	}
	p.fail("vrf", s, "a VRF of this host")
}

// hopWord reads a word of a nexthop.
func (p *routeArgs) hopWord(h *rpdb.NextHop, key string) bool {
	switch key {
	case "via":
		h.Gateway = p.gateway()
	case "dev":
		h.Dev = p.device(key)
	case "onlink":
		h.Flags |= rpdb.NHOnlink
	case "pervasive":
		h.Flags |= rpdb.NHPervasive
	case "realms":
		h.Realms = name(p.args, key, "a realm or A/B", p.names.RealmsID)
	default:
		return false
	}
	return true
}

// gateway reads [FAMILY] ADDRESS.
func (p *routeArgs) gateway() netip.Addr {
	switch p.peek() {
	case "inet":
		p.next()
		return p.addr("via", rpdb.IPv4)
	case "inet6":
		p.next()
		return p.addr("via", rpdb.IPv6)
	}
	return p.address("via")
}

var legKeywords = []keyword{
	{word: "via", exact: true},
	{word: "dev", exact: true},
	{word: "weight", exact: true},
	{word: "onlink", exact: true},
	{word: "pervasive", exact: true},
	{word: "realms"},
	{word: "nexthop", exact: true},
}

// legs reads the list of nexthops; its first word is passed.
func (p *routeArgs) legs() {
	for {
		h := rpdb.NextHop{Weight: 1}
		for p.more() && p.peek() != "nexthop" {
			w := p.next()
			switch key := keyOf(w, legKeywords); {
			case key == "weight":
				h.Weight = p.number(key, "a weight 1..256", 256)
				if h.Weight == 0 {
					p.fail(key, "0", "a weight 1..256")
				}
			case p.hopWord(&h, key):
			default:
				p.fail("", w, "not a word of a nexthop")
			}
		}
		p.r.NextHops = append(p.r.NextHops, h)
		if !p.more() {
			return
		}
		p.next()
	}
}

// metric reads NAME [lock] VALUE.
func (p *routeArgs) metric(key string) {
	m := rpdb.Metric{ID: metricIDs[key]}
	if p.peek() == "lock" && key != "features" && key != "quickack" && key != "rto_min" {
		p.next()
		m.Lock = true
	}
	switch m.ID {
	case nla.RTAXCCAlgo:
		m.Str = p.value(key, "the name of a congestion control")
	case nla.RTAXFeatures:
		m.Val = p.featureArgs()
	default:
		m.Lock = m.Lock || m.ID == nla.RTAXRTOMin
		m.Val = name(p.args, key, "a number", func(s string) (uint32, bool) { return parseMetric(m.ID, s) })
	}
	p.r.Metrics = append(p.r.Metrics, m)
}

func (p *routeArgs) featureArgs() (f uint32) {
	for p.more() {
		switch p.peek() {
		case "ecn":
			f |= featureECN
		case "tcp_usec_ts":
			f |= featureTCPUsecTS
		default:
			return f
		}
		p.next()
	}
	return f
}

// finish fills in the family, the nexthop and the tool's defaults.
func (p *routeArgs) finish() {
	r := p.r
	if p.c.Family == rpdb.Unspec {
		p.c.Family = rpdb.IPv4
	}
	r.Family = p.c.Family
	if !r.Dst.IsValid() {
		r.Dst = netip.PrefixFrom(r.Family.Zero(), 0)
	}
	given := p.hop.Dev != 0 || p.hop.Gateway.IsValid()
	if given && len(r.NextHops) == 0 {
		r.NextHops = []rpdb.NextHop{p.hop}
	}
	if !p.hasTable && isLocalType(r.Type) {
		r.Table = rpdb.TableLocal
	}
	if !p.hasScope {
		r.Scope = defaultScope(r, p.c.Verb)
	}
	slices.SortStableFunc(r.Metrics, func(a, b rpdb.Metric) int { return int(a.ID) - int(b.ID) })
}

// isLocalType tells whether ip puts a route of the type into table local.
func isLocalType(t rpdb.RouteType) bool {
	return t == rpdb.Local || t == rpdb.Broadcast || t == rpdb.NAT || t == rpdb.Anycast
}

// defaultScope is the scope that ip gives a route without one.
func defaultScope(r *rpdb.Route, verb string) rpdb.Scope {
	switch {
	case verb == "delete" && r.Family == rpdb.IPv4:
		return rpdb.ScopeNowhere
	case r.Family == rpdb.IPv6:
		return rpdb.ScopeGlobal
	}
	switch r.Type {
	case rpdb.Local, rpdb.NAT:
		return rpdb.ScopeHost
	case rpdb.Broadcast, rpdb.Multicast, rpdb.Anycast:
		return rpdb.ScopeLink
	case rpdb.Unicast, rpdb.TypeUnspec:
		single := len(r.NextHops) == 1 && !r.NextHops[0].Gateway.IsValid()
		if r.NHID == 0 && (len(r.NextHops) == 0 || single) {
			return rpdb.ScopeLink
		}
	}
	return rpdb.ScopeGlobal
}
