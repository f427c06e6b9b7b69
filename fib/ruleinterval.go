package fib

import (
	"slices"
	"sort"
)

// intervalIndex finds the rules whose range holds a number: the numbers at which
// the set of rules changes, and the set from each on.
type intervalIndex struct {
	starts []uint64
	lists  [][]int32
}

func (x *intervalIndex) find(v uint32) []int32 {
	if len(x.starts) == 0 {
		return nil
	}
	at := sort.Search(len(x.starts), func(i int) bool { return x.starts[i] > uint64(v) })
	if at == 0 {
		return nil
	}
	return x.lists[at-1]
}

// newIntervalIndex makes an index of rules by range. If ranges overlap so much that
// the lists would grow without bound, all rules are left over.
func newIntervalIndex(in map[shape][]int32) (x intervalIndex, over []int32) {
	n := 0
	for s, rules := range in {
		x.starts = append(x.starts, s.a, s.b+1)
		n += len(rules)
	}
	slices.Sort(x.starts)
	x.starts = slices.Compact(x.starts)
	x.lists = make([][]int32, len(x.starts))
	room := allowed(n)
	for s, rules := range in {
		at, _ := slices.BinarySearch(x.starts, s.a)
		for ; x.starts[at] <= s.b && room >= 0; at++ {
			x.lists[at] = append(x.lists[at], rules...)
			room -= len(rules)
		}
	}
	if room < 0 {
		for _, rules := range in {
			over = append(over, rules...)
		}
		return intervalIndex{}, over
	}
	for _, l := range x.lists {
		slices.Sort(l)
	}
	return x, nil
}
