package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// appendRoute4 writes the message of a route (fib_dump_info).
func (n *Namespace) appendRoute4(b []byte, a *alias4, table uint32) []byte {
	fi := a.info
	short := byte(rpdb.TableCompat)
	if table < 256 {
		short = byte(table)
	}
	typ, flags := a.typ, fi.flags
	from := len(b)
	b = append(b, byte(rpdb.IPv4), a.plen, 0, a.tos, short, fi.proto, byte(fi.scope), byte(typ), 0, 0, 0, 0)
	b = appendU32(b, nla.RTATable, table)
	if a.plen > 0 {
		b = appendBE32(b, nla.RTADst, a.dst)
	}
	if fi.priority != 0 {
		b = appendU32(b, nla.RTAPriority, fi.priority)
	}
	b = fi.metrics.append(b)
	if fi.prefsrc != 0 {
		b = appendBE32(b, nla.RTAPrefSrc, fi.prefsrc)
	}
	hops := fi.hops
	if fi.object != nil {
		b = appendU32(b, nla.RTANHID, fi.object.id)
		hops = fi.object.hops()
		if fi.object.blackhole() {
			b[from+7] = byte(rpdb.Blackhole)
		}
		if n.hidesObjects() {
			hops = nil
		}
	}
	switch len(hops) {
	case 0:
	case 1:
		h := &hops[0]
		flags = n.hopFlags4(h)
		b = appendHop4(b, h, true)
		if h.realms != 0 {
			b = appendU32(b, nla.RTAFlow, h.realms)
		}
	default:
		b = n.appendLegs4(b, hops)
	}
	binary.NativeEndian.PutUint32(b[from+8:], flags)
	return b
}

// hopFlags4 are the flags of a nexthop as they are shown (fib_nexthop_info).
func (n *Namespace) hopFlags4(h *hop4) uint32 {
	flags := h.flags & (rpdb.NHDead | rpdb.NHLinkDown | rpdb.NHOnlink | rpdb.NHOffload | rpdb.NHTrap)
	if flags&rpdb.NHLinkDown != 0 && h.dev != nil && n.ignoresLinkDown4(h.dev) {
		flags |= rpdb.NHDead
	}
	return flags
}

// appendHop4 writes the attributes of a nexthop but for its realms.
func appendHop4(b []byte, h *hop4, withDev bool) []byte {
	switch {
	case h.gw.Is4():
		b = appendAttr(b, nla.RTAGateway, h.gw.AsSlice())
	case h.gw.Is6():
		via := binary.NativeEndian.AppendUint16(nil, uint16(rpdb.IPv6))
		b = appendAttr(b, nla.RTAVia, append(via, h.gw.AsSlice()...))
	}
	if withDev && h.dev != nil {
		b = appendU32(b, nla.RTAOIF, uint32(h.dev.Index))
	}
	if h.encap != nil {
		b = appendAttr(b, nla.RTAEncap, h.encap.Data)
		b = appendAttr(b, nla.RTAEncapType, binary.NativeEndian.AppendUint16(nil, h.encap.Type))
	}
	return b
}

// appendLegs4 writes RTA_MULTIPATH (fib_add_multipath, fib_add_nexthop).
func (n *Namespace) appendLegs4(b []byte, hops []hop4) []byte {
	nest := len(b)
	b = appendAttr(b, nla.RTAMultipath, nil)
	for i := range hops {
		h := &hops[i]
		from := len(b)
		index := 0
		if h.dev != nil {
			index = h.dev.Index
		}
		b = append(b, 0, 0, byte(n.hopFlags4(h)), byte(h.weight-1))
		b = binary.NativeEndian.AppendUint32(b, uint32(index))
		b = appendHop4(b, h, false)
		if h.realms != 0 {
			b = appendU32(b, nla.RTAFlow, h.realms)
		}
		binary.NativeEndian.PutUint16(b[from:], uint16(len(b)-from))
	}
	return closeNest(b, nest)
}

// notifyRoute4 tells who listens of a route (rtmsg_fib). Requests of the kernel
// itself have none who asked.
func (n *Namespace) notifyRoute4(typ netlink.HeaderType, flags netlink.HeaderFlags, a *alias4, table uint32, r *request) {
	n.notify(r, GroupIPv4Route, typ, flags, n.appendRoute4(nil, a, table))
}

// routes4 are the IPv4 routes in the order of dumps.
func (n *Namespace) routes4() []rpdb.Route {
	total := 0
	for _, t := range n.ip4.tables {
		total += t.total
	}
	out := make([]rpdb.Route, 0, total)
	shared := map[*fibInfo]*rpdb.Route{}
	n.eachTable4(func(t *table4) bool {
		t.each(func(a *alias4) bool {
			like := shared[a.info]
			if like == nil {
				like = n.routeOfInfo4(a.info)
				shared[a.info] = like
			}
			out = append(out, n.modelRoute4(t, a, like))
			return true
		})
		return true
	})
	return out
}

// modelRoute4 returns an entry as rpdb has it, from what it shares with others.
func (n *Namespace) modelRoute4(t *table4, a *alias4, like *rpdb.Route) rpdb.Route {
	r := *like
	r.Table, r.Type, r.TOS = t.id, a.typ, a.tos
	if a.info.object != nil && like.Type == rpdb.Blackhole {
		r.Type = rpdb.Blackhole
	}
	r.Dst = netip.PrefixFrom(toAddr4(a.dst), int(a.plen))
	return r
}

// routeOfInfo4 is what all routes with an info have in common.
func (n *Namespace) routeOfInfo4(fi *fibInfo) *rpdb.Route {
	r := &rpdb.Route{
		Family: rpdb.IPv4, Type: fi.typ, Scope: fi.scope, Protocol: fi.proto,
		Priority: fi.priority,
	}
	if fi.prefsrc != 0 {
		r.PrefSrc = toAddr4(fi.prefsrc)
	}
	hops := fi.hops
	if fi.object != nil {
		r.NHID, hops = fi.object.id, fi.object.hops()
		if fi.object.blackhole() {
			r.Type = rpdb.Blackhole
		}
	}
	if len(hops) != 1 {
		r.Flags = fi.flags
	}
	for i := range hops {
		h := &hops[i]
		if h.dev == nil {
			continue
		}
		r.NextHops = append(r.NextHops, rpdb.NextHop{
			Dev: h.dev.Index, Gateway: h.gw, Weight: h.weight, Flags: n.hopFlags4(h), Realms: h.realms, Encap: h.encap,
		})
	}
	if len(r.NextHops) == 1 {
		r.NextHops[0].Weight = 1
	}
	r.Metrics = fi.metrics.list()
	return r
}
