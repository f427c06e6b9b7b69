package fib

import (
	"cmp"
	"net/netip"
	"slices"
)

// prefixIndex finds the rules whose prefix covers an address: references by prefix,
// each to the prefix's own rules and those of the prefixes around it. IPv4 addresses have a
// hash, and all else an LPM.
type prefixIndex struct {
	hosts    hashIndex
	lpm      *LPM // nil: it is empty
	prefixes []netip.Prefix
}

// maxHosts is how many addresses have a hash; more take less memory in an LPM.
const maxHosts = 1 << 14

func (x *prefixIndex) find(a netip.Addr) ref {
	if a.Is4() && x.hosts.slots != nil {
		if r := x.hosts.find(key4(a)); r != noRules {
			return r
		}
	}
	if x.lpm == nil {
		return noRules
	}
	id, _ := x.lpm.Lookup(a) // NoRoute for none, which is noRules
	return ref(id)
}

func (x *prefixIndex) empty() bool { return len(x.prefixes) == 0 }

// prefixRules are the rules of a prefix.
type prefixRules struct {
	prefix netip.Prefix
	rules  []int32
	inside int // prefixes within this one, itself included
}

// newPrefixIndex makes an index of rules by prefix. So that the lists do not grow
// without bound, the rules of prefixes that hold too many others are left over.
func (l *ruleLists) newPrefixIndex(in map[shape][]int32) (x prefixIndex, over []int32) {
	items, n := sortedPrefixes(in)
	countInside(items)
	room := allowed(n)
	var entries []Entry
	hosts := map[uint32]ref{}
	hash := countHosts(items) <= maxHosts
	var open []int
	sets := make([][]int32, len(items))
	for i, it := range items {
		if len(it.rules)*it.inside > room/8 {
			over = append(over, it.rules...)
			it.rules = nil
		}
		for len(open) > 0 && !items[open[len(open)-1]].prefix.Contains(it.prefix.Addr()) {
			open = open[:len(open)-1]
		}
		set := it.rules
		if len(open) > 0 {
			set = slices.Concat(sets[open[len(open)-1]], it.rules)
			slices.Sort(set)
		}
		sets[i] = set
		open = append(open, i)
		if len(set) > 0 {
			x.prefixes = append(x.prefixes, it.prefix)
			if hash && isHost4(it.prefix) {
				hosts[key4(it.prefix.Addr())] = l.ref(set)
			} else {
				entries = append(entries, Entry{it.prefix, uint32(l.ref(set))})
			}
		}
	}
	x.hosts = newHashIndex(hosts)
	if len(entries) > 0 {
		x.lpm, _ = NewLPM(entries) // the prefixes are valid and the ids small
	}
	return x, over
}

func isHost4(p netip.Prefix) bool { return p.Addr().Is4() && p.Bits() == 32 }

func countHosts(items []prefixRules) (n int) {
	for i := range items {
		if isHost4(items[i].prefix) {
			n++
		}
	}
	return n
}

// sortedPrefixes lists the prefixes, those around others before them, and counts the
// rules.
func sortedPrefixes(in map[shape][]int32) (items []prefixRules, n int) {
	for s, rules := range in {
		slices.Sort(rules)
		items = append(items, prefixRules{prefix: s.prefix, rules: rules})
		n += len(rules)
	}
	slices.SortFunc(items, func(a, b prefixRules) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	return items, n
}

func countInside(items []prefixRules) {
	var around []int
	for i := range items {
		for len(around) > 0 && !items[around[len(around)-1]].prefix.Contains(items[i].prefix.Addr()) {
			around = around[:len(around)-1]
		}
		around = append(around, i)
		for _, j := range around {
			items[j].inside++
		}
	}
}
