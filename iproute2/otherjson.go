package iproute2

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// AddrJSON returns an address as it stands in addr_info of ip -j address.
func AddrJSON(a *rpdb.Addr, o *Options) Object {
	n := o.names()
	var j Object
	j.add("family", a.Family.String())
	j.add("local", formatAddr(a.Local))
	if a.Peer.IsValid() {
		j.add("address", formatAddr(a.Peer))
	}
	j.add("prefixlen", a.PrefixLen)
	j.addIf(a.Metric != 0, "metric", a.Metric)
	if a.Broadcast.IsValid() {
		j.add("broadcast", formatAddr(a.Broadcast))
	}
	if a.Anycast.IsValid() {
		j.add("anycast", formatAddr(a.Anycast))
	}
	j.add("scope", n.Scope(a.Scope))
	for _, f := range addrFlagWords(a) {
		if len(f) > 6 && f[:6] == "flags " {
			j.add("ifa_flags", f[6:])
			continue
		}
		j.add(f, true)
	}
	j.addIf(a.Protocol != 0, "protocol", n.AddrProto(a.Protocol))
	j.addIf(a.Label != "", "label", a.Label)
	j.add("valid_life_time", a.Valid)
	j.add("preferred_life_time", a.Preferred)
	return j
}

// LinkJSON returns a device as ip -j link prints it, as far as the model holds it.
func LinkJSON(l *rpdb.Link, o *Options) Object { return linkJSON(l, o, true) }

// LinkAddrsJSON returns a device with its addresses as ip -j address prints it.
func LinkAddrsJSON(l *rpdb.Link, addrs []rpdb.Addr, o *Options) Object {
	j := linkJSON(l, o, false)
	info := make([]Object, len(addrs))
	for i := range addrs {
		info[i] = AddrJSON(&addrs[i], o)
	}
	j.add("addr_info", info)
	return j
}

func linkJSON(l *rpdb.Link, o *Options, mode bool) Object {
	n := o.names()
	var j Object
	j.add("ifindex", l.Index)
	nsid, other := linkNetNSID(l)
	switch {
	case l.Peer == 0:
	case other:
		j.add("link_index", l.Peer)
	default:
		j.add("link", o.dev(l.Peer))
	}
	j.add("ifname", l.Name)
	j.add("flags", linkFlagWords(l, o))
	j.add("mtu", l.MTU)
	j.addIf(l.Qdisc != "", "qdisc", l.Qdisc)
	j.addIf(l.Master != 0, "master", o.dev(l.Master))
	j.add("operstate", operStateWord(l.Operstate))
	j.addIf(mode, "linkmode", "DEFAULT")
	j.add("group", n.Group(l.Group))
	j.addIf(l.TxQLen != 0, "txqlen", l.TxQLen)
	j.add("link_type", n.linkType(l.Type))
	if len(l.Address) > 0 {
		j.add("address", formatLLAddr(l.Address))
		j.addIf(l.Flags&rpdb.IFFPointopt != 0, "link_pointtopoint", true)
		j.add("broadcast", formatLLAddr(linkBroadcast(l)))
	}
	j.addIf(other, "link_netnsid", nsid)
	if o.details() && l.Kind != "" {
		info := Object{{"info_kind", l.Kind}}
		if l.IsVRF() {
			info.add("info_data", Object{{"table", l.VRFTable}})
		}
		j.add("linkinfo", info)
	}
	j.addIf(len(l.AltNames) > 0, "altnames", l.AltNames)
	return j
}

// NextHopJSON returns a nexthop object as ip -j nexthop prints it.
func NextHopJSON(h *rpdb.NextHopObject, o *Options) Object {
	n := o.names()
	j := Object{{"id", h.ID}}
	if len(h.Group) > 0 {
		g := make([]Object, len(h.Group))
		for i, m := range h.Group {
			g[i].add("id", m.ID)
			g[i].addIf(m.Weight > 1, "weight", m.Weight)
		}
		j.add("group", g)
	}
	if r := h.Resilient; r != nil {
		j.add("type", "resilient")
		j.add("resilient_args", Object{
			{"buckets", r.NumBuckets},
			{"idle_timer", float64(r.IdleTimer) / 100},
			{"unbalanced_timer", float64(r.UnbalancedTimer) / 100},
			{"unbalanced_time", float64(r.UnbalancedTime) / 100},
		})
	}
	jsonEncap(&j, h.Hop.Encap, o)
	if h.Hop.Gateway.IsValid() {
		j.add("gateway", formatAddr(h.Hop.Gateway))
	}
	j.addIf(h.Hop.Dev != 0, "dev", o.dev(h.Hop.Dev))
	j.addIf(h.Scope != rpdb.ScopeGlobal || o.details(), "scope", n.Scope(h.Scope))
	j.addIf(h.Blackhole, "blackhole", nil)
	j.addIf(h.Protocol != 0 || o.details(), "protocol", n.Proto(h.Protocol))
	j.add("flags", flagWords(h.Hop.Flags))
	j.addIf(h.FDB, "fdb", nil)
	return j
}

// NeighJSON returns a neighbour as ip -j neigh prints it.
func NeighJSON(e *rpdb.Neigh, o *Options) Object {
	j := Object{{"dst", formatAddr(e.IP)}}
	j.addIf(e.Index != 0, "dev", o.dev(e.Index))
	j.addIf(len(e.LLAddr) > 0, "lladdr", formatLLAddr(e.LLAddr))
	for _, f := range neighFlags {
		j.addIf(e.Flags&f.bit != 0, f.name, nil)
	}
	if s := neighStateWords(e); len(s) > 0 {
		j.add("state", s)
	}
	if p := neighProto(e); p != 0 {
		j.add("protocol", o.names().Proto(p))
	}
	return j
}
