package iproute2

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// RuleJSON returns a rule as ip -j rule prints it.
func RuleJSON(r *rpdb.Rule, o *Options) Object {
	n := o.names()
	var j Object
	j.add("priority", r.Pref)
	j.addIf(r.Invert(), "not", nil)
	if !hasPrefix(r.From) {
		j.add("src", "all")
	} else {
		jsonPrefix(&j, "src", "srclen", r.From)
	}
	if hasPrefix(r.To) {
		jsonPrefix(&j, "dst", "dstlen", r.To)
	}
	j.addIf(r.TOS != 0, "tos", n.DSField(r.TOS))
	if r.Mark != 0 || r.MarkMask != 0 {
		j.add("fwmark", hexC(uint64(r.Mark)))
		j.addIf(r.MarkMask != 1<<32-1, "fwmask", hexC(uint64(r.MarkMask)))
	}
	j.addIf(r.IIF != "", "iif", r.IIF)
	j.addIf(r.Flags&rpdb.RuleIIFDetached != 0, "iif_detached", nil)
	j.addIf(r.OIF != "", "oif", r.OIF)
	j.addIf(r.Flags&rpdb.RuleOIFDetached != 0, "oif_detached", nil)
	j.addIf(r.L3MDev, "l3mdev", nil)
	if r.UID.Set {
		j.add("uid_start", r.UID.V.Start)
		j.add("uid_end", r.UID.V.End)
	}
	j.addIf(r.IPProto != 0, "ipproto", n.IPProto(r.IPProto))
	jsonPorts(&j, "sport", r.SPort, o)
	jsonPorts(&j, "dport", r.DPort, o)
	j.addIf(r.TunID != 0, "tun_id", r.TunID)
	if r.Table != 0 {
		j.add("table", n.Table(r.Table))
		s, g := r.SuppressPrefixLen, r.SuppressIfGroup
		j.addIf(s.Set && s.V != -1, "suppress_prefixlen", s.V)
		j.addIf(g.Set && g.V != -1, "suppress_ifgroup", n.Group(uint32(g.V)))
	}
	return ruleActionJSON(j, r, o)
}

func ruleActionJSON(j Object, r *rpdb.Rule, o *Options) Object {
	n := o.names()
	if r.Realms != 0 {
		from := uint16(r.Realms >> 16)
		j.addIf(from != 0, "flow_from", n.Realm(from))
		j.add("flow_to", n.Realm(uint16(r.Realms)))
	}
	switch r.Action {
	case rpdb.ActTable:
	case rpdb.ActGoto:
		if r.GotoRef == 0 {
			j.add("goto", "none")
		} else {
			j.add("goto", r.GotoRef)
		}
		j.addIf(r.Flags&rpdb.RuleUnresolved != 0, "unresolved", nil)
	case rpdb.ActNop:
		j.add("nop", nil)
	case rpdb.RuleAction(rpdb.NAT):
		j.add("masquerade", nil)
	default:
		j.add("action", n.Type(rpdb.RouteType(r.Action)))
	}
	j.addIf(r.Protocol != rpdb.ProtoUnspec && r.Protocol != rpdb.ProtoKernel || o.details(),
		"protocol", n.Proto(r.Protocol))
	if d := r.DSCP; d.Set && d.V.Mask != 0 && d.V.Mask != fullDSCP {
		j.add("dscp", hexC(uint64(d.V.Value)))
		j.add("dscp_mask", hexC(uint64(d.V.Mask)))
	} else if d.Set {
		j.add("dscp", n.DSCP(d.V.Value))
	}
	if r.FlowLabel != 0 || r.FlowLabelMask != 0 {
		j.add("flowlabel", hexC(uint64(r.FlowLabel)))
		j.addIf(r.FlowLabelMask != fullFlowLabel, "flowlabel_mask", hexC(uint64(r.FlowLabelMask)))
	}
	return j
}

func jsonPrefix(j *Object, addr, length string, p netip.Prefix) {
	j.add(addr, formatAddr(p.Addr()))
	j.addIf(!p.IsSingleIP(), length, p.Bits())
}

func jsonPorts(j *Object, key string, p rpdb.PortRange, o *Options) {
	switch {
	case p.Start == 0:
	case p.Start != p.End:
		j.add(key+"_start", p.Start)
		j.add(key+"_end", p.End)
	default:
		j.add(key, p.Start)
		j.addIf(p.Mask != 0 && o.version().AtLeast(6, 15), key+"_mask", hexC(uint64(p.Mask)))
	}
}
