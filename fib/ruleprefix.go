package fib

import (
	"cmp"
	"net/netip"
	"slices"
)

// prefixIndex finds the rules whose prefix covers an address: a list for each
// prefix, which holds the rules of the prefixes around it too.
type prefixIndex struct {
	lpm   *LPM
	lists [][]int32
}

func (x *prefixIndex) find(a netip.Addr) []int32 {
	if x.lpm == nil {
		return nil
	}
	id, ok := x.lpm.Lookup(a)
	if !ok {
		return nil
	}
	return x.lists[id]
}

// newPrefixIndex makes an index of rules by prefix. So that the lists do not grow
// without bound, the rules of prefixes that hold too many others are left over.
func newPrefixIndex(in map[shape][]int32) (x prefixIndex, over []int32) {
	type item struct {
		prefix netip.Prefix
		rules  []int32
	}
	var items []item
	n := 0
	for s, rules := range in {
		items = append(items, item{s.prefix, rules})
		n += len(rules)
	}
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	inside := make([]int, len(items)) // prefixes within each, itself included
	var around []int
	for i := range items {
		for len(around) > 0 && !items[around[len(around)-1]].prefix.Contains(items[i].prefix.Addr()) {
			around = around[:len(around)-1]
		}
		around = append(around, i)
		for _, j := range around {
			inside[j]++
		}
	}
	room := allowed(n)
	var entries []Entry
	var open []int
	for i, it := range items {
		if len(it.rules)*inside[i] > room/8 {
			over = append(over, it.rules...)
			it.rules = nil
		}
		for len(open) > 0 && !items[open[len(open)-1]].prefix.Contains(it.prefix.Addr()) {
			open = open[:len(open)-1]
		}
		list := it.rules
		if len(open) > 0 {
			list = slices.Concat(x.lists[open[len(open)-1]], it.rules)
			slices.Sort(list)
		}
		open = append(open, i)
		entries = append(entries, Entry{it.prefix, uint32(i)})
		x.lists = append(x.lists, list)
	}
	if len(entries) > 0 {
		x.lpm, _ = NewLPM(entries) // the prefixes are valid and the ids small
	}
	return x, over
}
