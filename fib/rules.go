package fib

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ruleIndex finds the rules that a key can match. Each rule stands under one of its
// selectors, that which the fewest other rules share; one without selectors under
// the prefixes of its table, if they are few; or else in rest. A rule may be found in
// vain, but none may be missed that has an effect.
type ruleIndex struct {
	ruleLists
	marks    []markIndex
	from, to prefixIndex
	iif, oif hashIndex
	vrf      hashIndex // by iif or oif, of rules that name a VRF
	tunnel   map[uint64]ref
	uid      intervalIndex
	sport    intervalIndex
	dport    intervalIndex
	rest     ref
	spread   map[uint32]bool // the tables under whose prefixes rules stand
	whole    []bool          // by rule: its selectors are what it stands under, and no more
}

// maxMasks is the number of masks of fwmark that have an index.
const maxMasks = 4

// markIndex holds the rules of one mask of fwmark, by the bits under it.
type markIndex struct {
	mask  uint32
	rules hashIndex
}

// ref refers to an ascending list of rules: to a rule that stands alone, or to a
// list. It fits an id of an LPM.
type ref uint32

const (
	noRules = ref(NoRoute)
	oneRule = 1 << 29
)

// none is behind every rule.
const none = math.MaxInt32

// ruleLists are the lists that refs refer to.
type ruleLists struct {
	lists [][]int32
	heads []int32 // of lists
	each  []int32 // each rule, to make lists of one
}

func (l *ruleLists) ref(rules []int32) ref {
	switch len(rules) {
	case 0:
		return noRules
	case 1:
		return oneRule | ref(rules[0])
	}
	l.lists, l.heads = append(l.lists, rules), append(l.heads, rules[0])
	return ref(len(l.lists) - 1)
}

// head returns the first rule of a list.
func (l *ruleLists) head(r ref) int32 {
	switch {
	case r == noRules:
		return none
	case r&oneRule != 0:
		return int32(r &^ oneRule)
	}
	return l.heads[r]
}

func (l *ruleLists) list(r ref) []int32 {
	switch {
	case r == noRules:
		return nil
	case r&oneRule != 0:
		return l.each[r&^oneRule:][:1]
	}
	return l.lists[r]
}

// first returns the first rule that a key can match; the key has no oif, and is not
// of a VRF.
func (x *ruleIndex) first(k *rpdb.Key) int32 {
	first := x.head(x.rest)
	for i := range x.marks {
		m := &x.marks[i]
		if r := m.rules.find(k.Mark & m.mask); r != noRules {
			first = min(first, x.head(r))
		}
	}
	if !x.to.empty() {
		first = min(first, x.head(x.to.find(k.Dst)))
	}
	if !x.from.empty() && (k.HasSrc || k.Family == rpdb.IPv4) {
		first = min(first, x.head(x.from.find(k.Src)))
	}
	if x.iif.slots != nil {
		first = min(first, x.head(x.iif.find(uint32(k.IIF))))
	}
	if x.tunnel != nil {
		first = min(first, x.head(x.byTunnel(k.TunID)))
	}
	if x.dport.starts != nil {
		first = min(first, x.head(x.dport.find(uint32(k.DPort))))
	}
	if x.sport.starts != nil {
		first = min(first, x.head(x.sport.find(uint32(k.SPort))))
	}
	if x.uid.starts != nil {
		first = min(first, x.head(x.uid.find(k.UID)))
	}
	return first
}

func (x *ruleIndex) byTunnel(id uint64) ref {
	if r, ok := x.tunnel[id]; ok {
		return r
	}
	return noRules
}

// candidates returns the rules that a key can match. It adds maxMasks lists for
// marks, and one of each other kind.
func (x *ruleIndex) candidates(k *rpdb.Key) (c rpdb.Candidates) {
	for i := range x.marks {
		m := &x.marks[i]
		c.Add(x.list(m.rules.find(k.Mark & m.mask)))
	}
	if k.Family == rpdb.IPv4 || k.HasSrc {
		c.Add(x.list(x.from.find(k.Src)))
	}
	c.Add(x.list(x.to.find(k.Dst)))
	c.Add(x.list(x.iif.find(uint32(k.IIF))))
	c.Add(x.list(x.oif.find(uint32(k.OIF))))
	c.Add(x.list(x.vrf.find(uint32(k.L3MDev))))
	c.Add(x.list(x.byTunnel(k.TunID)))
	c.Add(x.list(x.uid.find(k.UID)))
	c.Add(x.list(x.sport.find(uint32(k.SPort))))
	c.Add(x.list(x.dport.find(uint32(k.DPort))))
	c.Add(x.list(x.rest))
	return c
}

// newRuleIndex makes the index of a family's rules. spread tells the prefixes of a
// table that rules without selectors may stand under, false if there are too many.
func newRuleIndex(db *rpdb.Database, f rpdb.Family, spread func(table uint32) (map[netip.Prefix]bool, bool)) *ruleIndex {
	rules := db.Rules(f)
	x := &ruleIndex{whole: make([]bool, len(rules)), spread: map[uint32]bool{}}
	for i := range rules {
		x.each = append(x.each, int32(i))
	}
	s := shapesOfAll(db, f, rules)
	by := map[shapeKind]map[shape][]int32{}
	put := func(s shape, rule int) {
		if by[s.kind] == nil {
			by[s.kind] = map[shape][]int32{}
		}
		by[s.kind][s] = append(by[s.kind][s], int32(rule))
	}
	for i, r := range rules {
		sels := db.RuleSelectors(f, i)
		x.whole[i] = len(sels) == 0 && !r.Invert()
		if s.never[i] {
			continue
		}
		best := s.best(i)
		if best.kind == byRest && x.whole[i] && r.Action == rpdb.ActTable {
			if prefixes, ok := spread(r.Table); ok {
				x.spread[tableOf(r.Table)] = true
				for p := range prefixes {
					put(shape{kind: byTo, prefix: p}, i)
				}
				continue
			}
		}
		x.whole[i] = x.whole[i] || best.kind != byRest && len(sels) == 1
		put(best, i)
	}
	x.fill(by)
	return x
}

// fill makes the index of each kind. What would take too much memory there goes to
// the rest.
func (x *ruleIndex) fill(by map[shapeKind]map[shape][]int32) {
	marks := map[uint32]map[uint32]ref{}
	for s, rules := range by[byMark] {
		mask := uint32(s.b)
		if marks[mask] == nil {
			marks[mask] = map[uint32]ref{}
		}
		marks[mask][uint32(s.a)] = x.ref(rules)
	}
	for _, mask := range slices.Sorted(maps.Keys(marks)) {
		x.marks = append(x.marks, markIndex{mask, newHashIndex(marks[mask])})
	}
	rest := by[byRest][shape{}]
	var over []int32
	x.from, over = x.newPrefixIndex(by[byFrom])
	rest = append(rest, over...)
	x.to, over = x.newPrefixIndex(by[byTo])
	rest = append(rest, over...)
	x.iif, x.oif, x.vrf = x.byDevice(by[byIIF]), x.byDevice(by[byOIF]), x.byDevice(by[byVRF])
	if tunnels := by[byTunnel]; tunnels != nil {
		x.tunnel = map[uint64]ref{}
		for s, rules := range tunnels {
			x.tunnel[s.a] = x.ref(rules)
		}
	}
	x.uid, over = x.newIntervalIndex(by[byUID], 32)
	rest = append(rest, over...)
	x.sport, over = x.newIntervalIndex(by[bySPort], 16)
	rest = append(rest, over...)
	x.dport, over = x.newIntervalIndex(by[byDPort], 16)
	rest = append(rest, over...)
	slices.Sort(rest)
	x.rest = x.ref(slices.Compact(rest))
}

func (x *ruleIndex) byDevice(in map[shape][]int32) hashIndex {
	devices := map[uint32][]int32{}
	for s, rules := range in {
		devices[uint32(s.a)] = append(devices[uint32(s.a)], rules...)
	}
	refs := map[uint32]ref{}
	for dev, rules := range devices {
		slices.Sort(rules)
		refs[dev] = x.ref(rules)
	}
	return newHashIndex(refs)
}

// allowed is how many places lists may take that hold n rules, each possibly in
// several lists.
func allowed(n int) int { return 64*n + 1024 }

// shapes are the selectors that each of some rules can be found by.
type shapes struct {
	of     [][]shape
	never  []bool        // rules that have no effect
	shared map[shape]int // by how many rules
	masks  []uint64      // of fwmark, that have an index
}

func shapesOfAll(db *rpdb.Database, f rpdb.Family, rules []*rpdb.Rule) *shapes {
	s := &shapes{of: make([][]shape, len(rules)), never: make([]bool, len(rules)), shared: map[shape]int{}}
	masks := map[uint64]int{}
	for i, r := range rules {
		s.of[i], s.never[i] = shapesOf(db, i, r)
		s.never[i] = s.never[i] || r.Action == rpdb.ActNop || r.Action == rpdb.ActGoto && db.RuleTarget(f, i) < 0
		for _, of := range s.of[i] {
			s.shared[of]++
			if of.kind == byMark {
				masks[of.b]++
			}
		}
	}
	s.masks = slices.SortedFunc(maps.Keys(masks), func(a, b uint64) int {
		return cmp.Or(cmp.Compare(masks[b], masks[a]), cmp.Compare(a, b))
	})
	s.masks = s.masks[:min(len(s.masks), maxMasks)]
	return s
}

// best is the selector that a rule is to be found by.
func (s *shapes) best(rule int) (best shape) {
	for _, of := range s.of[rule] {
		if of.kind == byMark && !slices.Contains(s.masks, of.b) {
			continue
		}
		if best.kind == byRest || of.cost(s.shared[of]) < best.cost(s.shared[best]) {
			best = of
		}
	}
	return best
}
