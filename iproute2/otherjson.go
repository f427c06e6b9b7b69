package iproute2

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

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
		j.add("address", FormatLLAddr(l.Address))
		j.addIf(l.Flags&rpdb.IFFPointopt != 0, "link_pointtopoint", true)
		j.add("broadcast", FormatLLAddr(linkBroadcast(l)))
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
