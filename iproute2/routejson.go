package iproute2

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// RouteJSON returns a route as ip -j route prints it.
func RouteJSON(r *rpdb.Route, o *Options) Object {
	m := routeMessage(r)
	return ReplyJSON(&m, o)
}

// ReplyJSON returns an answer as ip -j route get prints it; a refusal is an empty
// object.
func ReplyJSON(r *rtnl.Reply, o *Options) Object {
	if r.Err != rpdb.OK {
		return nil
	}
	n := o.names()
	var j Object
	j.addIf(r.Type != rpdb.Unicast || o.details(), "type", n.Type(r.Type))
	j.add("dst", string(appendDst(nil, r.Dst)))
	if r.Src.IsValid() {
		j.add("from", formatPrefix(r.Src))
	}
	j.addIf(r.NHID != 0, "nhid", r.NHID)
	jsonEncap(&j, r.Encap, o)
	j.addIf(r.TOS != 0 && o.shows(HideTOS), "tos", n.DSField(r.TOS))
	if o.showsVia(r) {
		jsonGateway(&j, r.Family, r.Gateway)
	}
	j.addIf(r.OIF != 0 && o.shows(HideDev), "dev", o.dev(r.OIF))
	j.addIf(o.showsTable(r.Table), "table", n.Table(r.Table))
	if r.Flags&rpdb.FlagCloned == 0 {
		j.addIf((r.Protocol != rpdb.ProtoBoot || o.details()) && o.shows(HideProtocol), "protocol", n.Proto(r.Protocol))
		j.addIf((r.Scope != rpdb.ScopeGlobal || o.details()) && o.shows(HideScope), "scope", n.Scope(r.Scope))
	}
	if r.PrefSrc.IsValid() && o.shows(HidePrefSrc) {
		j.add("prefsrc", formatAddr(r.PrefSrc))
	}
	j.addIf(r.Priority.Set && o.shows(HideMetric), "metric", r.Priority.V)
	j.add("flags", flagWords(r.Flags))
	j.addIf(r.Mark != 0, "mark", r.Mark)
	if o.shows(HideRealms) {
		jsonRealms(&j, r.Realms, n)
	}
	j.addIf(r.UID.Set, "uid", r.UID.V)
	return replyTailJSON(j, r, o)
}

func replyTailJSON(j Object, r *rtnl.Reply, o *Options) Object {
	if isCached(r) {
		j.add("cache", cacheFlags(r.Flags))
	}
	if s := r.Cache.V.Expires / 100; s != 0 {
		j.add("expires", s)
	}
	if e := r.Cache.V.Error; e != 0 {
		j.add("error", int32(e))
	}
	if c := &r.Cache.V; o != nil && o.Stats > 0 {
		j.addIf(c.ClntRef != 0, "users", c.ClntRef)
		j.addIf(c.Used != 0, "used", c.Used)
		j.addIf(c.LastUse != 0, "age", c.LastUse/100)
	}
	if len(r.Metrics) > 0 {
		j.add("metrics", []Object{metricsJSON(r.Metrics)})
	}
	j.addIf(r.IIF != 0 && o.shows(HideIIF), "iif", o.dev(r.IIF))
	if r.Pref.Set {
		j.add("pref", formatPref(r.Pref.V))
	}
	if h := o.hopInfo(r.NHID); h != nil {
		j.add("nh_info", NextHopJSON(h, o))
	}
	if len(r.NextHops) > 0 {
		legs := make([]Object, len(r.NextHops))
		for i := range r.NextHops {
			legs[i] = legJSON(r.Family, &r.NextHops[i], o)
		}
		j.add("nexthops", legs)
	}
	return j
}

func legJSON(f rpdb.Family, h *rpdb.NextHop, o *Options) Object {
	var j Object
	jsonEncap(&j, h.Encap, o)
	jsonGateway(&j, f, h.Gateway)
	jsonRealms(&j, h.Realms, o.names())
	j.add("dev", o.dev(h.Dev))
	j.add("weight", max(h.Weight, 1))
	j.add("flags", flagWords(h.Flags))
	return j
}

func flagWords(flags uint32) (words []string) {
	for _, f := range routeFlags {
		if flags&f.bit != 0 {
			words = append(words, f.name)
		}
	}
	return words
}

func jsonGateway(j *Object, f rpdb.Family, gw netip.Addr) {
	if !gw.IsValid() {
		return
	}
	if g := rpdb.FamilyOf(gw); g != f {
		j.add("via", Object{{"family", g.String()}, {"host", formatAddr(gw)}})
		return
	}
	j.add("gateway", formatAddr(gw))
}

func jsonRealms(j *Object, realms uint32, n *Names) {
	if realms == 0 {
		return
	}
	var flow Object
	if from := uint16(realms >> 16); from != 0 {
		flow.add("from", n.Realm(from))
	}
	flow.add("to", n.Realm(uint16(realms)))
	j.add("flow", flow)
}

func metricsJSON(ms []rpdb.Metric) (j Object) {
	for _, m := range ms {
		name := "metric " + utoa(uint32(m.ID))
		if int(m.ID) < len(metricNames) && metricNames[m.ID] != "" {
			name = metricNames[m.ID]
		}
		switch unit := metricUnit(m.ID); {
		case m.ID == nla.RTAXHopLimit && m.Val == 1<<32-1:
		case m.ID == nla.RTAXCCAlgo:
			j.add("congestion", m.Str)
		case m.ID == nla.RTAXFeatures:
			j = featuresJSON(j, m.Val)
		case unit != 0:
			j.add(name, m.Val/unit)
		default:
			j.add(name, m.Val)
		}
	}
	return j
}

func featuresJSON(j Object, f uint32) Object {
	j.addIf(f&featureECN != 0, "ecn", nil)
	j.addIf(f&featureTCPUsecTS != 0, "tcp_usec_ts", nil)
	if rest := f &^ (featureECN | featureTCPUsecTS); rest != 0 {
		j.add("features", hexC(uint64(rest)))
	}
	return j
}
