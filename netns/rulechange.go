package netns

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// newRule answers RTM_NEWRULE (fib_newrule).
func newRule(r *request) error {
	q, err := r.parseRule()
	if err != nil {
		return err
	}
	if r.head.Flags&netlink.Excl != 0 && q.exists() {
		return fail(rpdb.EEXIST, "")
	}
	if err := r.ns.configureRule(q); err != nil {
		return err
	}
	x := q.rule
	q.list.insert(&x)
	r.ns.notifyRule(r, rtnl.RTMNewRule, q.list, &x)
	return nil
}

// delRule answers RTM_DELRULE (fib_delrule).
func delRule(r *request) error {
	q, err := r.parseRule()
	if err != nil {
		return err
	}
	x := q.find()
	switch {
	case x == nil:
		return fail(rpdb.ENOENT, "")
	case x.Flags&rpdb.RulePermanent != 0:
		return fail(rpdb.EPERM, "")
	}
	if q.list.family == rpdb.IPv4 {
		q.list.custom = true // fib4_rule_delete
	}
	q.list.remove(x)
	r.ns.notifyRule(r, rtnl.RTMDelRule, q.list, x)
	return nil
}

// exists reports whether a rule like the requested one is there (rule_exists). Flags
// and goto targets do not count.
func (q *ruleRequest) exists() bool {
	x := &q.rule
	for _, r := range q.list.list[q.list.first(x.Pref):q.list.after(x.Pref)] {
		if r.Action == x.Action && r.Table == x.Table && r.IIF == x.IIF && r.OIF == x.OIF &&
			r.Mark == x.Mark && r.MarkMask == x.MarkMask &&
			r.SuppressIfGroup == x.SuppressIfGroup && r.SuppressPrefixLen == x.SuppressPrefixLen &&
			r.TunID == x.TunID && r.L3MDev == x.L3MDev && r.UID == x.UID &&
			r.IPProto == x.IPProto && r.Protocol == x.Protocol &&
			r.SPort == x.SPort && r.DPort == x.DPort && q.compare(r) {
			return true
		}
	}
	return false
}

// find returns the first rule that has everything that the request gives, or nil
// (rule_find).
func (q *ruleRequest) find() *rule {
	list := q.list.list
	if q.tb.has(nla.FRAPriority) {
		list = list[q.list.first(q.rule.Pref):q.list.after(q.rule.Pref)]
	}
	for _, r := range list {
		if q.given(r) && q.compare(r) {
			return r
		}
	}
	return nil
}

// given reports whether a rule has what the request gives, the family's part aside.
func (q *ruleRequest) given(r *rule) bool {
	x := &q.rule
	return wanted(x.Action, r.Action) && wanted(x.Table, r.Table) &&
		wanted(x.IIF, r.IIF) && wanted(x.OIF, r.OIF) &&
		wanted(x.Mark, r.Mark) && wanted(x.MarkMask, r.MarkMask) &&
		wanted(x.SuppressIfGroup, r.SuppressIfGroup) && wanted(x.SuppressPrefixLen, r.SuppressPrefixLen) &&
		wanted(x.TunID, r.TunID) && wanted(x.L3MDev, r.L3MDev) && wanted(x.UID, r.UID) &&
		wanted(x.IPProto, r.IPProto) && wanted(x.Protocol, r.Protocol) &&
		wanted(x.SPort, r.SPort) && wanted(x.DPort, r.DPort)
}

// wanted reports whether a field is as requested; a zero one was not.
func wanted[T comparable](want, have T) bool {
	var zero T
	return want == zero || want == have
}

// notifyRule tells that a rule came or went (notify_rule_change).
func (n *Namespace) notifyRule(r *request, typ netlink.HeaderType, l *ruleList, x *rule) {
	g := GroupIPv4Rule
	if l.family == rpdb.IPv6 || l.family == familyIP6MR {
		g = GroupIPv6Rule
	}
	n.notify(r, g, typ, 0, l.encode(x))
}

// encode writes a rule as a dump shows it (fib_nl_fill_rule).
func (l *ruleList) encode(x *rule) []byte {
	shown, dynamic := x.Rule, l.dynamic(x)
	if x.IIF == "" {
		dynamic &^= rpdb.RuleIIFDetached // an empty name, which no device has, is not shown at all
	}
	if x.OIF == "" {
		dynamic &^= rpdb.RuleOIFDetached
	}
	shown.Flags |= dynamic
	b, err := rtnl.EncodeRule(shown)
	if err != nil {
		panic("a stored rule cannot be encoded: " + err.Error()) // its parts were checked
	}
	return b
}

// dumpRules answers RTM_GETRULE (fib_nl_dumprule).
func dumpRules(r *request) error {
	if r.strict() {
		if err := validRuleDump(r.data); err != nil {
			return err
		}
	}
	only := r.family()
	if only != rpdb.Unspec && r.ns.rules.of(only) == nil {
		return fail(rpdb.EAFNOSUPPORT, "")
	}
	for l := range r.ns.rules.all {
		if only != rpdb.Unspec && only != l.family {
			continue
		}
		for _, x := range l.list {
			r.row(rtnl.RTMNewRule, 0, l.encode(x))
		}
	}
	return nil
}

// validRuleDump checks the request for a dump strictly (fib_valid_dumprule_req).
func validRuleDump(b []byte) error {
	if len(b) < ruleHeaderLen {
		return fail(rpdb.EINVAL, "Invalid header for fib rule dump request")
	}
	for _, v := range b[1:ruleHeaderLen] {
		if v != 0 {
			return fail(rpdb.EINVAL, "Invalid values in header for fib rule dump request")
		}
	}
	if len(b) > ruleHeaderLen {
		return fail(rpdb.EINVAL, "Invalid data after header in fib rule dump request")
	}
	return nil
}

// ruleVRF adds the rules that the first VRF of a namespace brings, unless they are
// there (vrf_newlink, vrf_add_fib_rules).
func ruleVRF(n *Namespace, d *device, e event) {
	if e != eventRegister || !d.IsVRF() || n.rules.hadVRF {
		return
	}
	n.rules.hadVRF = true
	for _, l := range []*ruleList{&n.rules.ipv4, &n.rules.ipv6, &n.rules.ipmr, &n.rules.ip6mr} {
		q := &ruleRequest{list: l, rule: rule{Rule: rpdb.Rule{
			Family: l.family, Pref: 1000, Action: rpdb.ActTable, L3MDev: true, Protocol: rpdb.ProtoKernel,
		}}}
		if q.exists() {
			continue
		}
		l.custom = true
		l.insert(&q.rule)
		n.notifyRule(nil, rtnl.RTMNewRule, l, &q.rule)
	}
}
