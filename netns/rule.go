package netns

import (
	"slices"
	"sort"

	"github.com/rulewalk/rulewalk/rpdb"
)

// The families of the rules of multicast routing, which are lists of their own
// (RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR).
const (
	familyIPMR  rpdb.Family = 128
	familyIP6MR rpdb.Family = 129
)

// detached is the ifindex of a selector whose device is not there.
const detached = -1

// rule is a rule with the devices that its selectors mean (struct fib_rule).
type rule struct {
	rpdb.Rule
	iif, oif int // ifindex; 0: no selector
}

// ruleList are the rules of one family (struct fib_rules_ops).
type ruleList struct {
	family rpdb.Family
	list   []*rule // ascending preference, then as they were added

	// custom tells that the walk goes through the list: an IPv4 rule was added or
	// deleted, or an IPv6 rule was added (fib_has_custom_rules).
	custom bool
}

// rules are the rule lists of a namespace, in the order in which a dump of all
// families shows them.
type rules struct {
	ipv4, ipmr, ip6mr, ipv6 ruleList

	hadVRF bool
}

// all yields the lists (net->rules_ops).
func (rs *rules) all(yield func(*ruleList) bool) {
	for _, l := range []*ruleList{&rs.ipv4, &rs.ipmr, &rs.ip6mr, &rs.ipv6} {
		if !yield(l) {
			return
		}
	}
}

// of returns the list of a family, or nil (lookup_rules_ops).
func (rs *rules) of(f rpdb.Family) *ruleList {
	for l := range rs.all {
		if l.family == f {
			return l
		}
	}
	return nil
}

// newRules are the rules of a new namespace (fib_default_rules_init,
// fib6_rules_net_init, ipmr_rules_init, ip6mr_rules_init).
func newRules() rules {
	mr := func(f rpdb.Family, table uint32) []rpdb.Rule {
		return []rpdb.Rule{{Family: f, Pref: 32767, Action: rpdb.ActTable, Table: table, Protocol: rpdb.ProtoKernel}}
	}
	return rules{
		ipv4:  newRuleList(rpdb.IPv4, rpdb.DefaultRules(rpdb.IPv4)),
		ipmr:  newRuleList(familyIPMR, mr(familyIPMR, rpdb.TableDefault)),
		ip6mr: newRuleList(familyIP6MR, mr(familyIP6MR, rpdb.TableMain)),
		ipv6:  newRuleList(rpdb.IPv6, rpdb.DefaultRules(rpdb.IPv6)),
	}
}

func newRuleList(f rpdb.Family, rs []rpdb.Rule) ruleList {
	own := make([]rule, len(rs))
	l := ruleList{family: f, list: make([]*rule, len(rs))}
	for i := range rs {
		own[i].Rule = rs[i]
		l.list[i] = &own[i]
	}
	return l
}

// customRules4 reports whether IPv4 lookups walk the rules. Until then, tables local
// and main are one trie (net->ipv4.fib_has_custom_rules).
func (n *Namespace) customRules4() bool { return n.rules.ipv4.custom }

// customRules6 is customRules4 for IPv6 (net->ipv6.fib6_has_custom_rules).
func (n *Namespace) customRules6() bool { return n.rules.ipv6.custom }

// after returns the place behind all rules whose preference is not above pref.
func (l *ruleList) after(pref uint32) int {
	return sort.Search(len(l.list), func(i int) bool { return l.list[i].Pref > pref })
}

// first returns the place of the first rule whose preference is not below pref.
func (l *ruleList) first(pref uint32) int {
	return sort.Search(len(l.list), func(i int) bool { return l.list[i].Pref >= pref })
}

// target returns the place of the rule that a goto goes to, or -1 if there is none.
// The kernel keeps a pointer: that is always the first rule of the preference, since
// further ones are added behind it.
func (l *ruleList) target(r *rule) int {
	i := l.first(r.GotoRef)
	if i == len(l.list) || l.list[i].Pref != r.GotoRef {
		return -1
	}
	return i
}

// insert adds a rule behind those of its preference.
func (l *ruleList) insert(r *rule) { l.list = slices.Insert(l.list, l.after(r.Pref), r) }

// remove takes a rule out.
func (l *ruleList) remove(r *rule) {
	i := l.first(r.Pref)
	for l.list[i] != r {
		i++
	}
	l.list = slices.Delete(l.list, i, i+1)
}

// defaultPref is the preference of a rule that does not give one
// (fib_default_rule_pref).
func (l *ruleList) defaultPref() uint32 {
	if len(l.list) < 2 || l.list[1].Pref == 0 {
		return 0
	}
	return l.list[1].Pref - 1
}

// dynamic are the flags of a rule that follow from the rest of the namespace.
func (l *ruleList) dynamic(r *rule) rpdb.RuleFlags {
	var f rpdb.RuleFlags
	if r.Action == rpdb.ActGoto && l.target(r) < 0 {
		f |= rpdb.RuleUnresolved
	}
	if r.iif == detached {
		f |= rpdb.RuleIIFDetached
	}
	if r.oif == detached {
		f |= rpdb.RuleOIFDetached
	}
	return f
}

const dynamicRuleFlags = rpdb.RuleUnresolved | rpdb.RuleIIFDetached | rpdb.RuleOIFDetached

// modelRules are the rules of the two families. Flags that only look like the dynamic
// ones, because somebody sent them, are left out.
func (n *Namespace) modelRules() []rpdb.Rule {
	rs := make([]rpdb.Rule, 0, len(n.rules.ipv4.list)+len(n.rules.ipv6.list))
	for _, l := range []*ruleList{&n.rules.ipv4, &n.rules.ipv6} {
		for _, r := range l.list {
			x := r.Rule
			x.Flags = x.Flags&^dynamicRuleFlags | l.dynamic(r)
			rs = append(rs, x)
		}
	}
	return rs
}

// ruleEvent resolves the devices that rules name anew (fib_rules_event).
func ruleEvent(n *Namespace, d *device, e event) {
	switch e {
	case eventRegister, eventChangeName, eventUnregister:
	default:
		return
	}
	for l := range n.rules.all {
		for _, r := range l.list {
			if e != eventRegister {
				detach(&r.iif, d)
				detach(&r.oif, d)
			}
			if e != eventUnregister {
				attach(&r.iif, r.IIF, d)
				attach(&r.oif, r.OIF, d)
			}
		}
	}
}

// attach lets a detached selector mean a device of its name (attach_rules).
func attach(index *int, name string, d *device) {
	if *index == detached && name == d.Name {
		*index = d.Index
	}
}

// detach lets a selector mean no device (detach_rules).
func detach(index *int, d *device) {
	if *index == d.Index {
		*index = detached
	}
}
