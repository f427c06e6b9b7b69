package rpdb

import "net/netip"

// hop is an IPv4 nexthop compiled against the devices (struct fib_nh_common).
type hop struct {
	dev     *device // nil if the device is not there
	oif     int
	gw      netip.Addr
	scope   Scope // of the nexthop: link for a real gateway, host without one
	weight  uint32
	realms  uint32
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

// hop compiles one nexthop. A dump does not show its scope; it follows from the
// gateway (spec 1.3).
func (db *Database) hop(n *NextHop, scope Scope, local bool) hop {
	h := hop{dev: db.devs[n.Dev], oif: n.Dev, gw: n.Gateway, weight: max(n.Weight, 1), realms: n.Realms}
	h.scope = db.hopScope(n, scope, local)
	down := n.Flags&NHLinkDown != 0
	ignore := h.dev != nil && h.dev.conf4.ignoreLinkdown
	h.ignored = down && ignore
	// A dump shows an ignored nexthop without carrier as dead too.
	h.dead = n.Flags&NHDead != 0 && (!h.ignored || !h.dev.Up())
	return h
}

// hopScope is the nexthop's scope: nowhere for a route of host scope, host without
// a gateway or with one that is this host itself, else link.
func (db *Database) hopScope(n *NextHop, scope Scope, local bool) Scope {
	switch {
	case scope == ScopeHost || local:
		return ScopeNowhere
	case !n.Gateway.IsValid():
		return ScopeHost
	case n.Flags&NHOnlink == 0 && n.Gateway.Is4() && db.ownAddress(n.Gateway, n.Dev):
		return ScopeHost
	}
	return ScopeLink
}

// ownAddress reports whether a gateway is an address of this host, as the check of
// a nexthop finds it (fib_check_nh: the result has host scope).
func (db *Database) ownAddress(a netip.Addr, dev int) bool {
	for i := range db.state.Addrs {
		if ad := &db.state.Addrs[i]; ad.Local == a && ad.Index == dev {
			return true
		}
	}
	d := db.devs[dev]
	return d != nil && d.IsLoopback() && a.IsLoopback()
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
