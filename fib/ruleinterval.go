package fib

import (
	"slices"
)

// intervalIndex finds the rules whose range holds a number: the numbers at which
// the set of rules changes, and the set from each on. top has, for each value of the
// number's first 8 bits, the last start up to there.
type intervalIndex struct {
	starts []uint32
	refs   []ref
	top    []uint32
	shift  uint8 // to the first 8 bits
}

func (x *intervalIndex) find(v uint32) ref {
	if len(x.starts) == 0 {
		return noRules
	}
	b := v >> (x.shift & 31)
	lo, hi := x.top[b], x.top[b+1]
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if x.starts[mid] <= v {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return x.refs[lo]
}

// newIntervalIndex makes an index of rules by range of numbers of some bits. If
// ranges overlap so much that the lists would grow without bound, all rules are left
// over.
func (l *ruleLists) newIntervalIndex(in map[shape][]int32, bits int) (x intervalIndex, over []int32) {
	if len(in) == 0 {
		return x, nil
	}
	starts, n := []uint64{0}, 0
	for s, rules := range in {
		starts = append(starts, s.a, s.b+1)
		n += len(rules)
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	sets := make([][]int32, len(starts))
	room := allowed(n)
	for s, rules := range in {
		at, _ := slices.BinarySearch(starts, s.a)
		for ; at < len(starts) && starts[at] <= s.b && room >= 0; at++ {
			sets[at] = append(sets[at], rules...)
			room -= len(rules)
		}
	}
	if room < 0 {
		for _, rules := range in {
			over = append(over, rules...)
		}
		return x, over
	}
	x.shift = uint8(bits - 8)
	for i, s := range starts {
		if s < 1<<bits {
			slices.Sort(sets[i])
			x.starts, x.refs = append(x.starts, uint32(s)), append(x.refs, l.ref(sets[i]))
		}
	}
	for b := range uint64(257) {
		at, exact := slices.BinarySearch(starts[:len(x.starts)], b<<x.shift)
		if !exact {
			at--
		}
		x.top = append(x.top, uint32(at))
	}
	return x, nil
}
