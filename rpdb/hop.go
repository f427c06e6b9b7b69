package rpdb

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// hop is an IPv4 nexthop compiled against the devices (struct fib_nh_common).
type hop struct {
	dev     *device // nil if the device is not there
	oif     int
	gw      netip.Addr
	scope   Scope // of the nexthop: link for a real gateway, host without one
	weight  uint32
	realms  uint32
	resolve bool // its scope follows from a lookup of the gateway
	dead    bool
	ignored bool       // no carrier, and the device ignores such routes
	bound   int32      // upper bound of the hash, -1 for none
	saddr   netip.Addr // the source that the kernel has cached for it
	id      uint32     // of the nexthop object, 0 for a classic one
}

// object is a nexthop object compiled: its legs (one, unless it is a group).
type object struct {
	*NextHopObject
	blackhole bool
	group     bool
	hops      []hop
	buckets   []int // index into hops per bucket; nil unless resilient
}

// lacksBuckets reports whether the choice among the members of a resilient group
// hangs on buckets that were not dumped.
func (o *object) lacksBuckets() bool {
	return o != nil && o.Resilient != nil && len(o.buckets) == 0
}

// usesGateway reports whether a packet goes to the gateway rather than to its
// destination directly.
func (h *hop) usesGateway() bool { return h.gw.IsValid() && h.scope == ScopeLink }

// hops compiles the nexthops that an IPv4 route has of its own.
func (db *Database) hops(r *Route) []hop {
	out := make([]hop, len(r.NextHops))
	for i := range r.NextHops {
		out[i] = db.hop(&r.NextHops[i], r.Scope, r.Type == Local)
	}
	return out
}

// hop compiles one nexthop. The scope of one with a gateway is settled later, by
// resolveGateways4.
func (db *Database) hop(n *NextHop, scope Scope, local bool) hop {
	h := hop{dev: db.devs[n.Dev], oif: n.Dev, gw: n.Gateway, weight: max(n.Weight, 1), realms: n.Realms}
	switch {
	case scope == ScopeHost || local:
		h.scope = ScopeNowhere
	case !n.Gateway.IsValid():
		h.scope = ScopeHost
	default:
		h.scope = ScopeLink
		h.resolve = n.Gateway.Is4() && n.Flags&NHOnlink == 0
	}
	down := n.Flags&NHLinkDown != 0
	ignore := h.dev != nil && h.dev.conf4.ignoreLinkdown
	h.ignored = down && ignore
	// A dump shows an ignored nexthop without carrier as dead too.
	h.dead = n.Flags&NHDead != 0 && (!h.ignored || !h.dev.Up())
	return h
}

// resolveGateways4 settles the scope of nexthops with a gateway, which a dump does
// not show: that of the route that leads to the gateway, so host if it is this host
// itself (fib_check_nh, spec IPv4 9.2). Where nothing leads there any more, the
// kernel once found a way; then it is taken to be host for an address of the same
// device, and link for any other.
func (db *Database) resolveGateways4() {
	db.gateways, db.byRules = newTrie[gateway](), newTrie[gateway]()
	by := map[gateway]Scope{}
	defer func() { db.noteByRules(by) }()
	for _, o := range db.objects {
		db.resolveHops(o.hops, ScopeGlobal, TableMain, by)
	}
	done := map[*info4]bool{}
	for _, t := range db.tables4.list {
		t.eachInfo(done, func(in *info4) { db.resolveHops(in.hops, in.scope, t.id, by) })
	}
}

// resolveHops settles the scope of the nexthops of a route of a scope and a table. by
// keeps what the rules say of gateways, without the table.
func (db *Database) resolveHops(hops []hop, scope Scope, table uint32, by map[gateway]Scope) {
	for i := range hops {
		if h := &hops[i]; h.resolve {
			h.scope = db.scopeOf(gateway{gw: h.gw, oif: h.oif, scope: scope, table: table}, by)
		}
	}
}

// gateway is a gateway of routes, and the scope that their nexthops have.
type gateway struct {
	gw     netip.Addr
	oif    int
	scope  Scope // of the routes
	table  uint32
	result Scope
}

// scopeOf returns the scope of nexthops with a gateway, and notes the gateway.
func (db *Database) scopeOf(g gateway, by map[gateway]Scope) Scope {
	p := g.prefix()
	if known := db.gateways.get(p); known != nil {
		return known.result
	}
	g.result = db.gatewayScope(&g, by)
	db.gateways = db.gateways.with(p, &g)
	return g.result
}

// prefix is a gateway as a key of a trie, one of those within its first 32 bits.
func (g *gateway) prefix() netip.Prefix {
	b := make([]byte, 0, 16)
	b = append(b, g.gw.AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, g.table)
	b = binary.BigEndian.AppendUint32(b, uint32(g.oif))
	b = binary.BigEndian.AppendUint32(b, uint32(g.scope))
	return netip.PrefixFrom(netip.AddrFrom16([16]byte(b)), 128)
}

// sameGateways reports whether the gateways within a prefix are reached as they were
// when they were noted.
func (db *Database) sameGateways(p netip.Prefix) bool {
	same := true
	by := map[gateway]Scope{}
	keys := gateway{gw: p.Addr()}
	db.gateways.near(netip.PrefixFrom(keys.prefix().Addr(), p.Bits()), func(g *gateway) {
		if same && p.Contains(g.gw) {
			same = db.gatewayScope(g, by) == g.result
		}
	})
	return same
}

// key is the key that a gateway is looked up with.
func (g *gateway) key() Key {
	return Key{
		Family: IPv4, Dst: g.gw, Src: IPv4.Zero(), OIF: g.oif, IIF: Loopback,
		Scope: max(g.scope+1, ScopeLink), IgnoreLinkState: true,
	}
}

// gatewayScope looks a gateway up as the kernel does when a route is added: in the
// route's own table, then through the rules.
func (db *Database) gatewayScope(g *gateway, by map[gateway]Scope) Scope {
	k := g.key()
	res := found4{rule: -1}
	if g.table != TableMain {
		if err, _ := db.lookupTable4(g.table, &k, &res, nil); err == OK {
			return db.scopeBy(g, &res)
		}
	}
	rest := gateway{gw: g.gw, oif: g.oif, scope: g.scope}
	scope, ok := by[rest]
	if !ok {
		scope = db.scopeByRules(g)
		by[rest] = scope
	}
	return scope
}

// scopeByRules is the scope that the rules lead to.
func (db *Database) scopeByRules(g *gateway) Scope {
	k := g.key()
	err, res := db.search4(ForGateway, &k, nil)
	if err != OK {
		res.alias = nil
	}
	return db.scopeBy(g, &res)
}

// noteByRules notes what the rules say of gateways.
func (db *Database) noteByRules(by map[gateway]Scope) {
	for g, scope := range by {
		if db.byRules.get(g.prefix()) == nil {
			g.result = scope
			db.byRules = db.byRules.with(g.prefix(), &g)
		}
	}
}

// sameByRules reports whether the rules say of gateways what they said. Those count
// whose key concerns.
func (db *Database) sameByRules(concerns func(*Key) bool) bool {
	same := true
	db.byRules.all(func(g *gateway) {
		if same {
			k := g.key()
			same = !concerns(&k) || db.scopeByRules(g) == g.result
		}
	})
	return same
}

// scopeBy is the scope of nexthops with a gateway to which a route leads.
func (db *Database) scopeBy(g *gateway, res *found4) Scope {
	if a := res.alias; a != nil && (a.route.Type == Unicast || a.route.Type == Local) {
		return a.info.scope
	}
	if d := db.devs[g.oif]; d != nil && slices.ContainsFunc(d.addrs4, func(a *Addr) bool { return a.Local == g.gw }) {
		return ScopeHost
	}
	return ScopeLink
}

// neighInvalid reports whether the neighbour entry of a gateway exists and is not
// usable.
func (db *Database) neighInvalid(h *hop) bool {
	if !h.gw.IsValid() {
		return false
	}
	s, ok := db.neighs[neighKey{h.oif, h.gw}]
	return ok && s&NUDValid == 0
}

// neighKey identifies a neighbour entry.
type neighKey struct {
	dev int
	ip  netip.Addr
}

// buildObjects compiles the nexthop objects.
func (db *Database) buildObjects() {
	byID := map[uint32]*NextHopObject{}
	for i := range db.state.NextHops {
		o := &db.state.NextHops[i]
		byID[o.ID] = o
	}
	db.objects = make(map[uint32]*object, len(byID))
	for id, o := range byID {
		db.objects[id] = db.compileObject(o, byID)
	}
}

func (db *Database) compileObject(o *NextHopObject, byID map[uint32]*NextHopObject) *object {
	out := &object{NextHopObject: o, blackhole: o.Blackhole, group: len(o.Group) > 0}
	if !out.group {
		if !o.Blackhole {
			h := db.hop(&o.Hop, ScopeGlobal, false)
			h.id = o.ID
			out.hops = []hop{h}
		}
		return out
	}
	at := map[uint32]int{}
	for _, m := range o.Group {
		leg := byID[m.ID]
		if leg == nil {
			continue
		}
		if leg.Blackhole {
			out.blackhole = len(o.Group) == 1
			continue
		}
		h := db.hop(&leg.Hop, ScopeGlobal, false)
		h.weight, h.id = max(m.Weight, 1), m.ID
		at[m.ID] = len(out.hops)
		out.hops = append(out.hops, h)
	}
	setGroupBounds(out.hops)
	if o.Resilient != nil {
		for _, id := range o.Resilient.Buckets {
			out.buckets = append(out.buckets, at[id])
		}
	}
	return out
}

// objectOf returns the nexthop object of a route. If the state does not hold it,
// one is made of what the route's dump showed.
func (db *Database) objectOf(r *Route) *object {
	o := db.objects[r.NHID]
	if o == nil {
		o = &object{NextHopObject: &NextHopObject{ID: r.NHID}, blackhole: r.Type == Blackhole}
		o.hops = db.hops(r)
		o.group = len(o.hops) > 1
		setGroupBounds(o.hops)
	}
	return o
}
