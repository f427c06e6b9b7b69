package fib

import (
	"net/netip"
	"slices"
)

// indexBits is the room for the place of an entry in a sort key.
const indexBits = 26

// compile4 compiles the n entries that are IPv4.
func compile4(entries []Entry, n int) lpm4 {
	keys := make([]uint64, 0, n)
	for i, e := range entries {
		if e.Prefix.Addr().Is4() {
			keys = append(keys, prefix4(e.Prefix)<<indexBits|uint64(i))
		}
	}
	if !slices.IsSorted(keys) {
		slices.Sort(keys)
	}
	b := builder4{runs: flatten4(keys, entries)}
	return b.build(directBits4(n))
}

// prefix4 is a prefix as a number that sorts covering prefixes first: address, then
// length.
func prefix4(p netip.Prefix) uint64 {
	length := uint64(p.Bits())
	return uint64(key4(p.Addr()))>>(addrBits-length)<<(addrBits-length)<<6 | length
}

// directBits4 is the number of bits that index the array of a table of n prefixes.
func directBits4(n int) uint8 {
	switch {
	case n <= 64:
		return strideBits
	case n <= 4096:
		return 2 * strideBits
	}
	return 3 * strideBits
}

// run4 is a range of addresses with one leaf, up to the start of the next run.
type run4 struct {
	start uint64
	leaf  uint32
}

// flatten4 turns sorted prefixes, which nest, into runs, which do not. The last run
// starts behind the last address.
func flatten4(keys []uint64, entries []Entry) []run4 {
	type open struct {
		end  uint64
		leaf uint32
	}
	runs := make([]run4, 0, 2*len(keys)+2)
	emit := func(start uint64, leaf uint32) {
		if n := len(runs); n > 0 && runs[n-1].start == start {
			runs[n-1].leaf = leaf
			return
		}
		runs = append(runs, run4{start, leaf})
	}
	stack := make([]open, 1, addrBits+2)
	stack[0] = open{1<<addrBits + 1, 0}
	closeUntil := func(addr uint64) {
		for stack[len(stack)-1].end <= addr {
			end := stack[len(stack)-1].end
			stack = stack[:len(stack)-1]
			emit(end, stack[len(stack)-1].leaf)
		}
	}
	emit(0, 0)
	for i, k := range keys {
		if i+1 < len(keys) && k>>indexBits == keys[i+1]>>indexBits {
			continue
		}
		addr, length := k>>(indexBits+6), k>>indexBits&63
		closeUntil(addr)
		leaf := entries[k&(1<<indexBits-1)].ID + 1
		stack = append(stack, open{addr + 1<<(addrBits-length), leaf})
		emit(addr, leaf)
	}
	closeUntil(1 << addrBits)
	emit(1<<addrBits, 0)
	return runs
}

// builder4 makes the words of a table from the first address to the last.
type builder4 struct {
	runs  []run4 // the first is that of the address that comes next
	nodes []uint32
}

func (b *builder4) build(direct uint8) lpm4 {
	t := lpm4{direct: make([]uint32, 1<<direct), shift: addrBits - direct}
	b.nodes = make([]uint32, 0, len(b.runs))
	for i := range t.direct {
		t.direct[i] = b.word(uint64(i)<<t.shift, int(t.shift))
	}
	t.nodes = slices.Clip(b.nodes)
	return t
}

// word returns the word for 2^width addresses: a leaf if they are in one run, else
// a new node.
func (b *builder4) word(addr uint64, width int) uint32 {
	end := addr + 1<<width
	for b.runs[1].start <= addr {
		b.runs = b.runs[1:]
	}
	if b.runs[1].start >= end {
		return b.runs[0].leaf
	}
	return b.node(addr, width)
}

// node appends a node, after those below it, and returns the word that points to
// it. The last level has fewer than strideBits bits of the address, at the upper
// end of its index.
func (b *builder4) node(addr uint64, width int) uint32 {
	below := max(width-strideBits, 0)
	pad := strideBits - (width - below)
	var starts uint64
	var words [1 << strideBits]uint32
	n := 0
	for i := range 1 << (width - below) {
		w := b.word(addr+uint64(i)<<below, below)
		if n > 0 && words[n-1] == w {
			continue
		}
		words[n] = w
		n++
		starts |= 1 << (i << pad)
	}
	place := uint32(len(b.nodes))
	b.nodes = append(b.nodes, uint32(starts), uint32(starts>>32))
	b.nodes = append(b.nodes, words[:n]...)
	return place | child
}
