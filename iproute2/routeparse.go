package iproute2

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ErrReply is the error of a text that answers ip route get, or shows an entry of
// the route cache: it is no entry of a table.
var ErrReply = errors.New("an answer of ip route get or a cached route, not a table entry")

// ParseRouteLine reads one route that ip route show printed, of any version and
// with any of -d, -N, -o; lines after the first hold its nexthops. The family is
// that of its addresses, else c.Family, else IPv4; the table, where it names none,
// is c.Table.
//
// The error names what was not understood. With ErrUnknownWord, the route holds
// all the rest; with any other, the text is no route.
func ParseRouteLine(text string, c *ReadOptions) (rpdb.Route, error) {
	p := newLineParser(strings.Fields(strings.ReplaceAll(text, "\\", " ")), c)
	r, err := p.route()
	if err == nil {
		finishRoute(&r, c.family())
		err = p.unknown()
	}
	return r, err
}

// route reads the words of a route and its legs. Its family stays Unspec where
// neither the text nor the options tell it; finishRoute must follow.
func (p *lineParser) route() (rpdb.Route, error) {
	r := rpdb.Route{Type: rpdb.Unicast, Protocol: rpdb.ProtoBoot, Table: p.c.table()}
	p.routeHead(&r)
	hop, hasHop := rpdb.NextHop{Weight: 1}, false
	for p.more() {
		key := p.next()
		if key == "nexthop" {
			p.legs(&r)
			break
		}
		if p.hopWord(&hop, key) {
			hasHop = true
		} else if !p.routeWord(&r, key) {
			p.bad = append(p.bad, key)
		}
	}
	if p.err != nil {
		return r, p.err
	}
	if hasHop {
		placeHop(&r, hop)
	}
	r.Family = p.family
	return r, nil
}

// hopFlags are the flags that belong to a nexthop; the others are the route's.
const hopFlags = 0xff

// placeHop gives the route the nexthop that its own line shows.
func placeHop(r *rpdb.Route, hop rpdb.NextHop) {
	r.Flags = hop.Flags
	if len(r.NextHops) == 0 && (hop.Dev != 0 || hop.Gateway.IsValid()) {
		r.Flags = hop.Flags &^ hopFlags
		hop.Flags &= hopFlags
		r.NextHops = []rpdb.NextHop{hop}
	}
}

// routeHead reads the type and the destination.
func (p *lineParser) routeHead(r *rpdb.Route) {
	s := p.next()
	if t, ok := parseRouteType(s, p.peek()); ok {
		r.Type = t
		s = p.next()
	}
	d, word, ok := parsePrefix(s, rpdb.Unspec)
	if !ok {
		p.fail("a route starts with its destination, not %q", s)
		return
	}
	if word {
		return
	}
	r.Dst = d.Masked()
	p.sawFamily(rpdb.FamilyOf(d.Addr()))
}

// parseRouteType reads the type before a destination: a word, or with ip -N a
// number, which is one only if an address follows.
func parseRouteType(s, next string) (rpdb.RouteType, bool) {
	if t, ok := routeTypes[s]; ok {
		return t, true
	}
	v, ok := parseUint(s, 10, 255)
	if !ok || next == "" {
		return 0, false
	}
	_, _, isAddr := parsePrefix(next, rpdb.Unspec)
	return rpdb.RouteType(v), isAddr
}

var routeTypes = func() map[string]rpdb.RouteType {
	m := map[string]rpdb.RouteType{}
	for t := rpdb.TypeUnspec; t <= rpdb.XResolve; t++ {
		m[t.String()] = t
	}
	return m
}()

// finishRoute settles the family, and with it the destination of a default route.
func finishRoute(r *rpdb.Route, f rpdb.Family) {
	if r.Family == rpdb.Unspec {
		r.Family = f
	}
	if r.Family == rpdb.Unspec {
		r.Family = rpdb.IPv4
	}
	if !r.Dst.IsValid() {
		r.Dst = netip.PrefixFrom(r.Family.Zero(), 0)
	}
}

// hopWord reads a word of a nexthop.
func (p *lineParser) hopWord(h *rpdb.NextHop, key string) bool {
	switch key {
	case "via":
		h.Gateway = p.gateway()
	case "dev":
		s := p.value(key)
		i, ok := p.dev(s)
		if !ok && s != "*" && p.err == nil {
			p.fail("device %q is not known", s)
		}
		h.Dev = i
	case "realm", "realms":
		h.Realms = p.realms(key)
	case "encap":
		h.Encap = p.encap()
	default:
		bit, ok := routeFlagBits[key]
		if !ok {
			return false
		}
		h.Flags |= bit
	}
	return true
}

// gateway reads the address after via, with or without its family.
func (p *lineParser) gateway() netip.Addr {
	s := p.value("via")
	f := rpdb.Unspec
	switch s {
	case "inet":
		f, s = rpdb.IPv4, p.value("via")
	case "inet6":
		f, s = rpdb.IPv6, p.value("via")
	}
	a, ok := parseAddr(s, f)
	p.need(ok, "via", s)
	if f == rpdb.Unspec && ok {
		p.sawFamily(rpdb.FamilyOf(a))
	}
	if a.IsUnspecified() {
		return netip.Addr{} // old kernels show via :: for on-link
	}
	return a
}

// legs reads the nexthops of a multipath route; the first word nexthop is passed.
func (p *lineParser) legs(r *rpdb.Route) {
	for p.more() {
		h := rpdb.NextHop{Weight: 1}
		for p.more() && p.peek() != "nexthop" {
			key := p.next()
			switch {
			case key == "weight":
				h.Weight = p.uint(key)
			case p.hopWord(&h, key):
			default:
				p.bad = append(p.bad, key)
			}
		}
		r.NextHops = append(r.NextHops, h)
		p.accept("nexthop")
	}
}

// routeWord reads a word of the route itself.
func (p *lineParser) routeWord(r *rpdb.Route, key string) bool {
	switch key {
	case "from":
		r.Src = p.routeFrom()
	case "table":
		r.Table = p.tableID(p.value(key))
	case "proto", "protocol":
		r.Protocol = p.proto(key)
	case "scope":
		s := p.value(key)
		v, ok := p.n.ScopeID(s)
		p.need(ok, key, s)
		r.Scope = v
	case "src":
		s := p.value(key)
		a, ok := parseAddr(s, rpdb.Unspec)
		p.need(ok, key, s)
		r.PrefSrc = a
		p.sawFamily(rpdb.FamilyOf(a))
	case "metric", "priority", "preference":
		r.Priority = p.uint(key)
	case "tos", "dsfield":
		s := p.value(key)
		v, ok := p.n.DSFieldID(s)
		p.need(ok, key, s)
		r.TOS = v
	case "nhid":
		r.NHID = p.uint(key)
	case "nh_info":
		p.skipHopInfo()
	case "pref":
		s := p.value(key)
		v, ok := parsePref(s)
		p.need(ok, key, s)
		r.Pref = v
		p.sawFamily(rpdb.IPv6)
		p.sawPref = true
	default:
		return p.metric(r, key) || p.cacheInfo(r, key)
	}
	return true
}

// routeFrom reads the source prefix of an IPv6 route. The unspecified address
// stands in answers of ip route get only.
func (p *lineParser) routeFrom() netip.Prefix {
	s := p.value("from")
	src, word, ok := parsePrefix(s, rpdb.Unspec)
	p.need(ok, "from", s)
	if !ok || word {
		return netip.Prefix{}
	}
	p.sawFamily(rpdb.FamilyOf(src.Addr()))
	if p.err == nil && src.IsSingleIP() && (src.Addr().IsUnspecified() || src.Addr().Is4()) {
		p.err = ErrReply
	}
	return src.Masked()
}

// cacheInfo reads the words that tell of age and use; only the lifetime is kept.
// Those that no table entry has end the parse with ErrReply.
func (p *lineParser) cacheInfo(r *rpdb.Route, key string) bool {
	switch key {
	case "expires":
		s := strings.TrimSuffix(p.value(key), "sec")
		neg := strings.HasPrefix(s, "-")
		v, ok := parseUint(strings.TrimPrefix(s, "-"), 10, 1<<31-1)
		p.need(ok, key, s)
		r.Expires = rpdb.Some(int64(v) * 1000)
		if neg {
			r.Expires.V = -r.Expires.V
		}
	case "error", "users", "used", "age", "ttl-propogate", "ttl-propagate", "ipid", "ts", "tsage", "as":
		p.value(key)
	case "cache", "uid", "mark", "iif":
		if p.err == nil {
			p.err = ErrReply
		}
	default:
		return false
	}
	return true
}

// skipHopInfo passes the nexthop object that ip -d shows inside a route: it is
// the text of ip nexthop, up to the route's legs.
func (p *lineParser) skipHopInfo() {
	for p.i < len(p.w) && p.peek() != "nexthop" {
		p.i++
	}
}
