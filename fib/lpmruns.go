package fib

import (
	"cmp"
	"slices"
)

// prefix is an entry as a table is compiled from.
type prefix struct {
	addr   u128
	length uint8
	leaf   uint32
}

// indexBits is the room for the place of an entry in a sort key. It keeps the places
// of nodes, of which a prefix needs 64 words at most, below the marks of words.
const indexBits = 24

// maxEntries is how many prefixes a table may have.
const maxEntries = 1 << indexBits

// sorted4 returns the n entries that are IPv4, covering prefixes first, and the last
// of equal ones only.
func sorted4(entries []Entry, n int) []prefix {
	keys := make([]uint64, 0, n)
	for i, e := range entries {
		if e.Prefix.Addr().Is4() {
			length := uint64(e.Prefix.Bits())
			addr := uint64(key4(e.Prefix.Addr())) >> (32 - length) << (32 - length)
			keys = append(keys, (addr<<6|length)<<indexBits|uint64(i))
		}
	}
	if !slices.IsSorted(keys) {
		slices.Sort(keys)
	}
	out := make([]prefix, 0, n)
	for i, k := range keys {
		if i+1 < len(keys) && k>>indexBits == keys[i+1]>>indexBits {
			continue
		}
		addr := u128{hi: k >> (indexBits + 6) << 32}
		out = append(out, prefix{addr, uint8(k >> indexBits & 63), entries[k&(1<<indexBits-1)].ID + 1})
	}
	return out
}

// sorted6 is sorted4 for the n entries that are IPv6.
func sorted6(entries []Entry, n int) []prefix {
	out := make([]prefix, 0, n)
	for _, e := range entries {
		if e.Prefix.Addr().Is6() {
			length := uint8(e.Prefix.Bits())
			out = append(out, prefix{key6(e.Prefix.Addr()).masked(uint(length)), length, e.ID + 1})
		}
	}
	order := func(a, b prefix) int { return cmp.Or(a.addr.cmp(b.addr), cmp.Compare(a.length, b.length)) }
	if !slices.IsSortedFunc(out, order) {
		slices.SortStableFunc(out, order)
	}
	kept := out[:0]
	for i, p := range out {
		if i+1 < len(out) && order(p, out[i+1]) == 0 {
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// run is a range of addresses with one leaf, up to the start of the next run.
type run struct {
	start u128
	answer
}

// answer is a leaf, and the length of the prefix that owns it where a writer needs
// to know, else 0.
type answer struct {
	leaf  uint32
	owner uint8
}

// flatten turns sorted prefixes, which nest, into runs, which do not. Addresses
// that none of them covers have the leaf outside. Of a table that is never written
// (owned is false), nothing tells the owners of leaves.
func flatten(ps []prefix, outside uint32, owned bool) []run {
	type open struct {
		end  u128
		over bool // the end is behind the last address
		answer
	}
	runs := make([]run, 0, 2*len(ps)+1)
	emit := func(start u128, a answer) {
		if n := len(runs); n > 0 && runs[n-1].start == start {
			runs[n-1].answer = a
			return
		}
		runs = append(runs, run{start, a})
	}
	stack := make([]open, 1, 130)
	stack[0] = open{over: true, answer: answer{leaf: outside}}
	pop := func() {
		end := stack[len(stack)-1].end
		stack = stack[:len(stack)-1]
		emit(end, stack[len(stack)-1].answer)
	}
	emit(u128{}, stack[0].answer)
	for _, p := range ps {
		for top := &stack[len(stack)-1]; !top.over && !p.addr.less(top.end); top = &stack[len(stack)-1] {
			pop()
		}
		end, over := p.addr.next(uint(p.length))
		a := answer{leaf: p.leaf}
		if owned {
			a.owner = p.length
		}
		stack = append(stack, open{end, over, a})
		emit(p.addr, a)
	}
	for !stack[len(stack)-1].over {
		pop()
	}
	return runs
}
