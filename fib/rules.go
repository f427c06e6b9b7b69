package fib

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ruleIndex finds the rules that a key can match. Each rule stands under one of its
// selectors, that which the fewest other rules share, or else in rest. What it
// finds is tested again by the walk, so a rule may be found in vain, but none may
// be missed.
type ruleIndex struct {
	family   rpdb.Family
	marks    []markIndex
	from, to prefixIndex
	iif, oif map[int][]int32
	vrf      map[int][]int32 // by iif or oif, of rules that name a VRF
	tunnel   map[uint64][]int32
	uid      intervalIndex
	sport    intervalIndex
	dport    intervalIndex
	rest     []int32
}

// maxMasks is the number of masks of fwmark that have an index.
const maxMasks = 4

// markIndex holds the rules of one mask of fwmark, by the bits under it.
type markIndex struct {
	mask  uint32
	rules map[uint32][]int32
}

// Candidates implements [rpdb.RuleIndex]. It adds maxMasks lists for marks, and one
// of each other kind.
func (x *ruleIndex) Candidates(k rpdb.Key) (c rpdb.Candidates) {
	for i := range x.marks {
		m := &x.marks[i]
		c.Add(m.rules[k.Mark&m.mask])
	}
	if k.Family == rpdb.IPv4 || k.HasSrc {
		c.Add(x.from.find(k.Src))
	}
	c.Add(x.to.find(k.Dst))
	if x.iif != nil {
		c.Add(x.iif[k.IIF])
	}
	if x.oif != nil {
		c.Add(x.oif[k.OIF])
	}
	if x.vrf != nil {
		c.Add(x.vrf[k.L3MDev])
	}
	if x.tunnel != nil {
		c.Add(x.tunnel[k.TunID])
	}
	c.Add(x.uid.find(k.UID))
	c.Add(x.sport.find(uint32(k.SPort)))
	c.Add(x.dport.find(uint32(k.DPort)))
	c.Add(x.rest)
	return c
}

// shape is a selector that rules are found by, with its value.
type shape struct {
	kind   shapeKind
	prefix netip.Prefix
	a, b   uint64 // the value and the mask, or the ends of a range
}

type shapeKind uint8

const (
	byRest shapeKind = iota
	byFrom
	byTo
	byMark
	byTunnel
	byDPort
	bySPort
	byUID
	byVRF
	byIIF
	byOIF
)

// shapesOf lists the selectors that a rule can be found by. never tells that the
// rule matches nothing.
func shapesOf(db *rpdb.Database, index int, r *rpdb.Rule) (out []shape, never bool) {
	if r.Invert() {
		return nil, false
	}
	iif, oif := db.RuleAttached(r.Family, index)
	if !iif || !oif {
		return nil, true
	}
	for _, p := range []struct {
		kind   shapeKind
		prefix netip.Prefix
	}{{byFrom, r.From}, {byTo, r.To}} {
		// Without a source, an IPv6 rule with this flag matches by its other selectors.
		if p.kind == byFrom && r.Family == rpdb.IPv6 && r.Flags&rpdb.RuleFindSaddr != 0 {
			continue
		}
		if p.prefix.IsValid() && p.prefix.Bits() > 0 && rpdb.FamilyOf(p.prefix.Addr()) == r.Family {
			out = append(out, shape{kind: p.kind, prefix: netip.PrefixFrom(p.prefix.Addr().WithZone(""), p.prefix.Bits()).Masked()})
		}
	}
	if r.MarkMask != 0 {
		out = append(out, shape{kind: byMark, a: uint64(r.Mark & r.MarkMask), b: uint64(r.MarkMask)})
	}
	if r.TunID != 0 {
		out = append(out, shape{kind: byTunnel, a: r.TunID})
	}
	out = appendRange(out, byDPort, r.DPort)
	out = appendRange(out, bySPort, r.SPort)
	if r.UID.Set && r.UID.V.Start <= r.UID.V.End {
		out = append(out, shape{kind: byUID, a: uint64(r.UID.V.Start), b: uint64(r.UID.V.End)})
	}
	out = appendDevice(out, db, byIIF, r.IIF)
	return appendDevice(out, db, byOIF, r.OIF), false
}

func appendRange(out []shape, kind shapeKind, p rpdb.PortRange) []shape {
	if p.Start == 0 || p.Mask != 0 && p.Mask != 0xffff {
		return out
	}
	s := shape{kind: kind, a: uint64(p.Start), b: uint64(p.End)}
	if p.Mask != 0 {
		s.b = s.a
	}
	if s.a > s.b {
		return out
	}
	return append(out, s)
}

func appendDevice(out []shape, db *rpdb.Database, kind shapeKind, name string) []shape {
	l := db.LinkByName(name)
	if name == "" || l == nil {
		return out
	}
	if l.IsVRF() && db.Kernel().Has(rpdb.FeatureRuleVRFSelector) {
		kind = byVRF
	}
	return append(out, shape{kind: kind, a: uint64(l.Index)})
}

// cost is how many rules a lookup is likely to find with a shape: those that share
// it, and for a wide prefix those that only most flows match.
func (s *shape) cost(shared int) int {
	if (s.kind == byFrom || s.kind == byTo) && s.prefix.Bits() < s.prefix.Addr().BitLen()/4 {
		return 16 * shared
	}
	return shared
}

// newRuleIndex makes the index of a family's rules, nil if none of them has a
// selector to be found by.
func newRuleIndex(db *rpdb.Database, f rpdb.Family) rpdb.RuleIndex {
	rules := db.Rules(f)
	shapes := make([][]shape, len(rules))
	never := make([]bool, len(rules))
	shared, masks := map[shape]int{}, map[uint64]int{}
	for i, r := range rules {
		shapes[i], never[i] = shapesOf(db, i, r)
		for _, s := range shapes[i] {
			shared[s]++
			if s.kind == byMark {
				masks[s.b]++
			}
		}
	}
	if len(shared) == 0 && !slices.Contains(never, true) {
		return nil
	}
	x := &ruleIndex{family: f}
	common := slices.SortedFunc(maps.Keys(masks), func(a, b uint64) int {
		return cmp.Or(cmp.Compare(masks[b], masks[a]), cmp.Compare(a, b))
	})
	if len(common) > maxMasks {
		common = common[:maxMasks]
	}
	by := map[shapeKind]map[shape][]int32{}
	for i := range rules {
		if never[i] {
			continue
		}
		var best shape
		for _, s := range shapes[i] {
			if s.kind == byMark && !slices.Contains(common, s.b) {
				continue
			}
			if best.kind == byRest || s.cost(shared[s]) < best.cost(shared[best]) {
				best = s
			}
		}
		if best.kind == byRest {
			x.rest = append(x.rest, int32(i))
			continue
		}
		if by[best.kind] == nil {
			by[best.kind] = map[shape][]int32{}
		}
		by[best.kind][best] = append(by[best.kind][best], int32(i))
	}
	x.fill(by)
	slices.Sort(x.rest)
	return x
}

// fill makes the index of each kind. What would take too much memory there goes to
// the rest.
func (x *ruleIndex) fill(by map[shapeKind]map[shape][]int32) {
	for s, rules := range by[byMark] {
		mask := uint32(s.b)
		at := slices.IndexFunc(x.marks, func(m markIndex) bool { return m.mask == mask })
		if at < 0 {
			at = len(x.marks)
			x.marks = append(x.marks, markIndex{mask, map[uint32][]int32{}})
		}
		x.marks[at].rules[uint32(s.a)] = rules
	}
	var over []int32
	x.from, over = newPrefixIndex(by[byFrom])
	x.rest = append(x.rest, over...)
	x.to, over = newPrefixIndex(by[byTo])
	x.rest = append(x.rest, over...)
	x.iif, x.oif, x.vrf = byDevice(by[byIIF]), byDevice(by[byOIF]), byDevice(by[byVRF])
	if tunnels := by[byTunnel]; tunnels != nil {
		x.tunnel = map[uint64][]int32{}
		for s, rules := range tunnels {
			x.tunnel[s.a] = rules
		}
	}
	for kind, to := range map[shapeKind]*intervalIndex{byUID: &x.uid, bySPort: &x.sport, byDPort: &x.dport} {
		*to, over = newIntervalIndex(by[kind])
		x.rest = append(x.rest, over...)
	}
}

func byDevice(in map[shape][]int32) map[int][]int32 {
	if in == nil {
		return nil
	}
	out := map[int][]int32{}
	for s, rules := range in {
		out[int(s.a)] = append(out[int(s.a)], rules...)
	}
	return out
}

// allowed is how many places lists may take that hold n rules, each possibly in
// several lists.
func allowed(n int) int { return 64*n + 1024 }
