package netns

import (
	"sync"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Messages about the numbers by which namespaces know each other
// (linux/net_namespace.h).
const (
	rtmNewNSID netlink.HeaderType = 88
	rtmDelNSID netlink.HeaderType = 89
	rtmGetNSID netlink.HeaderType = 90
)

// nsids are the numbers that a namespace gave others (net->netns_ids). Dumps of links
// give numbers too, so they have a lock of their own.
type nsids struct {
	mu sync.Mutex
	of map[*Namespace]int32
	by map[int32]*Namespace
}

// nsid returns the number of another namespace, giving it the first free one if it
// has none (peernet2id_alloc).
func (n *Namespace) nsid(other *Namespace) int32 {
	if id, ok := n.nsidOf(other); ok {
		return id
	}
	return n.giveNSID(other, nil)
}

// nsidOf returns the number of another namespace, false if it has none (__peernet2id).
func (n *Namespace) nsidOf(other *Namespace) (int32, bool) {
	n.nsids.mu.Lock()
	defer n.nsids.mu.Unlock()
	id, ok := n.nsids.of[other]
	return id, ok
}

// giveNSID gives another namespace the first free number.
func (n *Namespace) giveNSID(other *Namespace, r *request) int32 {
	var id int32
	for n.byNSID(id) != nil {
		id++
	}
	n.setNSID(other, id, r)
	return id
}

// setNSID gives another namespace a number and tells of it (alloc_netid,
// rtnl_net_notifyid).
func (n *Namespace) setNSID(other *Namespace, id int32, r *request) {
	n.nsids.mu.Lock()
	n.nsids.give(other, id)
	n.nsids.mu.Unlock()
	n.notify(r, GroupNSID, rtmNewNSID, 0, encodeNSID(id))
}

// forgetNSID takes the number of a namespace that ends away and tells of it
// (unhash_nsid).
func (n *Namespace) forgetNSID(other *Namespace) {
	n.nsids.mu.Lock()
	id, known := n.nsids.of[other]
	if known {
		delete(n.nsids.of, other)
		delete(n.nsids.by, id)
	}
	n.nsids.mu.Unlock()
	if known {
		n.notify(nil, GroupNSID, rtmDelNSID, 0, encodeNSID(id))
	}
}

func (s *nsids) give(other *Namespace, id int32) {
	if s.of == nil {
		s.of, s.by = map[*Namespace]int32{}, map[int32]*Namespace{}
	}
	s.of[other], s.by[id] = id, other
}

// byNSID returns the namespace with a number, or nil (get_net_ns_by_id).
func (n *Namespace) byNSID(id int32) *Namespace {
	n.nsids.mu.Lock()
	defer n.nsids.mu.Unlock()
	return n.nsids.by[id]
}

// encodeNSID is the body of a message about a number (rtnl_net_fill).
func encodeNSID(id int32) []byte {
	m := &message{b: make([]byte, 4)}
	m.u32(nla.NetNSANSID, uint32(id))
	return m.b
}

// uniqueNetns checks that at most one attribute names a namespace
// (rtnl_ensure_unique_netns).
func (a attrs) uniqueNetns(onlyID bool) error {
	pid, fd, id := a.has(nla.IFLANetNSPID), a.has(nla.IFLANetNSFD), a.has(nla.IFLATargetNetNSID)
	switch {
	case onlyID && (pid || fd):
		return fail(rpdb.EOPNOTSUPP, "specified netns attribute not supported")
	case pid && fd, pid && id, fd && id:
		return fail(rpdb.EINVAL, "multiple netns identifying attributes specified")
	}
	return nil
}

// netnsOf returns the namespace that a request puts a device into
// (rtnl_link_get_net_capable).
func (r *request) netnsOf(tb attrs) (*Namespace, error) {
	switch {
	case tb.has(nla.IFLANetNSPID):
		return r.ns.world.byPID(tb.u32(nla.IFLANetNSPID))
	case tb.has(nla.IFLANetNSFD):
		return r.ns.world.byFD(tb.u32(nla.IFLANetNSFD))
	}
	return r.targetNetns(tb)
}

// targetNetns returns the namespace that IFLA_TARGET_NETNSID names, or that of the
// request (rtnl_get_net_ns_capable).
func (r *request) targetNetns(tb attrs) (*Namespace, error) {
	if !tb.has(nla.IFLATargetNetNSID) {
		return r.ns, nil
	}
	if n := r.ns.byNSID(int32(tb.u32(nla.IFLATargetNetNSID))); n != nil {
		return n, nil
	}
	return nil, fail(rpdb.EINVAL, "")
}
