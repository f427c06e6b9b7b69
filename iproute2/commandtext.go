package iproute2

import (
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// FormatRuleCommand prints the command that adds a rule, or does what the verb
// says. Tables are named only where every iproute2 knows the name.
func FormatRuleCommand(verb string, r *rpdb.Rule, o *Options) string {
	c := *r
	c.Flags &= rpdb.RuleInvert
	c.L3MDev = false
	c.TOS, c.DSCP, c.SuppressIfGroup, c.Realms = 0, rpdb.Opt[rpdb.DSCP]{}, rpdb.Opt[int32]{}, 0
	c.Protocol, c.IPProto = rpdb.ProtoUnspec, 0
	wordless := r.Action == rpdb.ActUnspec || r.Action == rpdb.ActGoto && r.GotoRef == 0
	if wordless {
		c.Action = rpdb.ActTable
	}
	_, text, _ := strings.Cut(FormatRule(&c, nil), ":\t")
	w := []string{ipFamily(r.Family), "rule", verb, "pref", utoa(r.Pref), text}
	add := func(cond bool, words ...string) {
		if cond {
			w = append(w, words...)
		}
	}
	add(wordless, "type", strconv.Itoa(int(r.Action)))
	add(r.L3MDev, "l3mdev")
	add(r.TOS != 0, "tos", "0x"+pad2(r.TOS))
	add(r.IPProto != 0, "ipproto", strconv.Itoa(int(r.IPProto)))
	if r.DSCP.Set {
		d := r.DSCP.V
		add(d.Mask == 0 || d.Mask == fullDSCP, "dscp", strconv.Itoa(int(d.Value)))
		add(d.Mask != 0 && d.Mask != fullDSCP, "dscp", hexC(uint64(d.Value))+"/"+hexC(uint64(d.Mask)))
	}
	add(r.SuppressIfGroup.Set && r.SuppressIfGroup.V >= 0, "suppress_ifgroup", strconv.Itoa(int(r.SuppressIfGroup.V)))
	add(r.Realms != 0, "realms", rawRealms(r.Realms))
	add(r.Protocol != rpdb.ProtoUnspec, "protocol", builtinNames.Proto(r.Protocol))
	add(r.Action == rpdb.ActTable && r.Table == 0 && !r.L3MDev, "table", "0")
	return strings.Join(w, " ")
}

// ipFamily returns ip, with the option for IPv6.
func ipFamily(f rpdb.Family) string {
	if f == rpdb.IPv6 {
		return "ip -6"
	}
	return "ip"
}

func rawRealms(r uint32) string {
	return strconv.Itoa(int(r>>16)) + "/" + strconv.Itoa(int(r&0xffff))
}

// FormatRouteCommand prints the command that adds a route, or does what the verb
// says (append keeps the order of routes with equal keys). The parameters of an
// encapsulation are not in the model and are left out, as are flags that only the
// kernel sets.
func FormatRouteCommand(verb string, r *rpdb.Route, o *Options) string {
	w := []string{ipFamily(r.Family), "route", verb}
	add := func(cond bool, words ...string) {
		if cond {
			w = append(w, words...)
		}
	}
	add(r.Type != rpdb.Unicast, r.Type.String())
	w = append(w, string(appendDst(nil, r.Dst)))
	add(r.Src.IsValid() && r.Src.Bits() > 0, "from", r.Src.String())
	add(r.TOS != 0, "tos", "0x"+pad2(r.TOS))
	add(r.NHID != 0, "nhid", utoa(r.NHID))
	single := r.NHID == 0 && len(r.NextHops) == 1 && (r.Type.Err() == rpdb.OK || r.Family == rpdb.IPv4)
	if single {
		w = append(w, hopWords(r.Family, &r.NextHops[0], o)...)
	}
	def := *r
	def.Table = rpdb.TableMain
	if isLocalType(r.Type) {
		def.Table = rpdb.TableLocal
	}
	add(r.Table != def.Table, "table", builtinNames.Table(r.Table))
	add(r.Protocol != rpdb.ProtoBoot, "proto", builtinNames.Proto(r.Protocol))
	add(r.Family == rpdb.IPv4 && r.Scope != defaultScope(&def, "add"), "scope", builtinNames.Scope(r.Scope))
	if r.PrefSrc.IsValid() {
		w = append(w, "src", formatAddr(r.PrefSrc))
	}
	add(r.Priority != 0, "metric", utoa(r.Priority))
	for _, m := range r.Metrics {
		w = append(w, metricWords(m)...)
	}
	add(r.Expires.Set, "expires", strconv.FormatInt(max(r.Expires.V/1000, 0), 10))
	add(r.Pref != rpdb.PrefMedium, "pref", formatPref(r.Pref))
	if r.NHID == 0 && len(r.NextHops) > 1 {
		for i := range r.NextHops {
			h := &r.NextHops[i]
			w = append(append(w, "nexthop"), hopWords(r.Family, h, o)...)
			add(h.Weight > 1, "weight", utoa(h.Weight))
		}
	}
	return strings.Join(w, " ")
}

func hopWords(f rpdb.Family, h *rpdb.NextHop, o *Options) (w []string) {
	if h.Gateway.IsValid() {
		w = append(w, strings.TrimSuffix(string((*Options)(nil).appendVia(nil, f, h.Gateway)), " "))
	}
	if h.Dev != 0 {
		w = append(w, "dev", o.dev(h.Dev))
	}
	if h.Realms != 0 {
		w = append(w, "realms", rawRealms(h.Realms))
	}
	if h.Flags&rpdb.NHOnlink != 0 {
		w = append(w, "onlink")
	}
	if h.Flags&rpdb.NHPervasive != 0 {
		w = append(w, "pervasive")
	}
	return w
}

// metricWords prints a metric as an argument: times as raw numbers.
func metricWords(m rpdb.Metric) []string {
	if int(m.ID) >= len(metricNames) || metricNames[m.ID] == "" {
		return nil
	}
	w := []string{metricNames[m.ID]}
	if m.Lock && m.ID != nla.RTAXRTOMin {
		w = append(w, "lock")
	}
	switch m.ID {
	case nla.RTAXCCAlgo:
		return append(w, m.Str)
	case nla.RTAXFeatures:
		return append(w, featureWords(m.Val)...)
	case nla.RTAXRTOMin:
		return append(w, utoa(m.Val)+"ms")
	}
	return append(w, utoa(m.Val))
}

// FormatAddrCommand prints the command that adds an address, or does what the verb
// says. Flags that only the kernel sets are left out.
func FormatAddrCommand(verb string, a *rpdb.Addr, o *Options) string {
	w := []string{ipFamily(a.Family), "addr", verb}
	add := func(cond bool, words ...string) {
		if cond {
			w = append(w, words...)
		}
	}
	w = append(w, formatAddrPeer(a))
	if a.Broadcast.IsValid() {
		w = append(w, "brd", formatAddr(a.Broadcast))
	}
	if a.Anycast.IsValid() {
		w = append(w, "anycast", formatAddr(a.Anycast))
	}
	add(a.Family == rpdb.IPv4 && a.Scope != addrScope(a), "scope", builtinNames.Scope(a.Scope))
	add(a.Label != "" && a.Label != o.dev(a.Index), "label", a.Label)
	add(a.Metric != 0, "metric", utoa(a.Metric))
	add(a.Valid != rpdb.Forever, "valid_lft", utoa(a.Valid))
	add(a.Preferred != rpdb.Forever, "preferred_lft", utoa(a.Preferred))
	for _, f := range addrFlags {
		settable := rpdb.IFANoDAD | rpdb.IFAOptimistic | rpdb.IFAHomeAddress | rpdb.IFAManageTempAddr |
			rpdb.IFANoPrefixRoute | rpdb.IFAMCAutoJoin
		add(a.Flags&f.bit&settable != 0, f.name)
	}
	return strings.Join(append(w, "dev", o.dev(a.Index)), " ")
}

// FormatNextHopCommand prints the command that adds a nexthop object, or does what
// the verb says.
func FormatNextHopCommand(verb string, h *rpdb.NextHopObject, o *Options) string {
	w := []string{"ip", "nexthop", verb, "id", utoa(h.ID)}
	switch {
	case len(h.Group) > 0:
		w = append(w, "group", formatGroup(h.Group))
		if r := h.Resilient; r != nil {
			w = append(w, "type", "resilient", "buckets", strconv.Itoa(int(r.NumBuckets)),
				"idle_timer", utoa(r.IdleTimer/100), "unbalanced_timer", utoa(r.UnbalancedTimer/100))
		}
	case h.Blackhole:
		w = append(w, "blackhole")
	default:
		w = append(w, hopWords(rpdb.FamilyOf(h.Hop.Gateway), &h.Hop, o)...)
	}
	if h.Family == rpdb.IPv6 && !h.Hop.Gateway.IsValid() && len(h.Group) == 0 {
		w[0] = "ip -6"
	}
	if h.FDB {
		w = append(w, "fdb")
	}
	if h.Protocol != 0 {
		w = append(w, "proto", builtinNames.Proto(h.Protocol))
	}
	return strings.Join(w, " ")
}
