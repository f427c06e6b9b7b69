package netns

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// What IPv6 routes need of nexthop objects.

func (n *Namespace) hasObject(id uint32) bool { return n.nexthops.find(id) != nil }

// legs6 returns the nexthops of an object as IPv6 has them, and whether it is a
// blackhole.
func (h *nexthop) legs6() (legs []rpdb.NextHop, blackhole bool) {
	for _, hop := range h.hops() {
		nh := rpdb.NextHop{Gateway: hop.gw, Flags: hop.flags, Weight: hop.weight, Encap: hop.encap}
		if hop.dev != nil {
			nh.Dev = hop.dev.Index
		}
		legs = append(legs, nh)
	}
	return legs, h.blackhole()
}

// checkObject6 checks whether a route may use an object, and returns it with the
// device of its first nexthop (ip6_route_info_create_nh).
func (n *Namespace) checkObject6(c *config6) (*nexthop, int, error) {
	h := n.nexthops.find(c.nhid)
	if h == nil {
		return nil, 0, fail(rpdb.EINVAL, "Nexthop id does not exist")
	}
	if err := h.check6(); err != nil {
		return nil, 0, err
	}
	return h, h.hops()[0].oif, nil
}

// fillObject6 writes the nexthops of an object unless they are to be hidden
// (rt6_fill_node_nexthop). A group is shown as one even with a single member.
func (n *Namespace) fillObject6(w *message, r *route6) (rpdb.RouteType, uint32) {
	typ := r.typ
	legs, blackhole := r.object.legs6()
	if blackhole {
		typ = rpdb.Blackhole
	}
	switch {
	case n.hidesObjects():
		return typ, 0
	case r.object.group != nil:
		w.nest(nla.RTAMultipath, func() {
			for i := range legs {
				n.fillLeg6(w, &legs[i])
			}
		})
		return typ, 0
	}
	fillHop6(w, &legs[0], true)
	return typ, n.hopFlags6(&legs[0])
}

// placed6 makes a route known to its object, dropped6 forgets it.
func placed6(r *route6) {
	if r.object != nil {
		r.object.routes = slices.Insert(r.object.routes, 0, r)
	}
}

func dropped6(r *route6) {
	if r.object != nil {
		r.object.routes = slices.DeleteFunc(r.object.routes, func(x *route6) bool { return x == r })
	}
}
