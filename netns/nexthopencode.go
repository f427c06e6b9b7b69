package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// appendObject writes the message of an object (nh_fill_node).
func (n *Namespace) appendObject(h *nexthop, op uint32) []byte {
	w := &message{b: []byte{0, 0, h.protocol, 0, 0, 0, 0, 0}}
	binary.NativeEndian.PutUint32(w.b[4:], h.flags)
	w.u32(nla.NHAID, h.id)
	if h.group != nil {
		if h.group.fdb {
			w.put(nla.NHAFDB, nil)
		}
		n.putGroup(w, h.group, op)
		return w.b
	}
	hop := &h.hop.hop
	w.b[0] = byte(h.hop.family)
	switch {
	case h.hop.reject:
		w.put(nla.NHABlackhole, nil)
		return w.b
	case h.hop.fdb:
		w.put(nla.NHAFDB, nil)
	default:
		w.u32(nla.NHAOIF, uint32(hop.dev.Index))
	}
	w.b[1] = byte(hop.scope)
	if hop.gw.IsValid() {
		w.put(nla.NHAGateway, hop.gw.AsSlice())
	}
	if hop.encap != nil {
		w.put(nla.NHAEncap, hop.encap.Data)
		w.u16(nla.NHAEncapType, hop.encap.Type)
	}
	return w.b
}

// putGroup writes what a group is (nla_put_nh_group).
func (n *Namespace) putGroup(w *message, g *group, op uint32) {
	typ := uint16(groupMultipath)
	if g.res != nil {
		typ = groupResilient
	}
	w.u16(nla.NHAGroupType, typ)
	var members []byte
	for _, e := range g.entries {
		members = binary.NativeEndian.AppendUint32(members, e.nh.id)
		members = append(members, byte(e.weight-1), byte((e.weight-1)>>8), 0, 0)
	}
	w.put(nla.NHAGroup, members)
	if g.res != nil {
		w.nest(nla.NHAResGroup|nestedFlag, func() {
			w.u16(nla.NHAResGroupBuckets, uint16(len(g.res.buckets)))
			w.u32(nla.NHAResGroupIdleTimer, uint32(g.res.idle.clock()))
			w.u32(nla.NHAResGroupUnbalancedTimer, uint32(g.res.unbalanced.clock()))
			since := g.res.unbalancedTime(n.world.now()).clock()
			w.put(nla.NHAResGroupUnbalancedTime, binary.NativeEndian.AppendUint64(nil, uint64(since)))
		})
	}
	if op&dumpStats != 0 {
		n.putGroupStats(w, g, op)
	}
	w.u32(nla.NHAOpFlags, wideWeights)
}

// putGroupStats writes the counters of a group: no packet was sent
// (nla_put_nh_group_stats).
func (n *Namespace) putGroupStats(w *message, g *group, op uint32) {
	const entry, id, packets = 1, 1, 2 // NHA_GROUP_STATS_ENTRY, its id and packets
	enabled := uint32(0)
	if g.hwStats {
		enabled = 1
	}
	w.u32(nla.NHAHWStatsEnable, enabled)
	if op&dumpHWStats != 0 && g.hwStats {
		w.u32(nla.NHAHWStatsUsed, 0)
	}
	w.nest(nla.NHAGroupStats|nestedFlag, func() {
		for _, e := range g.entries {
			w.nest(entry|nestedFlag, func() {
				w.u32(id, e.nh.id)
				w.put(packets, make([]byte, 8))
			})
		}
	})
}

// notifyObject tells who listens of an object, with the flags of the request
// (nexthop_notify).
func (n *Namespace) notifyObject(typ netlink.HeaderType, h *nexthop, r *request) {
	n.notify(r, GroupNextHop, typ, r.head.Flags, n.appendObject(h, 0))
}

// objects are the nexthop objects as rpdb has them.
func (n *Namespace) objects() []rpdb.NextHopObject {
	var out []rpdb.NextHopObject
	for _, h := range n.nexthops.list {
		out = append(out, n.modelObject(h))
	}
	return out
}

func (n *Namespace) modelObject(h *nexthop) rpdb.NextHopObject {
	m := rpdb.NextHopObject{ID: h.id, Protocol: h.protocol, FDB: h.fdb()}
	if h.group == nil {
		hop := &h.hop.hop
		m.Family, m.Blackhole = h.hop.family, h.hop.reject
		m.Hop = rpdb.NextHop{Weight: 1, Flags: h.flags}
		if !h.hop.reject {
			m.Scope = hop.scope
			m.Hop.Gateway, m.Hop.Encap = hop.gw, hop.encap
			if hop.dev != nil {
				m.Hop.Dev = hop.dev.Index
			}
		}
		return m
	}
	for _, e := range h.group.entries {
		m.Group = append(m.Group, rpdb.GroupMember{ID: e.nh.id, Weight: e.weight})
	}
	if t := h.group.res; t != nil {
		m.Resilient = &rpdb.Resilient{
			NumBuckets: uint16(len(t.buckets)), IdleTimer: uint32(t.idle.clock()), UnbalancedTimer: uint32(t.unbalanced.clock()),
			UnbalancedTime: uint64(t.unbalancedTime(n.world.now()).clock()),
		}
		for i := range t.buckets {
			m.Resilient.Buckets = append(m.Resilient.Buckets, t.buckets[i].entry.nh.id)
		}
	}
	return m
}
