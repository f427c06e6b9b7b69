package fib

import (
	"slices"
	"sort"
)

// maxSkip is the number of shared first bits that a table makes use of.
const maxSkip = 40

// build compiles sorted prefixes.
func build(ps []prefix, is4 bool) table {
	n := len(ps)
	var outside uint32
	if n > 0 && ps[0].length == 0 {
		outside = ps[0].leaf
		ps = ps[1:]
	}
	t := table{}
	if len(ps) > 0 && !is4 {
		t.skip = uint8(sharedBits(ps))
		t.common = ps[0].addr.masked(uint(t.skip))
		t.mask = u128{hi: ^uint64(0)}.masked(uint(t.skip)).hi
	}
	t.bits = directBits(n, t.skip)
	b := builder{runs: flatten(ps, outside)}
	b.nodes = make([]uint32, nodeHead, nodeHead+len(b.runs)+len(b.runs)/4)
	t.direct = make([]uint32, 1<<t.bits+1)
	b.direct(&t)
	t.direct[1<<t.bits] = outside
	t.nodes = slices.Clip(b.nodes)
	return t
}

// sharedBits is the number of first bits that sorted prefixes have in common.
func sharedBits(ps []prefix) uint {
	n := min(ps[0].addr.shared(ps[len(ps)-1].addr), maxSkip)
	for i := range ps {
		n = min(n, uint(ps[i].length))
	}
	return n
}

// directBits is the number of bits that index the array of a table of n prefixes
// that share some bits: such that nodes begin at multiples of their stride, and that
// the array has at most 64 words a prefix, and 2^21.
func directBits(n int, skip uint8) uint8 {
	b := strideBits - skip%strideBits
	for b+strideBits <= 21 && 1<<(b+strideBits) <= 64*n {
		b += strideBits
	}
	return b
}

// builder makes the words of a table from the first address to the last.
type builder struct {
	runs  []run // the first is that of the address that comes next
	nodes []uint32
}

// direct fills the array of a table.
func (b *builder) direct(t *table) {
	words := t.direct[:1<<t.bits]
	end := uint(t.skip + t.bits)
	for i := 0; i < len(words); {
		w := b.word(t.common.withDirect(uint64(i), t), end)
		words[i] = w
		i++
		if w >= path {
			continue
		}
		last := len(words)
		if next, ok := b.nextIn(t.common, uint(t.skip)); ok {
			last = int(next.hi << t.skip >> (64 - t.bits))
		}
		for ; i < last; i++ {
			words[i] = w
		}
	}
}

// withDirect sets the bits that index the array of a table.
func (a u128) withDirect(i uint64, t *table) u128 {
	return u128{hi: a.hi | i<<(64-t.bits-t.skip)}
}

// nextIn returns the start of the next run if it shares the first pos bits of addr,
// to which these are all.
func (b *builder) nextIn(addr u128, pos uint) (u128, bool) {
	if len(b.runs) < 2 || b.runs[1].start.masked(pos) != addr {
		return u128{}, false
	}
	return b.runs[1].start, true
}

// word returns the word for the addresses that share the first pos bits of addr: a
// leaf if they are in one run, else a new node.
func (b *builder) word(addr u128, pos uint) uint32 {
	for len(b.runs) > 1 && !addr.less(b.runs[1].start) {
		b.runs = b.runs[1:]
	}
	if _, ok := b.nextIn(addr, pos); !ok {
		return b.runs[0].leaf
	}
	if p, ok := b.narrow(addr, pos); ok {
		return b.path(p)
	}
	return b.node(addr, pos)
}

// narrow finds the longest prefix that holds all but one leaf of the addresses which
// share the first pos bits of addr, if it is so much longer that a path node pays.
func (b *builder) narrow(addr u128, pos uint) (p prefix, ok bool) {
	length := pos + 2*strideBits
	first, outside := b.runs[1].start, b.runs[0].leaf
	if b.runs[0].start == addr {
		first = addr
	}
	if length > 128 || len(b.runs) > 2 && b.runs[2].start.masked(pos) == addr && first.shared(b.runs[2].start.prev()) < length {
		return p, false
	}
	end, over := addr.next(pos)
	n := sort.Search(len(b.runs)-1, func(i int) bool { return !over && !b.runs[i+1].start.less(end) })
	last := b.runs[n] // begins behind the prefix
	if first == addr {
		outside = last.leaf
	} else if n < 2 || last.leaf != outside {
		return p, false
	}
	if shared := first.shared(last.start.prev()); shared < length {
		return p, false
	} else {
		length = shared - (shared-pos)%strideBits
	}
	return prefix{addr: first.masked(length), length: uint8(length), leaf: outside}, true
}

// path appends a path node and returns the word that points to it.
func (b *builder) path(p prefix) uint32 {
	inside := b.word(p.addr, uint(p.length))
	place := uint32(len(b.nodes))
	b.nodes = append(b.nodes, uint32(p.length), uint32(p.addr.hi), uint32(p.addr.hi>>32),
		uint32(p.addr.lo), uint32(p.addr.lo>>32), p.leaf, inside)
	return place | path
}

// node appends a node, after those below it, and returns the word that points to
// it. Of the last node of an address, some bits lie behind the last bit.
func (b *builder) node(addr u128, pos uint) uint32 {
	var starts uint64
	var words [1 << strideBits]uint32
	n := 0
	below := min(pos+strideBits, 128)
	for i := uint(0); i < 1<<strideBits; {
		w := b.word(addr.with(i, pos), below)
		if n == 0 || w != words[n-1] {
			words[n] = w
			n++
			starts |= 1 << i
		}
		i += 1 << (pos + strideBits - below)
		if w < path {
			next, ok := b.nextIn(addr, pos)
			if !ok {
				break
			}
			i = next.stride(pos)
		}
	}
	place := uint32(len(b.nodes))
	b.nodes = append(b.nodes, uint32(starts), uint32(starts>>32))
	b.nodes = append(b.nodes, words[:n]...)
	return place | child
}
