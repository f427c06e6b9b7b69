package netns

import (
	"cmp"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// nexthop is a nexthop object (struct nexthop): one nexthop, a blackhole or a group.
type nexthop struct {
	id       uint32
	serial   uint64 // never given twice
	protocol uint8
	flags    uint32
	hop      *objectHop // of no group
	group    *group     // nil: no group

	groups []*groupEntry // the memberships, newest first
	infos4 []*fibInfo    // IPv4 routes by it, newest first
	routes []*route6     // IPv6 routes by it, newest first
	fdbs   []*vxlanEntry // entries of forwarding databases by it, oldest first
}

// objectHop is what an object that is no group holds (struct nh_info).
type objectHop struct {
	family      rpdb.Family
	reject, fdb bool
	hop         hop4 // for both families
	serial      uint64
}

// group is what a group holds (struct nh_group).
type group struct {
	entries []*groupEntry
	fdb     bool
	hwStats bool
	res     *resTable // nil: no resilient group
}

// groupEntry is one member of a group (struct nh_grp_entry).
type groupEntry struct {
	parent, nh     *nexthop
	weight         uint32
	wants, buckets int // of a resilient group
}

// nexthops are the objects of a namespace.
type nexthops struct {
	list   []*nexthop // by id
	lastID uint32
	serial uint64

	upkeep jiffies // when buckets of resilient groups move next, 0 for never
}

func (s *nexthops) search(id uint32) (int, bool) {
	return slices.BinarySearchFunc(s.list, id, func(h *nexthop, id uint32) int { return cmp.Compare(h.id, id) })
}

// find returns an object, or nil (nexthop_find_by_id).
func (s *nexthops) find(id uint32) *nexthop {
	if i, ok := s.search(id); ok {
		return s.list[i]
	}
	return nil
}

// freeID hands out an id (nh_find_unused_id).
func (s *nexthops) freeID() uint32 {
	for {
		s.lastID++
		if s.lastID != 0 && s.find(s.lastID) == nil {
			return s.lastID
		}
	}
}

// blackhole reports whether routes by the object drop (nexthop_is_blackhole).
func (h *nexthop) blackhole() bool {
	if h.group != nil {
		return len(h.group.entries) == 1 && h.group.entries[0].nh.hop.reject
	}
	return h.hop.reject
}

// fdb tells objects of forwarding databases.
func (h *nexthop) fdb() bool {
	if h.group != nil {
		return h.group.fdb
	}
	return h.hop.fdb
}

// hops are the nexthops with their weights.
func (h *nexthop) hops() []hop4 {
	if h.group == nil {
		return []hop4{h.hop.hop}
	}
	out := make([]hop4, len(h.group.entries))
	for i, e := range h.group.entries {
		out[i] = e.nh.hop.hop
		out[i].weight = e.weight
	}
	return out
}

// hasFamily reports whether any nexthop is of a family.
func (h *nexthop) hasFamily(f rpdb.Family) bool {
	if h.group == nil {
		return h.hop.family == f
	}
	return slices.ContainsFunc(h.group.entries, func(e *groupEntry) bool { return e.nh.hop.family == f })
}

// check4 checks whether a route of a scope may use the object
// (fib_check_nexthop).
func (h *nexthop) check4(scope rpdb.Scope) error {
	first := h
	if h.fdb() {
		return fail(rpdb.EINVAL, "Route cannot point to a fdb nexthop")
	}
	if h.group != nil {
		if scope == rpdb.ScopeHost {
			return fail(rpdb.EINVAL, "Route with host scope can not have multiple nexthops")
		}
		first = h.group.entries[0].nh
	}
	hop := &first.hop.hop
	switch {
	case scope == rpdb.ScopeHost && hop.gw.IsValid():
		return fail(rpdb.EINVAL, "Route with host scope can not have a gateway")
	case hop.flags&rpdb.NHOnlink != 0 && scope >= rpdb.ScopeLink:
		return fail(rpdb.EINVAL, "Scope mismatch with nexthop")
	}
	return nil
}

// check6 checks whether an IPv6 route may use the object (fib6_check_nexthop).
func (h *nexthop) check6() error {
	switch {
	case h.hasFamily(rpdb.IPv4):
		return fail(rpdb.EINVAL, "IPv6 routes can not use an IPv4 nexthop")
	case h.fdb():
		return fail(rpdb.EINVAL, "Route cannot point to a fdb nexthop")
	}
	return nil
}

// checkUsers checks whether the routes by the object may use another
// (fib_check_nh_list, fib6_check_nh_list).
func (h *nexthop) checkUsers(by *nexthop) error {
	for _, fi := range h.infos4 {
		if err := by.check4(fi.scope); err != nil {
			return err
		}
	}
	if len(h.routes) == 0 {
		return nil
	}
	return by.check6()
}

// join makes the entries of a group known to its members.
func (g *group) join() {
	for _, e := range g.entries {
		e.nh.groups = slices.Insert(e.nh.groups, 0, e)
	}
}

// leave takes a membership off the member.
func (e *groupEntry) leave() {
	e.nh.groups = slices.DeleteFunc(e.nh.groups, func(x *groupEntry) bool { return x == e })
}

// removeObject removes an object with all that refers to it (remove_nexthop). r is
// the request to delete, nil for an event, of which nobody is told.
func (n *Namespace) removeObject(h *nexthop, r *request) {
	h.flushFDBs()
	if i, ok := n.nexthops.search(h.id); ok && n.nexthops.list[i] == h {
		n.nexthops.list = slices.Delete(n.nexthops.list, i, i+1)
	}
	n.changes.Add(1)
	if r != nil {
		n.notifyObject(rtnl.RTMDelNextHop, h, r)
	}
	n.removeObjectRoutes(h)
	if h.group != nil {
		for _, e := range h.group.entries {
			e.leave()
		}
		return
	}
	n.forgetExceptions4(h.hop.hop.gw, h.hop.hop.oif)
	for _, e := range slices.Clone(h.groups) {
		n.shrink(e, r)
	}
}

// removeObjectRoutes removes the routes by an object (__remove_nexthop_fib).
func (n *Namespace) removeObjectRoutes(h *nexthop) {
	for _, fi := range h.infos4 {
		fi.flags |= rpdb.NHDead
	}
	if len(h.infos4) > 0 {
		n.flush4()
	}
	for _, r := range slices.Clone(h.routes) {
		_ = n.remove6(r, &cause6{silent: n.hidesObjects()})
	}
}

// shrink takes a member out of its group (remove_nh_grp_entry).
func (n *Namespace) shrink(e *groupEntry, r *request) {
	parent := e.parent
	if len(parent.group.entries) == 1 {
		n.removeObject(parent, r)
		return
	}
	old := parent.group
	smaller := &group{fdb: old.fdb, hwStats: old.hwStats, res: old.res}
	for _, x := range old.entries {
		if x == e {
			continue
		}
		x.leave()
		y := *x
		smaller.entries = append(smaller.entries, &y)
		y.nh.groups = slices.Insert(y.nh.groups, 0, &y)
	}
	if smaller.res != nil {
		smaller.res.adopt(smaller, n.world.now())
		n.nexthops.plan(smaller.res)
	}
	parent.group = smaller
	e.leave()
	if r != nil {
		n.notifyObject(rtnl.RTMNewNextHop, parent, r)
	}
}

// nexthopDevice removes the objects of a device that goes down or loses its carrier
// (nh_netdev_event, nexthop_flush_dev). Blackholes stay until it is gone.
func nexthopDevice(n *Namespace, d *device, e event) {
	switch {
	case e == eventDown, e == eventUnregister, e == eventChange && !running(d):
	default:
		return
	}
	var gone []*nexthop
	for _, h := range n.nexthops.list {
		if h.group == nil && h.hop.hop.dev == d && !h.hop.fdb && (!h.hop.reject || e == eventUnregister) {
			gone = append(gone, h)
		}
	}
	slices.SortStableFunc(gone, func(a, b *nexthop) int { return cmp.Compare(b.hop.serial, a.hop.serial) })
	for _, h := range gone {
		n.removeObject(h, nil)
	}
}

// hidesObjects tells whether routes by objects show only the id
// (nexthop_compat_mode).
func (n *Namespace) hidesObjects() bool { return n.sysctlInt("ipv4/nexthop_compat_mode") == 0 }
