package fib

import (
	"cmp"
	"math/bits"
	"slices"
)

// u128 is an IPv6 address as a number.
type u128 struct{ hi, lo uint64 }

func (a u128) cmp(b u128) int { return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo)) }

// masked clears all but the first n bits.
func (a u128) masked(n uint) u128 {
	if n <= 64 {
		return u128{hi: a.hi >> (64 - n) << (64 - n)}
	}
	return u128{a.hi, a.lo >> (128 - n) << (128 - n)}
}

// next returns the number that follows the last with the same first n bits; over
// tells that there is none. n is not 0.
func (a u128) next(n uint) (b u128, over bool) {
	if n <= 64 {
		hi, c := bits.Add64(a.masked(n).hi, 1<<(64-n), 0)
		return u128{hi: hi}, c != 0
	}
	m := a.masked(n)
	lo, c := bits.Add64(m.lo, 1<<(128-n), 0)
	hi, c := bits.Add64(m.hi, 0, c)
	return u128{hi, lo}, c != 0
}

// shared returns how many first bits two numbers have in common.
func (a u128) shared(b u128) uint {
	if a.hi != b.hi {
		return uint(bits.LeadingZeros64(a.hi ^ b.hi))
	}
	return 64 + uint(bits.LeadingZeros64(a.lo^b.lo))
}

// prefix6 is an entry as it is sorted: covering prefixes first.
type prefix6 struct {
	addr   u128
	length uint
	leaf   uint32
}

// run6 is a range of addresses with one leaf, up to the start of the next run.
type run6 struct {
	start u128
	leaf  uint32
}

// compile6 compiles the n entries that are IPv6.
func compile6(entries []Entry, n int) lpm6 {
	ps := make([]prefix6, 0, n)
	for _, e := range entries {
		if !e.Prefix.Addr().Is4() {
			hi, lo := key6(e.Prefix.Addr())
			length := uint(e.Prefix.Bits())
			ps = append(ps, prefix6{u128{hi, lo}.masked(length), length, e.ID + 1})
		}
	}
	order := func(a, b prefix6) int { return cmp.Or(a.addr.cmp(b.addr), cmp.Compare(a.length, b.length)) }
	if !slices.IsSortedFunc(ps, order) {
		slices.SortStableFunc(ps, order)
	}
	t := lpm6{}
	if ps[0].length == 0 {
		for len(ps) > 0 && ps[0].length == 0 {
			t.outside = ps[0].leaf
			ps = ps[1:]
		}
	}
	if len(ps) == 0 {
		return t
	}
	t.skip = sharedBits(ps)
	t.common = ps[0].addr.masked(uint(t.skip)).hi
	t.bits = directBits6(n, t.skip)
	b := builder6{runs: flatten6(ps, t.outside)}
	t.direct = make([]uint32, 1<<t.bits)
	for i := range t.direct {
		hi := t.common | uint64(i)<<(64-t.bits-t.skip)
		t.direct[i] = b.word(u128{hi: hi}, uint(t.skip+t.bits))
	}
	t.nodes = slices.Clip(b.nodes)
	return t
}

// sharedBits is the number of first bits that all prefixes have in common, at most
// 40.
func sharedBits(ps []prefix6) uint8 {
	n := min(ps[0].addr.shared(ps[len(ps)-1].addr), 40)
	for i := range ps {
		n = min(n, ps[i].length)
	}
	return uint8(n)
}

// directBits6 is the number of bits that index the array of a table of n prefixes
// with some shared bits. Nodes then begin at multiples of 8 bits.
func directBits6(n int, skip uint8) uint8 {
	align := 8 - skip%8
	switch {
	case n <= 64:
		return align
	case n <= 4096:
		return align + 8
	}
	return align + 16
}

// flatten6 turns sorted prefixes, which nest, into runs, which do not.
func flatten6(ps []prefix6, outside uint32) []run6 {
	type open struct {
		end  u128
		over bool // the end is behind the last address
		leaf uint32
	}
	runs := make([]run6, 0, 2*len(ps)+1)
	emit := func(start u128, leaf uint32) {
		if n := len(runs); n > 0 && runs[n-1].start == start {
			runs[n-1].leaf = leaf
			return
		}
		runs = append(runs, run6{start, leaf})
	}
	stack := make([]open, 1, 130)
	stack[0] = open{over: true, leaf: outside}
	pop := func() {
		end := stack[len(stack)-1].end
		stack = stack[:len(stack)-1]
		emit(end, stack[len(stack)-1].leaf)
	}
	emit(u128{}, outside)
	for i, p := range ps {
		if i+1 < len(ps) && ps[i+1].addr == p.addr && ps[i+1].length == p.length {
			continue
		}
		for top := stack[len(stack)-1]; !top.over && top.end.cmp(p.addr) <= 0; top = stack[len(stack)-1] {
			pop()
		}
		end, over := p.addr.next(p.length)
		stack = append(stack, open{end, over, p.leaf})
		emit(p.addr, p.leaf)
	}
	for !stack[len(stack)-1].over {
		pop()
	}
	return runs
}

// builder6 makes the words of a table from the first address to the last.
type builder6 struct {
	runs  []run6 // the first is that of the address that comes next
	nodes []uint32
}

// word returns the word for the addresses that share the first pos bits of addr: a
// leaf if they are in one run, else a new node.
func (b *builder6) word(addr u128, pos uint) uint32 {
	for len(b.runs) > 1 && b.runs[1].start.cmp(addr) <= 0 {
		b.runs = b.runs[1:]
	}
	n := 1 // runs that begin within, and the first
	for n < len(b.runs) && b.runs[n].start.masked(pos) == addr {
		n++
	}
	if n == 1 {
		return b.runs[0].leaf
	}
	if at, ok := b.narrow(n, pos); ok {
		return b.path(at)
	}
	return b.node(addr, pos)
}

// narrow finds the longest prefix that holds all runs but the first, which is also
// what follows them, if it is so much longer than pos that a path node pays.
func (b *builder6) narrow(n int, pos uint) (p prefix6, ok bool) {
	first, last := b.runs[1].start, b.runs[n-1].start
	if n < 3 || b.runs[n-1].leaf != b.runs[0].leaf {
		return p, false
	}
	// The last run begins behind the prefix.
	end := u128{last.hi, last.lo - 1}
	if last.lo == 0 {
		end.hi--
	}
	length := first.shared(end)
	if length < pos+16 {
		return p, false
	}
	return prefix6{addr: first.masked(length), length: length, leaf: b.runs[0].leaf}, true
}

// path appends a path node and returns the word that points to it.
func (b *builder6) path(p prefix6) uint32 {
	inside := b.word(p.addr, p.length)
	place := uint32(len(b.nodes))
	b.nodes = append(b.nodes, uint32(p.length), uint32(p.addr.hi), uint32(p.addr.hi>>32),
		uint32(p.addr.lo), uint32(p.addr.lo>>32), p.leaf, inside)
	return place | child | path
}

// node appends a node, after those below it, and returns the word that points to
// it. Of the last node of an address, some bits may lie behind the last bit.
func (b *builder6) node(addr u128, pos uint) uint32 {
	var starts [4]uint64
	var words [256]uint32
	n := 0
	pad := max(pos+8, 128) - 128
	for i := range uint(256) >> pad {
		w := b.word(addr.with(i<<pad, pos), min(pos+8, 128))
		if n > 0 && words[n-1] == w {
			continue
		}
		words[n] = w
		n++
		starts[i<<pad>>6] |= 1 << (i << pad & 63)
	}
	place := uint32(len(b.nodes))
	var ranks, sum uint32
	for i, s := range starts {
		ranks |= sum << (8 * i)
		sum += uint32(bits.OnesCount64(s))
		b.nodes = append(b.nodes, uint32(s), uint32(s>>32))
	}
	b.nodes = append(append(b.nodes, ranks), words[:n]...)
	return place | child
}

// with sets the 8 bits behind the first pos ones, which are 0.
func (a u128) with(octet, pos uint) u128 {
	v := uint64(octet) << 56
	if pos < 64 {
		return u128{a.hi | v>>pos, a.lo | v<<(64-pos)}
	}
	return u128{a.hi, a.lo | v>>(pos-64)}
}
