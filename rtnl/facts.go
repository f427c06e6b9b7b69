package rtnl

import (
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Probe finds the facts that no dump shows, as far as lookups that an ordinary user
// may make reveal them, for a state just read from the same source. It sends at most
// a handful of RTM_GETROUTE requests.
func Probe(t Transport, s *rpdb.State) (rpdb.Facts, error) {
	var f rpdb.Facts
	var err error
	if f.CustomRules4, err = probeRules4(t, s); err != nil {
		return f, err
	}
	if f.CustomRules6, err = probeRules6(t, s); err != nil {
		return f, err
	}
	return f, nil
}

// probeRules4 tells whether an IPv4 rule was ever added or deleted. While the list
// is as in a new namespace, an own address is asked for: its route is reported in
// main until tables local and main part, in local from then on (spec IPv4 3.5).
func probeRules4(t Transport, s *rpdb.State) (rpdb.Tri, error) {
	if has, lacks := compareDefaults(s, rpdb.IPv4); has || lacks {
		return rpdb.Yes, nil
	}
	dst, ok := ownAddress(s)
	if !ok {
		return rpdb.Unknown, nil
	}
	rep, err := Ask(t, rpdb.Flow{Dst: dst, UID: rpdb.InvalidUID}, GetOptions{})
	switch {
	case err != nil:
		return rpdb.Unknown, err
	case rep.Err == rpdb.OK && rep.Table == rpdb.TableMain:
		return rpdb.No, nil
	case rep.Err == rpdb.OK && rep.Table == rpdb.TableLocal:
		return rpdb.Yes, nil
	}
	return rpdb.Unknown, nil
}

// compareDefaults tells whether the rule list of a family has a rule that a new
// namespace does not have, and whether it lacks one that it has.
func compareDefaults(s *rpdb.State, f rpdb.Family) (has, lacks bool) {
	want := rpdb.DefaultRules(f)
	found := make([]bool, len(want))
next:
	for i := range s.Rules {
		r := &s.Rules[i]
		if r.Family != f {
			continue
		}
		for j := range want {
			if !found[j] && sameRule(r, &want[j]) {
				found[j] = true
				continue next
			}
		}
		has = true
	}
	for _, ok := range found {
		lacks = lacks || !ok
	}
	return has, lacks
}

// sameRule compares a rule with a default one. A kernel before 4.17 does not tell
// who added a rule.
func sameRule(r, def *rpdb.Rule) bool {
	a, err1 := EncodeRule(*r)
	d := *def
	if r.Protocol == rpdb.ProtoUnspec {
		d.Protocol = rpdb.ProtoUnspec
	}
	b, err2 := EncodeRule(d)
	return err1 == nil && err2 == nil && string(a) == string(b)
}

// ownAddress returns an address that has a local route of its own in table local.
func ownAddress(s *rpdb.State) (netip.Addr, bool) {
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Family == rpdb.IPv4 && r.Table == rpdb.TableLocal && r.Type == rpdb.Local && r.Dst.Bits() == 32 {
			return r.Dst.Addr(), true
		}
	}
	return netip.Addr{}, false
}
