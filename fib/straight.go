package fib

import (
	"net/netip"
)

// straight is the short way through a plan for the keys that no rule concerns but
// those at the end, without selectors: what of these the first looks at decides, in
// most hosts table main behind local. It exists where other rules are found by the
// destination alone.
type straight struct {
	filter [16]uint64   // a bit for each value of filterBits: whether to has such destinations
	to     *prefixIndex // of the rules found by the destination
	table  *planTable
	rule   int32
	id     uint32 // of the table
}

// filterBits are 10 bits of an address, which most that no rule concerns do not share
// with those that one does: the first of an IPv4 one, those behind the first octet of
// an IPv6 one.
func filterBits(a netip.Addr) uint {
	if a.Is4() {
		return uint(key4(a) >> 22)
	}
	return uint(key6(a).hi>>46) & 0x3ff
}

// note adds the destinations of a prefix to the filter. Of IPv6 those do not count
// that mean something on one link only: the plan answers them.
func (s *straight) note(p netip.Prefix) {
	bits := p.Bits()
	if p.Addr().Is6() {
		if ownLink6(key6(p.Addr())) {
			return
		}
		bits = max(bits-8, 0)
	}
	first := filterBits(p.Masked().Addr())
	last := first | 0x3ff>>min(bits, 10)
	if p.Addr().Is6() && p.Bits() < 8 {
		first, last = 0, 0x3ff
	}
	for b := first; b <= last; b++ {
		s.filter[b>>6] |= 1 << (b & 63)
	}
}

// newStraight returns the short way through a plan, nil if there is none.
func newStraight(p *plan) *straight {
	x := p.index
	if !p.walks || p.ports != nil || len(x.marks) > 0 || !x.from.empty() || x.iif.slots != nil || x.tunnel != nil ||
		x.uid.starts != nil || x.sport.starts != nil || x.dport.starts != nil || p.delta.places != nil {
		return nil
	}
	i := x.head(x.rest)
	if i == none {
		return nil
	}
	r := &p.rules[i]
	if r.match != matchWhole || r.does != ruleTable || r.table < 0 || r.suppress >= 0 {
		return nil
	}
	t := p.tables[r.table]
	s := &straight{to: &x.to, table: t, rule: i, id: t.id}
	for _, prefix := range x.to.prefixes {
		s.note(prefix)
	}
	return s
}

// concerns reports whether a rule found by its destination may match a key, or the
// plan is to look for another reason.
func (s *straight) concerns(a netip.Addr) bool {
	b := filterBits(a)
	if s.filter[b>>6&15]>>(b&63)&1 == 0 {
		return a.Is6() && ownLink6(key6(a))
	}
	return s.to.find(a) != noRules || a.Is6() && ownLink6(key6(a))
}
