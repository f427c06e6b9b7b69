package rpdb

import (
	"net/netip"
	"slices"
	"sort"
)

// WithRule adds a rule behind those of its preference (fib_nl_newrule). It is nil if
// a rule of the family is a goto, if the rule has realms or is there already, and if
// the way to a gateway changes.
func (db *Database) WithRule(r *Rule) *Database {
	out := *db
	rules := out.rulesFor(r.Family)
	if rules == nil || r.Realms != 0 || r.Action == ActGoto || out.jumps(r.Family) {
		return nil
	}
	c := db.compileRule(r)
	at := sort.Search(len(*rules), func(i int) bool { return (*rules)[i].Pref > r.Pref })
	for i := at - 1; i >= 0 && (*rules)[i].Pref == r.Pref; i-- {
		if sameRule((*rules)[i].Rule, r) {
			return nil
		}
	}
	*rules = slices.Concat((*rules)[:at], []*rule{&c}, (*rules)[at:])
	if r.Family == IPv6 {
		out.custom6, out.facts.CustomRules6 = true, Yes
	}
	return out.changedRule(&c)
}

// WithoutRule removes the first rule that is alike but for the flags that a kernel
// computes (fib_nl_delrule). It is nil if there is none, and where WithRule is.
func (db *Database) WithoutRule(r *Rule) *Database {
	out := *db
	rules := out.rulesFor(r.Family)
	if rules == nil || r.Realms != 0 || r.Action == ActGoto || out.jumps(r.Family) {
		return nil
	}
	from := sort.Search(len(*rules), func(i int) bool { return (*rules)[i].Pref >= r.Pref })
	for at := from; at < len(*rules) && (*rules)[at].Pref == r.Pref; at++ {
		if c := (*rules)[at]; sameRule(c.Rule, r) {
			*rules = slices.Concat((*rules)[:at], (*rules)[at+1:])
			return out.changedRule(c)
		}
	}
	return nil
}

// ChangedRule returns the place of the rule that came or went since old.
func (db *Database) ChangedRule(old *Database, f Family) int {
	now, then := db.rulesOf(f), old.rulesOf(f)
	i := 0
	for i < min(len(now), len(then)) && now[i] == then[i] {
		i++
	}
	return i
}

// rulesFor returns the list of a family's rules; nil for another family, or if the
// rules are not known.
func (db *Database) rulesFor(f Family) *[]*rule {
	switch {
	case f == IPv4 && db.state.Missing&PartRules4 == 0:
		return &db.rules4
	case f == IPv6 && db.state.Missing&PartRules6 == 0:
		return &db.rules6
	}
	return nil
}

// jumps reports whether a rule of a family is a goto.
func (db *Database) jumps(f Family) bool {
	return slices.ContainsFunc(db.rulesOf(f), func(r *rule) bool { return r.Action == ActGoto })
}

// sameRule reports whether two rules are alike but for computed flags.
func sameRule(a, b *Rule) bool {
	const computed = RuleUnresolved | RuleIIFDetached | RuleOIFDetached
	if len(a.Extra) != 0 || len(b.Extra) != 0 {
		return false
	}
	x, y := *a, *b
	x.Flags, y.Flags = x.Flags&^computed, y.Flags&^computed
	for _, p := range [4]*netip.Prefix{&x.From, &x.To, &y.From, &y.To} {
		if p.Bits() <= 0 {
			*p = netip.Prefix{}
		}
	}
	return equalRules(&x, &y)
}

// equalRules compares all but Extra.
func equalRules(a, b *Rule) bool {
	return a.Family == b.Family && a.Pref == b.Pref && a.Flags == b.Flags && a.From == b.From && a.To == b.To &&
		a.IIF == b.IIF && a.OIF == b.OIF && a.Mark == b.Mark && a.MarkMask == b.MarkMask && a.TOS == b.TOS &&
		a.DSCP == b.DSCP && a.IPProto == b.IPProto && a.SPort == b.SPort && a.DPort == b.DPort && a.UID == b.UID &&
		a.TunID == b.TunID && a.L3MDev == b.L3MDev && a.FlowLabel == b.FlowLabel && a.FlowLabelMask == b.FlowLabelMask &&
		a.Action == b.Action && a.Table == b.Table && a.GotoRef == b.GotoRef && a.SuppressPrefixLen == b.SuppressPrefixLen &&
		a.SuppressIfGroup == b.SuppressIfGroup && a.Realms == b.Realms && a.Protocol == b.Protocol
}

// changedRule settles a Database one of whose rules came or went; it is nil if a
// gateway is reached otherwise now.
func (db *Database) changedRule(c *rule) *Database {
	db.later = &laterState{}
	if c.Family == IPv6 {
		return db.settleCustom6()
	}
	first := !db.custom4 // from now on local and main are two
	db.custom4, db.facts.CustomRules4 = true, Yes
	if c.dissects() {
		db.dissect4 = slices.ContainsFunc(db.rules4, (*rule).dissects)
	}
	if all := netip.PrefixFrom(netip.IPv4Unspecified(), 0); first && !db.sameGateways(all) {
		return nil
	}
	if !db.sameByRules(func(k *Key) bool { return first || db.match(c, k, nil) }) {
		return nil
	}
	return db
}

// settleCustom6 settles whether rules are walked after one was removed.
func (db *Database) settleCustom6() *Database {
	if db.facts.CustomRules6 == Unknown {
		db.custom6 = customized(db.Rules(IPv6), IPv6, Unknown)
	}
	return db
}

// dissects reports whether the rule needs the protocol or the ports of packets that
// arrive.
func (r *rule) dissects() bool {
	return (r.IPProto != 0 || r.SPort.Start != 0 || r.DPort.Start != 0) && r.IIF != "lo"
}
