package iproute2

import (
	"fmt"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// endRules settles the family of the list of rules that ends here.
func (t *TextReader) endRules() {
	l := t.block.list
	if len(l.rules) == 0 {
		return
	}
	l.family = t.ruleFamily(l.rules)
	t.block.list = ruleList{}
	for i := range l.rules {
		l.rules[i].Family = l.family
	}
	t.addRules(l)
}

// ruleFamily finds the family of a list: that of the command, of an address in it,
// of the rule for table default that only IPv4 has, or the one that is missing.
func (t *TextReader) ruleFamily(rules []rpdb.Rule) rpdb.Family {
	if f := t.block.hint.family; f != rpdb.Unspec {
		return f
	}
	for i := range rules {
		r := &rules[i]
		if r.Family != rpdb.Unspec {
			return r.Family
		}
		if r.Pref == 32767 && r.Table == rpdb.TableDefault {
			return rpdb.IPv4
		}
	}
	if f := t.c.family(); f != rpdb.Unspec {
		return f
	}
	f := rpdb.IPv4
	if t.rulesOf(rpdb.IPv4) != nil && t.rulesOf(rpdb.IPv6) == nil {
		f = rpdb.IPv6
	}
	if l := &t.block.list; !isDefaultList(rules) {
		t.problemAt(l.line, l.text, fmt.Sprintf("nothing tells the family of this list of rules; it is taken as %s", f))
	}
	return f
}

// isDefaultList tells whether a list holds nothing but what each family has.
func isDefaultList(rules []rpdb.Rule) bool {
	for i := range rules {
		r := &rules[i]
		if !r.L3MDev && r.Table != rpdb.TableLocal && r.Table != rpdb.TableMain {
			return false
		}
	}
	return true
}

func (t *TextReader) rulesOf(f rpdb.Family) *ruleList {
	for i := range t.ruleLists {
		if t.ruleLists[i].family == f {
			return &t.ruleLists[i]
		}
	}
	return nil
}

// addRules adds a list of rules to those of its family: of two lists where one
// holds the other, as after ip rule show with a selector, the longer stays.
func (t *TextReader) addRules(l ruleList) {
	old := t.rulesOf(l.family)
	switch {
	case old == nil:
		t.ruleLists = append(t.ruleLists, l)
	case holdsRules(old.rules, l.rules):
	case holdsRules(l.rules, old.rules):
		old.rules = l.rules
	default:
		t.problemAt(l.line, l.text, fmt.Sprintf("a second list of %s rules differs from the first and is left out", l.family))
	}
}

// holdsRules tells whether every rule of b is one of a.
func holdsRules(a, b []rpdb.Rule) bool {
	o := &Options{}
	in := map[string]int{}
	for i := range a {
		in[ruleKey(&a[i], o)]++
	}
	for i := range b {
		k := ruleKey(&b[i], o)
		if in[k] == 0 {
			return false
		}
		in[k]--
	}
	return true
}

// ruleKey is the rule's text. A device that came or went between two lists makes
// no difference.
func ruleKey(r *rpdb.Rule, o *Options) string {
	c := *r
	c.Flags &= rpdb.RuleInvert
	return FormatRule(&c, o)
}

// endRoutes settles the family of the routes of the block that do not tell it.
func (t *TextReader) endRoutes() {
	for _, i := range t.ambiguous {
		r := &t.st.Routes[i]
		r.Family = t.routeFamily(i)
		r.Dst = netip.PrefixFrom(r.Family.Zero(), 0)
	}
	t.ambiguous = t.ambiguous[:0]
	t.firstRoute = len(t.st.Routes)
}

// routeFamily finds the family of a default route without an address. IPv6 shows
// a metric always and a scope never, and error routes with a device. What is left
// follows its neighbours: a default route is the first of an IPv4 table and the
// last of an IPv6 one.
func (t *TextReader) routeFamily(i int) rpdb.Family {
	if f := t.block.hint.family; f != rpdb.Unspec {
		return f
	}
	r := &t.st.Routes[i]
	isError := r.Type.Err() != rpdb.OK
	switch {
	case r.Scope != rpdb.ScopeGlobal || r.Priority == 0 || t.sawPref:
		return rpdb.IPv4
	case isError && len(r.NextHops) == 0:
		return rpdb.IPv4
	case isError && r.NHID == 0:
		return rpdb.IPv6
	}
	if f := t.c.family(); f != rpdb.Unspec {
		return f
	}
	next, prev := t.neighbourRoute(i, 1), t.neighbourRoute(i, -1)
	switch {
	case next != nil && next.Table == r.Table && next.Family == rpdb.IPv4:
		return rpdb.IPv4
	case prev != nil && prev.Table == r.Table && prev.Family == rpdb.IPv6:
		return rpdb.IPv6
	case next != nil:
		return next.Family
	case prev != nil:
		return prev.Family
	}
	return rpdb.IPv4
}

// neighbourRoute returns the nearest route of the block in a direction whose
// family is known.
func (t *TextReader) neighbourRoute(i, step int) *rpdb.Route {
	for i += step; i >= t.firstRoute && i < len(t.st.Routes); i += step {
		if t.st.Routes[i].Family != rpdb.Unspec {
			return &t.st.Routes[i]
		}
	}
	return nil
}

// State ends reading and returns what all texts told. The reader must not be used
// afterwards.
func (t *TextReader) State() *TextState {
	s := &t.st
	for _, l := range t.ruleLists {
		s.Rules = append(s.Rules, l.rules...)
	}
	s.Links = t.devs.settle()
	t.settleRoutes()
	for i := range s.NextHops {
		s.NextHops[i].Hop.Dev = t.devs.final(s.NextHops[i].Hop.Dev)
	}
	s.Addrs = t.settleAddrs()
	for i := range s.Neighs {
		s.Neighs[i].Index = t.devs.final(s.Neighs[i].Index)
	}
	s.Seen = s.parts(t) | t.told
	s.Tables = t.tables
	t.remarks()
	if t.dropped > 0 {
		s.Problems = append(s.Problems, Problem{Why: fmt.Sprintf("and %d more problems", t.dropped)})
	}
	return s
}

// settleRoutes gives the routes their devices and tables, and drops those that a
// second listing repeats.
func (t *TextReader) settleRoutes() {
	tables := map[string]uint32{}
	for _, l := range t.st.Links {
		if l.VRFTable != 0 {
			tables[l.Name] = l.VRFTable
		}
	}
	dup := newRouteSet(len(t.routeRuns) > 1)
	routes := t.st.Routes[:0]
	unknown := map[string]bool{}
	for i := range t.st.Routes {
		r := t.st.Routes[i]
		if vrf, ok := t.vrfRoutes[i]; ok {
			if tables[vrf] == 0 {
				unknown[vrf] = true
				continue
			}
			r.Table = tables[vrf]
		}
		for j := range r.NextHops {
			r.NextHops[j].Dev = t.devs.final(r.NextHops[j].Dev)
		}
		if !dup.has(&r) {
			routes = append(routes, r)
		}
	}
	t.st.Routes = routes
	for vrf := range unknown {
		t.problemAt(0, "", fmt.Sprintf("the routes of table %s are left out: its number is not known", vrf))
	}
}

// routeSet finds routes that were listed twice.
type routeSet struct {
	on   bool
	seed maphash.Seed
	seen map[uint64][]string
	buf  []byte
}

func newRouteSet(on bool) *routeSet {
	return &routeSet{on: on, seed: maphash.MakeSeed(), seen: map[uint64][]string{}}
}

// has tells whether an equal route was asked about before. Flags that follow the
// state of a link, and lifetimes, make no difference.
func (s *routeSet) has(r *rpdb.Route) bool {
	if !s.on {
		return false
	}
	c := *r
	c.Expires = rpdb.Opt[int64]{}
	c.NextHops = append([]rpdb.NextHop(nil), r.NextHops...)
	for i := range c.NextHops {
		c.NextHops[i].Flags &= rpdb.NHOnlink | rpdb.NHPervasive
	}
	s.buf = AppendRoute(append(s.buf[:0], byte(r.Family)), &c, nil)
	h := maphash.Bytes(s.seed, s.buf)
	for _, old := range s.seen[h] {
		if old == string(s.buf) {
			return true
		}
	}
	s.seen[h] = append(s.seen[h], string(s.buf))
	return false
}

// settleAddrs gives the addresses their devices and drops those shown twice.
func (t *TextReader) settleAddrs() []rpdb.Addr {
	type key struct {
		index       int
		local, peer netip.Addr
		bits        uint8
	}
	seen := map[key]bool{}
	addrs := t.st.Addrs[:0]
	for _, a := range t.st.Addrs {
		a.Index = t.devs.final(a.Index)
		k := key{a.Index, a.Local, a.Peer, a.PrefixLen}
		if !seen[k] {
			seen[k] = true
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// parts tells which kinds of state have an entry.
func (s *TextState) parts(t *TextReader) (p rpdb.Parts) {
	set := func(f rpdb.Family, p4, p6 rpdb.Parts) {
		if f == rpdb.IPv6 {
			p |= p6
		} else {
			p |= p4
		}
	}
	for _, r := range s.Rules {
		set(r.Family, rpdb.PartRules4, rpdb.PartRules6)
	}
	for i := range s.Routes {
		set(s.Routes[i].Family, rpdb.PartRoutes4, rpdb.PartRoutes6)
	}
	for _, a := range s.Addrs {
		set(a.Family, rpdb.PartAddrs4, rpdb.PartAddrs6)
	}
	if len(s.NextHops) > 0 {
		p |= rpdb.PartNextHops
	}
	if t.buckets {
		p |= rpdb.PartBuckets
	}
	if len(s.Neighs) > 0 {
		p |= rpdb.PartNeighs
	}
	for _, l := range s.Links {
		if !l.Assumed {
			p |= rpdb.PartLinks
		}
	}
	return p
}

// remarks adds problems about what the text as a whole leaves open.
func (t *TextReader) remarks() {
	s := &t.st
	for _, f := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		seen, local := false, false
		for i := range s.Routes {
			if s.Routes[i].Family == f {
				seen = true
				local = local || s.Routes[i].Table == rpdb.TableLocal
			}
		}
		if seen && !local {
			t.problemAt(0, "", fmt.Sprintf("no %s route of table local was shown (ip route show table all shows every table)", f))
		}
	}
	names := slices.Sorted(maps.Keys(t.tables))
	for _, name := range names {
		t.problemAt(0, "", fmt.Sprintf("table %s is known by name only: give rt_tables for its number", name))
	}
	for i := range s.Links {
		l := &s.Links[i]
		if l.Kind == "" && !l.Assumed && l.Flags&(rpdb.IFFMaster|rpdb.IFFNoARP) == rpdb.IFFMaster|rpdb.IFFNoARP {
			t.problemAt(0, "", fmt.Sprintf("device %s looks like a VRF, but its table was not shown (ip -d link shows it)", l.Name))
		}
	}
}
